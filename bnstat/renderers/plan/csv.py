"""The plan as CSV: a row for each level; shapes as in 4x4x2, what raises separated by spaces."""

from __future__ import annotations

import csv
from io import StringIO

from bnstat.renderers.plan.json import level_fields
from bnstat.report import Plan


def render(plan: Plan) -> str:
    """The plan as CSV with a header line."""
    file = StringIO()
    rows = [level_fields(level) for level in plan.levels]
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        bessel = "" if row["bessel"] is None else row["bessel"]
        shape, raises = "x".join(str(size) for size in row["shape"]), " ".join(row["raises"])
        writer.writerow({**row, "shape": shape, "bessel": bessel, "raises": raises})
    return file.getvalue()
