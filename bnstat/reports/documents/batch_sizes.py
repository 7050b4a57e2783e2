"""The fields of batch sizes: the population, the points of the curve, and layers of other frameworks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from bnstat.batch_size.results import (
    CurveChannel,
    CurvePoint,
    LayerChannel,
    LayerCurve,
    Observed,
    PopulationChannel,
    Renorm,
    Runs,
    SampleGroup,
    Simulated,
)
from bnstat.batch_size.settings import CompareSettings
from bnstat.layers.settings import Layer
from bnstat.reports.documents.document import Fields
from bnstat.reports.documents.inputs import preparation_fields

# Fields that are there only where samples are patches of volumes.
_OF_PATCHES = ("volumes", "between_volumes", "between_patches")


def compare_settings_fields(settings: CompareSettings) -> Fields:
    """Return the settings of the comparison."""
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


def population_fields(value: PopulationChannel | SampleGroup, *, patched: bool) -> Fields:
    """Return the fields of a channel or a group of samples; those on volumes only where samples are patches."""
    every = asdict(value)
    return every if patched else {name: one for name, one in every.items() if name not in _OF_PATCHES}


def name_fields(channel: int, names: Sequence[str]) -> Fields:
    """Return the name of a channel, only where channels have names."""
    return {"name": names[channel]} if names else {}


def point_fields(point: CurvePoint, names: Sequence[str]) -> Fields:
    """Return the fields of a batch size, with those of its variants."""
    variants = (("one_group", point.one_group), ("synchronized", point.synchronized))
    return {
        **_point(point, names),
        **{name: None if variant is None else _point(variant, names) for name, variant in variants},
    }


def layer_fields(layer: Layer) -> Fields:
    """Return the fields of a framework's layer."""
    return {
        "framework": layer.framework.name,
        "epsilon": layer.epsilon,
        "momentum": layer.momentum,
        "batch_weight": layer.batch_weight,
    }


def curve_fields(curve: LayerCurve, points: Sequence[CurvePoint], names: Sequence[str]) -> Fields:
    """Return the fields of another layer, with its own part of the curve."""
    sizes = zip(points, curve.channels, strict=True)
    return {
        **layer_fields(curve.layer),
        "batch_sizes": [
            {"batch_size": point.batch_size, "channels": [_channel(channel, names) for channel in channels]}
            for point, channels in sizes
        ],
    }


def point_row(point: CurvePoint, channel: CurveChannel, names: Sequence[str]) -> Fields:
    """Return the columns of one channel of a batch size, nested fields under names of their own."""
    row: Fields = {
        "batch_size": point.batch_size,
        "composition": point.composition,
        "batches_drawn": point.batches_drawn,
    }
    nested = {"observed": Observed, "renorm": Renorm}
    for field in fields(channel):
        value = getattr(channel, field.name)
        if field.name in nested:
            row.update(_columns(field.name, nested[field.name], value))
        elif field.name != "simulated":
            row[field.name] = value
        if field.name == "channel":
            row.update(name_fields(channel.channel, names))
    for order in fields(Runs):
        run = channel.simulated and getattr(channel.simulated, order.name)
        row.update(_columns(f"simulated_{order.name}", Simulated, run))
    return row


def _point(point: CurvePoint, names: Sequence[str]) -> Fields:
    return {
        "batch_size": point.batch_size,
        "composition": point.composition,
        "batches_drawn": point.batches_drawn,
        "complete": point.complete,
        "takes_all": point.takes_all,
        "channels": [_channel(channel, names) for channel in point.channels],
    }


def _channel(channel: LayerChannel, names: Sequence[str]) -> Fields:
    return {**asdict(channel), **name_fields(channel.channel, names)}


def _columns(prefix: str, kind: type[Observed | Renorm | Simulated], value: object) -> Iterator[tuple[str, object]]:
    """Yield a column for each field of a nested value, None where there is no such value."""
    for field in fields(kind):
        yield f"{prefix}_{field.name}", None if value is None else getattr(value, field.name)
