"""The report as CSV: a row for each batch and channel, always complete. What is undefined is an empty field."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

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
    if not rows:
        return ""
    file = StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _row(report: Report, batch: Batch, channel: Channel, codes: list[str]) -> dict[str, Any]:
    fields = channel_fields(channel)
    finite = fields.pop("finite", {})
    return {
        "batch": batch.index,
        "samples": " ".join(str(index) for index in batch.samples),
        "source": report.source_of(batch) or "",
        **{name: _plain(value) for name, value in fields.items()},
        **{f"finite_{name}": _plain(finite.get(name)) for name in _FINITE},
        "findings": " ".join(codes),
    }


def _plain(value: Any) -> Any:  # noqa: ANN401  (whatever a field holds)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value
