"""The report as CSV: a row for each batch and channel or group, always complete.

What is undefined is an empty field.
"""

from __future__ import annotations

from typing import Any

from bnstat.layers.results import Batch, Channel, Group
from bnstat.renderers import sheet
from bnstat.renderers.inspect.json import part_fields
from bnstat.report.inspect import Report

_FINITE = ("count", "mean", "variance")


def render(report: Report) -> str:
    """The report as CSV with a header line; findings are the codes of the rules, separated by spaces.

    With several ranks the rows of the synchronized batches follow, told by a column of that name.
    """
    codes: dict[tuple[int | None, int | None], list[str]] = {}
    for finding in report.findings:
        codes.setdefault(finding.place, []).append(finding.rule)
    rows = [
        _row(report, batch, part, [code for place in _places(batch, part) for code in codes.get(place, [])])
        for batch in report.batches
        for part in batch.parts
    ]
    if report.synchronized:
        together = [_row(report, batch, part, []) for batch in report.synchronized for part in batch.parts]
        rows = [*({"synchronized": False, **row} for row in rows), *({"synchronized": True, **row} for row in together)]
    return sheet.written(rows)


def _places(batch: Batch, part: Channel | Group) -> list[tuple[int | None, int | None]]:
    """What a finding may be about that holds for a row: it, its batch, its channel in all batches, or everything."""
    every = [(None, part.channel)] if isinstance(part, Channel) else []
    return [(batch.index, part.place), (batch.index, None), *every, (None, None)]


def _row(report: Report, batch: Batch, part: Channel | Group, codes: list[str]) -> dict[str, Any]:
    fields = part_fields(part)
    finite = fields.pop("finite", {})
    if isinstance(part, Group):
        fields["channels"] = " ".join(str(channel) for channel in part.channels)
        if batch.running:
            kept = batch.running[part.channels[0]]
            fields |= {"running_mean": kept.mean, "running_variance": kept.variance}
    return {
        "batch": batch.index,
        "samples": " ".join(str(index) for index in batch.samples),
        "source": report.source_of(batch, part) or "",
        **fields,
        **{f"finite_{name}": finite.get(name) for name in _FINITE},
        "findings": " ".join(codes),
    }
