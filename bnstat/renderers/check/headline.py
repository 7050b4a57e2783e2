"""What the findings of a check come to, in the line that its table opens with."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers.check import alike
from bnstat.reports.check import Check
from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.text import numbered

# Rules on what a batch size does: each names one figure that it leaves beyond its limit.
FIGURES = ("BN202", "BN203", "BN204")
# The rule that speaks of the same figures where the batch is small.
SMALL = "BN205"


def headline(check: Check) -> str:
    """Return the counts and what was found: a check of at least one finding."""
    return f"{alike.counted(check)}: {in_short(check)}."


def in_short(check: Check) -> str:
    """Return what was found, errors first: a check of at least one finding."""
    figures = [one for one in check.findings if one.rule in FIGURES]
    others = [one for one in check.findings if one.rule not in FIGURES and not (figures and one.rule == SMALL)]
    errors = _named([one for one in others if one.severity == "error"])
    rest = _named([one for one in others if one.severity != "error"])
    clauses = [errors, _too_small(check, figures) if figures else "", rest]
    return "; ".join(filter(None, clauses))


def _named(findings: Sequence[Finding]) -> str:
    """Return the rules of findings, the worst first."""
    ordered = sorted(findings, key=lambda one: SEVERITIES.index(one.severity))
    return ", ".join(dict.fromkeys(f"{one.rule} {one.name}" for one in ordered))


def _too_small(check: Check, figures: Sequence[Finding]) -> str:
    """Return for which channels the batch is too small, and which size would be enough for all of them."""
    channels = {one.channel for one in figures if one.channel is not None}
    layer = check.settings.layer
    said = f"batch size {layer.batch_size * layer.ranks:,} is too small for {numbered('channel', 'channels', channels)}"
    needed = [one.all for one in check.needs if one.channel in channels]
    estimates = [one.estimate for one in needed if one.estimate is not None]
    if not needed or len(estimates) < len(needed):
        return f"{said}; use a larger one, or instance or group norm"
    from bnstat.batch_size.confidence import CONFIDENCE  # noqa: PLC0415  (numpy, which explaining a rule does without)

    surest = [one.most for one in needed if one.most is not None]
    certain = f"with {100 * CONFIDENCE:g}{NO_BREAK_SPACE}% confidence"
    surely = f" ({max(surest):,} {certain})" if len(surest) == len(needed) else ""
    return f"{said}; use about {max(estimates):,}{surely}, or instance or group norm"
