"""The verdict as Markdown, for a pull request or the summary of a run."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers import text
from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.inspect import markdown
from bnstat.report.check import Check

_HEADERS = ("severity", "rule", "file", "where", "message")


def render(check: Check) -> str:
    """The verdict as Markdown: what it is, a row for each rule on each file, and what is beside that."""
    parts = [
        [f"**bnstat check {alike.outcome(check)}**: {_escaped(alike.verdict(check))}"],
        _failures(check),
        _table(alike.worst_first(alike.gathered(check, check.findings))),
        _stale(check),
        _closing(check),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _failures(check: Check) -> list[str]:
    lines = [f"- {_escaped(one.source)}: {_escaped(alike.one_line(one.message))}" for one in check.errors]
    return ["Could not be read:", "", *lines] if lines else []


def _table(groups: Sequence[Alike]) -> list[str]:
    rows = [_row(group) for group in groups]
    rule = ["---"] * len(_HEADERS)
    return [f"| {' | '.join(cells)} |" for cells in (_HEADERS, rule, *rows)] if rows else []


def _row(group: Alike) -> Sequence[str]:
    """One rule on one file: where all of it is, and what the first finding says."""
    first = group.first
    return (first.severity, group.title, _escaped(group.where), group.places, _escaped(alike.one_line(first.message)))


def _stale(check: Check) -> list[str]:
    lines = [f"- {_escaped(alike.stale_line(entry))}" for entry in check.stale]
    return [alike.STALE, "", *lines] if lines else []


def _closing(check: Check) -> list[str]:
    """Whose layer it was, and where more is said."""
    settings = check.settings.layer
    layer = _escaped("; ".join([text.settings_line(settings), *text.preparation_lines(settings.preparation)]))
    more = f" What a finding means and what to do: `{alike.hint(check)}`." if check.findings else ""
    return [f"Checked for {layer}.{more}"]


def _escaped(line: str) -> str:
    """Text that Markdown leaves as it is, links too."""
    return markdown.escaped(line).replace("](", "]\\(")
