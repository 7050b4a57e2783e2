"""The plan as JSON, schema `bnstat.plan/1`."""

from __future__ import annotations

import json
from typing import Any

from bnstat.report.plan import Level, Plan
from bnstat.version import __version__

SCHEMA = "bnstat.plan/1"


def render(plan: Plan) -> str:
    """The plan as a JSON document."""
    return json.dumps(document(plan), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values, named as in the contract."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": {
            "patch": list(plan.patch),
            "strides": [list(stride) for stride in plan.strides],
            "batch_size": plan.batch_size,
            "downsample": plan.downsample,
        },
        "levels": [level_fields(level) for level in plan.levels],
        "least_batch_size": plan.least_batch_size,
        "notes": list(plan.notes),
    }


def level_fields(level: Level) -> dict[str, Any]:
    """A level's fields under their names in the contract."""
    return {
        "level": level.level,
        "shape": list(level.shape),
        "values_per_sample": level.values_per_sample,
        "values_per_batch": level.values_per_batch,
        "bessel": level.bessel,
        "raises": list(level.raises),
    }
