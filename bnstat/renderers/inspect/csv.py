"""The report as CSV: a row for each batch and channel, always complete. What is undefined is an empty field."""

from __future__ import annotations

from typing import Any

from bnstat.renderers import sheet
from bnstat.renderers.inspect.json import channel_fields
from bnstat.report import Batch, Channel, Report

_FINITE = ("count", "mean", "variance")


def render(report: Report) -> str:
    """The report as CSV with a header line; findings are the codes of the rules, separated by spaces."""
    codes: dict[tuple[int | None, int | None], list[str]] = {}
    for finding in report.findings:
        codes.setdefault((finding.batch, finding.channel), []).append(finding.rule)
    rows = [
        _row(
            report,
            batch,
            channel,
            [*codes.get((batch.index, channel.channel), []), *codes.get((batch.index, None), [])],
        )
        for batch in report.batches
        for channel in batch.channels
    ]
    return sheet.written(rows)


def _row(report: Report, batch: Batch, channel: Channel, codes: list[str]) -> dict[str, Any]:
    fields = channel_fields(channel)
    finite = fields.pop("finite", {})
    return {
        "batch": batch.index,
        "samples": " ".join(str(index) for index in batch.samples),
        "source": report.source_of(batch) or "",
        **fields,
        **{f"finite_{name}": finite.get(name) for name in _FINITE},
        "findings": " ".join(codes),
    }
