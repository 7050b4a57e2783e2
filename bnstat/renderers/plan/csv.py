"""The plan as CSV: a row for each level; shapes as in 4x4x2, what raises separated by spaces."""

from __future__ import annotations

from bnstat.renderers import sheet
from bnstat.renderers.plan.json import level_fields
from bnstat.report.plan import Plan
from bnstat.text import by


def render(plan: Plan) -> str:
    """The plan as CSV with a header line."""
    return sheet.written(
        [
            {**level_fields(level), "shape": by(level.shape, "x"), "raises": " ".join(level.raises)}
            for level in plan.levels
        ]
    )
