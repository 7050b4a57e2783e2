"""The report as Markdown, for an issue, a pull request or a notebook."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.renderers import text
from bnstat.report import SEVERITIES, Channel, Report

_HEADERS = (
    *("channel", "mean", "variance", "std", "min", "max"),
    *("output variance", "ε share", "running mean", "running variance"),
)


def render(report: Report) -> str:
    """The report as Markdown, every batch and channel in it."""
    if not report.batches:
        return ""
    several = len(report.batches) > 1
    headers = ["batch", *_HEADERS] if several else list(_HEADERS)
    rows = [
        [*([str(batch.index)] if several else []), *_cells(channel)]
        for batch in report.batches
        for channel in batch.channels
    ]
    lines = [
        f"**{_escaped(text.inputs_line(report))}**",
        "",
        *(f"{line}  " for line in (_escaped(text.settings_line(report.settings)), *text.tensor_lines(report))),
        "",
        *_table(headers, rows),
    ]
    for group in text.grouped(report.findings, SEVERITIES):
        first, others = group[0], group[1:]
        also = f" Likewise {text.places(others, several)}." if others else ""
        lines += [
            *([] if lines[-1].startswith("- ") else [""]),
            f"- **{first.severity} {first.rule} {first.name}**: {_escaped(first.message)}{also}",
        ]
    if report.answer:
        lines += ["", _escaped(report.answer)]
    return "\n".join(lines) + "\n"


def _cells(channel: Channel) -> list[str]:
    return [
        str(channel.channel),
        text.number(channel.mean, 7),
        text.number(channel.variance, 7),
        text.number(channel.std, 6),
        text.number(channel.minimum, 6),
        text.number(channel.maximum, 6),
        text.variance_of_one(channel.output_variance),
        text.share(channel.epsilon_share),
        text.number(channel.running_mean, 7),
        text.number(channel.running_variance, 7),
    ]


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---:"] * len(headers)
    return [f"| {' | '.join(cells)} |" for cells in (headers, rule, *rows)]


def _escaped(line: str) -> str:
    """Text that Markdown leaves as it is."""
    line = text.printable(line)
    return "".join(f"\\{c}" if c in "\\`*_|<>" else c for c in line)
