"""The result of `bnstat frameworks`."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.layers.frameworks.framework import Framework
from bnstat.reports.documents.document import Document, Fields
from bnstat.text import plural


@dataclass(frozen=True, repr=False)
class Presets(Document):
    """The presets in their order; `in_full` is True if one was asked for by name, and is described in full."""

    rows: tuple[Framework, ...]
    in_full: bool = False

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        return plural(len(self.rows), "preset")

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.frameworks/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {"frameworks": [_preset(row) for row in self.rows]}

    def to_rows(self) -> list[Fields]:
        """Return a row for each preset; the values that the buffers start from are written as in "0.0 1.0"."""
        starts = [" ".join(map(str, row.running_start)) if row.keeps_running else "" for row in self.rows]
        return [{**_preset(row), "running_start": start} for row, start in zip(self.rows, starts, strict=True)]


def _preset(row: Framework) -> Fields:
    """Return the fields of a preset; None where it has no default, or keeps no running statistics."""
    return {
        "name": row.name,
        "title": row.title,
        "maker": row.maker,
        "normalizer": row.normalizer,
        "epsilon": row.epsilon,
        "momentum": row.momentum,
        "momentum_weighs": row.momentum_weighs,
        "batch_weight": row.default_batch_weight,
        "running_variance": row.running_variance,
        "running_start": list(row.running_start) if row.keeps_running else None,
        "debiased": row.debiased,
        "cumulative": row.cumulative,
        "renorm": row.renorm,
        "arithmetic": row.arithmetic.name,
        "emulated_on": row.arithmetic.emulated_on,
        "channels_axis": row.channels_axis,
        "layout": row.layout,
        "least_values": row.least_values,
        "refusal": row.refusal,
        "least_epsilon": row.least_epsilon,
        "epsilon_refusal": row.epsilon_refusal,
        "zero_divided": row.zero_divided,
        "bias": row.bias,
        "source": row.source,
    }
