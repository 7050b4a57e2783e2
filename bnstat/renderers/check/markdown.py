"""The verdict as Markdown, for a pull request or the summary of a run."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.check.headline import in_short
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.markdown import escaped, table
from bnstat.reports.check import Check
from bnstat.text import capitalized, printable
from bnstat.version import link_of_rule

_HEADERS = ("severity", "rule", "file", "where", "message")


def render(check: Check) -> str:
    """Return the verdict as Markdown: the outcome, what it comes to, a row for each rule on each file, and the rest."""
    groups = alike.worst_first(alike.gathered(check, check.findings))
    parts = [
        [f"**bnstat check {alike.outcome(check)}**: {escaped(alike.verdict(check))}"],
        [escaped(f"{capitalized(in_short(check))}.")] if check.findings else [],
        _failures(check),
        table(_HEADERS, map(_row, groups), left=len(_HEADERS)) if groups else [],
        _stale(check),
        _closing(check),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _failures(check: Check) -> list[str]:
    lines = [f"- {escaped(printable(one.source))}: {escaped(alike.one_line(one.message))}" for one in check.errors]
    return ["Cannot be read:", "", *lines] if lines else []


def _row(group: Alike) -> Sequence[str]:
    """Return one rule on one file: where all of it is, and what the first finding says."""
    first = group.first
    link = link_of_rule(first.rule, first.name)
    title = group.title if link is None else f"[{first.rule}]({link}) {first.name}"
    return (first.severity, title, escaped(group.where), escaped(group.places), escaped(alike.one_line(first.message)))


def _stale(check: Check) -> list[str]:
    lines = [f"- {escaped(alike.stale_line(entry))}" for entry in check.stale]
    return [alike.STALE, "", *lines] if lines else []


def _closing(check: Check) -> list[str]:
    """Return which layer it was, and the command that explains a finding."""
    settings = check.settings.layer
    layer = escaped("; ".join([alike.settings_of(check), *preparation_lines(settings.preparation)]))
    more = f" {alike.HINT} `{alike.hint(check)}`." if check.findings else ""
    return [f"Checked for {layer}.{more}"]
