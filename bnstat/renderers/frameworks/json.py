"""The presets as JSON, schema `bnstat.frameworks/1`."""

from __future__ import annotations

import json
from typing import Any

from bnstat.layers.frameworks.framework import Framework
from bnstat.report.frameworks import Presets
from bnstat.version import __version__

SCHEMA = "bnstat.frameworks/1"


def render(presets: Presets) -> str:
    """The presets as a JSON document."""
    return json.dumps(document(presets), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(presets: Presets) -> dict[str, Any]:
    """The presets as plain values, named as in the contract."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "frameworks": [preset_fields(row) for row in presets.rows],
    }


def preset_fields(row: Framework) -> dict[str, Any]:
    """A preset's fields under their names in the contract; null where it has no default, or keeps nothing."""
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
        "arithmetic": row.arithmetic,
        "channels_axis": row.channels_axis,
        "layout": row.layout,
        "least_values": row.least_values,
        "refusal": row.refusal,
        "source": row.source,
    }
