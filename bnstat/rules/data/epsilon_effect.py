"""ε takes a visible share of what the layer divides by.

What it does: reports a channel, or a group of channels, in which ε/(variance + ε) is over 1 %. ε (epsilon) is a small
constant that the layer adds to the variance. For RMS norm, the mean square takes the place of the variance.

Why it matters: the variance of the output is variance/(variance + ε), not 1. With Keras' default of ε = 1e-3, data that
were scaled to [0, 1] and have a variance of 0.0011 come out with a variance of 0.523. Two frameworks with different ε
then train different networks on the same data.

Example:
    $ bnstat inspect sample_data/mri_unit_range.nii.gz
    warning BN103 epsilon-effect
      channel 0: ε (epsilon) 0.001 is 47.7 % of variance + ε (limit 1 %), so
      the output has variance 0.523 instead of 1; PyTorch's ε 1e-05 would give
      0.991. Use ε ≤ 1.1e-05 (a share of 1 %), or multiply the data by 9.6 or
      more.

What to do: give the layer a smaller ε, or scale the data to a variance far above it.

Threshold: a share of 1 %, `--limit epsilon-share=0.01`. The variance of the output is short by this share, and its
standard deviation by half of it. A network should not notice more than that.

Sources: output variance = variance/(variance + ε). Keras' ε of 1e-3 and PyTorch's of 1e-5 are the defaults in their
documentation; `bnstat frameworks` lists them with their sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, floor, log10, sqrt

from bnstat.layers.frameworks import unlike
from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import beyond, capitalized, short


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    epsilon, limit = evidence.settings.added, evidence.limits.epsilon_share
    if epsilon is None:
        return
    parts = evidence.report.parts
    for batch, part in parts.where((parts.number("divisor") > 0) & (parts.number("epsilon_share") > limit)):
        share = part.epsilon_share or 0.0
        message = (
            f"{part.title}: ε (epsilon) {epsilon:g} is {beyond(100 * share, 100 * limit, 3)} % of "
            f"{divisor_name(evidence.settings)} + ε (limit {100 * limit:g} %), so "
            f"{output_of(part, evidence.settings)}{remedy(epsilon, part, evidence)}"
        )
        yield rule.finding(evidence, batch, part, message, value=share, threshold=limit)


def divisor_name(settings: Settings) -> str:
    """Name what ε is added to."""
    return "mean square" if settings.kind == "rms" else "variance"


def output_of(part: Channel | Group, settings: Settings) -> str:
    """Say what ε leaves of an output of 1."""
    before = " before batch renorm's correction" if settings.kind == "renorm" else ""
    return f"the output{before} has {divisor_name(settings)} {part.output:.3g} instead of 1"


def remedy(epsilon: float, part: Channel | Group, evidence: Evidence) -> str:
    """Say what another framework's ε would give for values that vary, and what to do."""
    divisor = part.divisor or 0.0
    settings, share = evidence.settings, evidence.limits.epsilon_share
    harmless = _rounded_down(divisor * share / (1 - share)) if share < 1 else 0.0
    larger = multiply(epsilon, divisor, share)
    use = (
        f"Use ε ≤ {harmless:g} (a share of {100 * share:g} %), or {larger}." if harmless else f"{capitalized(larger)}."
    )
    if settings.kind == "weight-init":
        return f". {use}"  # the paper has no ε, so no framework has one for it
    other, its_epsilon = unlike(epsilon, settings.kind)
    there = divisor / (divisor + its_epsilon)
    return f"; {other.title}'s ε {its_epsilon:g} would give {there:.3g}. {use}"


def multiply(epsilon: float, divisor: float, share: float) -> str:
    """Say by what to multiply the data so that ε takes no more than a share: f²·variance ≥ ε·(1 − share)/share."""
    if not 0 < share < 1 or not divisor:
        return "scale the data up"
    factor = sqrt(epsilon * (1 - share) / share) / sqrt(divisor)
    return f"multiply the data by {_rounded_up(factor)} or more"


def _rounded_up(number: float) -> str:
    """Round to two digits, never down."""
    step = 10.0 ** (floor(log10(number)) - 1)
    return short(float(f"{ceil(number / step) * step:.2g}"), 2)


def _rounded_down(number: float) -> float:
    """Round to two digits, never up; return 0 if float64 has no digits left."""
    if number < 1e-300:
        return 0.0
    step = 10.0 ** (floor(log10(number)) - 1)
    return float(f"{floor(number / step) * step:.2g}")


RULE = Rule("BN103", "epsilon-effect", "warning", _check, family="spread")
