"""The comparison as JSON, schema `bnstat.compare/1`: field names are a contract, undefined is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bnstat.batch_size.results import CurvePoint, LayerChannel, LayerCurve, PopulationChannel, SampleGroup
from bnstat.batch_size.settings import CompareSettings
from bnstat.layers.settings import Layer
from bnstat.renderers.inspect.json import failure_fields, finding_fields, preparation_fields, sample_fields
from bnstat.report.compare_batch_sizes import Comparison
from bnstat.version import __version__

SCHEMA = "bnstat.compare/1"

# Fields that are there only where samples are patches of volumes.
_OF_PATCHES = ("volumes", "between_volumes", "between_patches")


def render(comparison: Comparison) -> str:
    """The comparison as a JSON document, always complete."""
    return json.dumps(document(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values, named as in the contract."""
    advice, volumes = comparison.recommendation, comparison.volumes
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": _settings(comparison.settings),
        "samples": [sample_fields(sample) for sample in comparison.samples],
        "population": {
            "samples": len(comparison.samples),
            **({} if volumes is None else {"volumes": volumes}),
            "groups": [_population(group, volumes) for group in comparison.groups],
            "channels": [
                {**_population(channel, volumes), **_name(channel.channel, comparison)}
                for channel in comparison.population
            ],
        },
        "batch_sizes": [_point(point, comparison, nested=True) for point in comparison.batch_sizes],
        "frameworks": [_curve(curve, comparison) for curve in comparison.others],
        "running": _running(comparison),
        "recommendation": None if advice is None else asdict(advice),
        "findings": [finding_fields(finding) for finding in comparison.findings],
        "errors": [failure_fields(failure) for failure in comparison.errors],
        "notes": list(comparison.notes),
    }


def _population(value: PopulationChannel | SampleGroup, volumes: int | None) -> dict[str, Any]:
    """Its fields; those on volumes only where samples are patches."""
    fields = asdict(value)
    return fields if volumes is not None else {name: one for name, one in fields.items() if name not in _OF_PATCHES}


def _settings(settings: CompareSettings) -> dict[str, Any]:
    return {
        "normalizer": "batch",
        "framework": settings.layer.framework.name,
        "axis": settings.axis,
        "batch_axis": settings.batch_axis,
        "batch_sizes": list(settings.batch_sizes),
        "epsilon": settings.layer.epsilon,
        "momentum": settings.layer.momentum,
        "population": settings.population,
        "draws": settings.draws,
        "seed": settings.seed,
        "ranks": settings.ranks,
        "steps": settings.steps,
        "group_by": settings.group_by,
        "tolerances": asdict(settings.tolerances),
        **preparation_fields(settings.preparation),
    }


def _channel(channel: LayerChannel, comparison: Comparison) -> dict[str, Any]:
    """What is known of a channel; its name only where it has one."""
    return {**asdict(channel), **_name(channel.channel, comparison)}


def _name(channel: int, comparison: Comparison) -> dict[str, str]:
    return {"name": comparison.names[channel]} if comparison.names else {}


def _point(point: CurvePoint, comparison: Comparison, nested: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "batch_size": point.batch_size,
        "composition": point.composition,
        "batches_drawn": point.batches_drawn,
        "complete": point.complete,
        "takes_all": point.takes_all,
        "channels": [_channel(channel, comparison) for channel in point.channels],
    }
    if nested:
        for name, variant in (("one_group", point.one_group), ("synchronized", point.synchronized)):
            fields[name] = None if variant is None else _point(variant, comparison, nested=False)
    return fields


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "framework": layer.framework.name,
        "epsilon": layer.epsilon,
        "momentum": layer.momentum,
        "batch_weight": layer.batch_weight,
    }


def _curve(curve: LayerCurve, comparison: Comparison) -> dict[str, Any]:
    """What another layer has of the curve."""
    sizes = zip(comparison.batch_sizes, curve.channels, strict=True)
    return {
        **_layer(curve.layer),
        "batch_sizes": [
            {"batch_size": point.batch_size, "channels": [_channel(channel, comparison) for channel in channels]}
            for point, channels in sizes
        ],
    }


def _running(comparison: Comparison) -> dict[str, Any]:
    """How long starts are remembered: by the layer asked about, and by each framework's."""
    layers = [{**_layer(one.layer), "steps_to_forget": one.steps} for one in comparison.forgetting]
    own = next((one for one in comparison.forgetting if one.layer == comparison.settings.layer), None)
    return {
        "batch_weight": comparison.settings.layer.batch_weight,
        "steps_to_forget": None if own is None else own.steps,
        "frameworks": layers,
    }
