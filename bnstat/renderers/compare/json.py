"""The comparison as JSON, schema `bnstat.compare/1`: field names are a contract, undefined is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bnstat import __version__
from bnstat.renderers.inspect.json import finding_fields, sample_fields
from bnstat.report import CompareSettings, Comparison, CurvePoint

SCHEMA = "bnstat.compare/1"


def render(comparison: Comparison) -> str:
    """The comparison as a JSON document, always complete."""
    return json.dumps(document(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values, named as in the contract."""
    advice = comparison.recommendation
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": _settings(comparison.settings),
        "samples": [sample_fields(sample) for sample in comparison.samples],
        "population": {
            "samples": len(comparison.samples),
            "channels": [asdict(channel) for channel in comparison.population],
        },
        "batch_sizes": [_point(point) for point in comparison.batch_sizes],
        "running": {"batch_weight": comparison.settings.batch_weight, "steps_to_forget": comparison.steps_to_forget},
        "recommendation": None if advice is None else asdict(advice),
        "findings": [finding_fields(finding) for finding in comparison.findings],
        "errors": [asdict(failure) for failure in comparison.errors],
        "notes": list(comparison.notes),
    }


def _settings(settings: CompareSettings) -> dict[str, Any]:
    return {
        "normalizer": "batch",
        "framework": settings.framework.name,
        "axis": settings.axis,
        "batch_axis": settings.batch_axis,
        "batch_sizes": list(settings.batch_sizes),
        "epsilon": settings.epsilon,
        "momentum": settings.momentum,
        "population": settings.population,
        "draws": settings.draws,
        "seed": settings.seed,
        "tolerances": asdict(settings.tolerances),
    }


def _point(point: CurvePoint) -> dict[str, Any]:
    return {
        "batch_size": point.batch_size,
        "batches_drawn": point.batches_drawn,
        "complete": point.complete,
        "takes_all": point.takes_all,
        "channels": [asdict(channel) for channel in point.channels],
    }
