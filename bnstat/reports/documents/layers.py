"""The fields of a layer: its settings, batches, channels and groups."""

from __future__ import annotations

from bnstat.layers.results import Batch, Channel, Group, RmsGroup, Running, Statistics
from bnstat.layers.settings import Settings
from bnstat.reports.documents.document import Fields
from bnstat.reports.documents.inputs import preparation_fields


def settings_fields(settings: Settings) -> Fields:
    """Return the settings of the layer and of its batches."""
    return {
        "normalizer": settings.normalizer,
        "framework": settings.framework.name,
        "axis": settings.axis,
        "batch_axis": settings.batch_axis,
        "batch_size": settings.batch_size,
        "epsilon": settings.epsilon,
        "momentum": settings.momentum,
        "drop_last": settings.drop_last,
        "shuffle": settings.shuffle,
        "seed": settings.seed,
        "ranks": settings.ranks,
        "dtype": settings.dtype,
        "threads": settings.threads,
        "emulate": settings.emulate,
        **preparation_fields(settings.preparation),
    }


def batch_fields(batch: Batch) -> Fields:
    """Return the fields of a batch, with its channels or its groups."""
    fields: Fields = {
        "index": batch.index,
        "samples": list(batch.samples),
        "input_shape": list(batch.input_shape),
        "axis": batch.axis,
        "reduction_axes": list(batch.reduction_axes),
    }
    if batch.groups:
        fields["groups"] = [part_fields(group) for group in batch.groups]
    else:
        fields["channels"] = [part_fields(channel) for channel in batch.channels]
    if batch.running:
        fields["running"] = [_running(running) for running in batch.running]
    return fields


def part_fields(part: Channel | Group) -> Fields:
    """Return the numbers of a channel or a group.

    `finite` is there only where some values are not finite, and what is clipped only where a step clips.
    """
    fields = _channel(part) if isinstance(part, Channel) else _group(part)
    finite = part.finite
    if finite is not None:
        fields["finite"] = {"count": finite.count, "mean": finite.mean, "variance": finite.variance}
    if part.clipped is not None:
        fields |= {"clipped_low": part.clipped.low, "clipped_high": part.clipped.high}
        fields["clipped_share"] = part.clipped_share
    return fields


def part_row(batch: Batch, part: Channel | Group) -> Fields:
    """Return the columns of a channel or a group: its fields without lists and nested fields."""
    fields = part_fields(part)
    fields.pop("finite", None)
    if isinstance(part, Group):
        fields["channels"] = " ".join(str(channel) for channel in part.channels)
        if batch.running:
            kept = batch.running[part.channels[0]]
            fields |= {"running_mean": kept.mean, "running_variance": kept.variance}
    finite = part.finite
    return {**fields, **{f"finite_{name}": finite and getattr(finite, name) for name in ("count", "mean", "variance")}}


def _channel(channel: Channel) -> Fields:
    fields: Fields = {
        "channel": channel.channel,
        **_name(channel),
        **_numbers(channel),
        "running_mean": channel.running_mean,
        "running_variance": channel.running_variance,
        "condition_number": channel.condition_number,
    }
    if channel.correction is not None:
        fields |= {name: getattr(channel.correction, name) for name in ("r", "d", "r_clipped", "d_clipped")}
    if channel.start is not None:
        fields |= {"g": channel.start.g, "b": channel.start.b}
    return fields


def _group(group: Group) -> Fields:
    fields: Fields = {
        "sample": group.sample,
        "channels": list(group.channels),
        **_name(group),
        **_numbers(group),
        "condition_number": group.condition_number,
    }
    if isinstance(group, RmsGroup):
        fields |= {"mean_square": group.mean_square, "output_mean_square": group.output_mean_square}
    return fields


def _name(part: Channel | Group) -> Fields:
    """Return the name of the channel, only where it is known."""
    return {"name": part.name} if part.name else {}


def _numbers(part: Statistics) -> Fields:
    return {
        "count": part.count,
        "mean": part.mean,
        "variance": part.variance,
        "std": part.std,
        "min": part.minimum,
        "max": part.maximum,
        "nan": part.nan,
        "inf": part.inf,
        "constant": part.constant,
        "gain": part.gain,
        "output_variance": part.output_variance,
        "output_std": part.output_std,
        "epsilon_share": part.epsilon_share,
        **_prediction(part),
    }


def _prediction(part: Statistics) -> Fields:
    """Return what the framework's own arithmetic makes of the values; None where nothing is predicted."""
    found = part.prediction
    return {
        "prediction": found and found.kind,
        "predicted_mean": found and found.mean,
        "predicted_variance": found and found.variance,
        "predicted_variance_low": found and found.low,
        "predicted_variance_high": found and found.high,
        "predicted_on": found and found.processors,
        "nan_possible": True if part.output_nan else found and found.nan_possible,
    }


def _running(running: Running) -> Fields:
    return {"channel": running.channel, "running_mean": running.mean, "running_variance": running.variance}
