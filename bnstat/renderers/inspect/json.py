"""The report as JSON, schema `bnstat.inspect/1`: field names are a contract, undefined is null."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bnstat.layers.results import Batch, Channel, Group, Prediction, RmsGroup, Running, Statistics
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Preparation
from bnstat.report.finding import Failure, Finding
from bnstat.report.inspect import Report
from bnstat.sources.sample import Sample
from bnstat.version import __version__

SCHEMA = "bnstat.inspect/1"


def render(report: Report) -> str:
    """The report as a JSON document, always complete."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain values, named as in the contract."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": settings_fields(report.settings),
        "samples": [sample_fields(sample) for sample in report.samples],
        "batches": [_batch(batch) for batch in report.batches],
        **({"synchronized": [_batch(batch) for batch in report.synchronized]} if report.synchronized else {}),
        "findings": [finding_fields(finding) for finding in report.findings],
        "errors": [failure_fields(failure) for failure in report.errors],
        "notes": list(report.notes),
        "answer": report.answer,
    }


def settings_fields(settings: Settings) -> dict[str, Any]:
    """What was asked of the layer, under its names in the contract."""
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


def preparation_fields(preparation: Preparation) -> dict[str, Any]:
    """What voxels went through before the layer, under its names in the contract."""
    patches = preparation.patches
    return {
        "intensity": preparation.intensity,
        "mask": preparation.mask,
        "patches": None if patches is None else {**asdict(patches), "size": list(patches.size)},
    }


def sample_fields(sample: Sample) -> dict[str, Any]:
    """A sample's fields under their names in the contract."""
    fields: dict[str, Any] = {
        "source": sample.source,
        "index": sample.index,
        "shape": list(sample.shape),
        "dtype": sample.dtype,
    }
    if sample.files:
        fields["files"] = list(sample.files)
    if sample.channels:
        fields["channels"] = list(sample.channels)
    if sample.patch is not None:
        patch = sample.patch
        fields["patch"] = {"start": list(patch.start), "size": list(patch.size), "foreground": patch.foreground}
    return fields


def _batch(batch: Batch) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "index": batch.index,
        "samples": list(batch.samples),
        "input_shape": list(batch.input_shape),
        "axis": batch.axis,
        "reduction_axes": list(batch.reduction_axes),
    }
    if batch.groups:
        fields["groups"] = [group_fields(group) for group in batch.groups]
    else:
        fields["channels"] = [channel_fields(channel) for channel in batch.channels]
    if batch.running:
        fields["running"] = [_running(running) for running in batch.running]
    return fields


def part_fields(part: Channel | Group) -> dict[str, Any]:
    """The numbers of a channel or a group under their names in the contract."""
    return channel_fields(part) if isinstance(part, Channel) else group_fields(part)


def channel_fields(channel: Channel) -> dict[str, Any]:
    """A channel's numbers under their names in the contract; `finite` only where some values are not."""
    fields = {
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
    return {**fields, **_finite(channel)}


def group_fields(group: Group) -> dict[str, Any]:
    """A group's numbers under their names in the contract; `finite` only where some values are not."""
    fields = {
        "sample": group.sample,
        "channels": list(group.channels),
        **_name(group),
        **_numbers(group),
        "condition_number": group.condition_number,
    }
    if isinstance(group, RmsGroup):
        fields |= {"mean_square": group.mean_square, "output_mean_square": group.output_mean_square}
    return {**fields, **_finite(group)}


def _name(part: Channel | Group) -> dict[str, Any]:
    """The name of the channel, only where it is known."""
    return {"name": part.name} if part.name else {}


def _numbers(part: Statistics) -> dict[str, Any]:
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
        **_prediction(part.prediction),
    }


def _prediction(found: Prediction | None) -> dict[str, Any]:
    """What the framework's own arithmetic makes of it; all null where nothing is predicted."""
    return {
        "prediction": found and found.kind,
        "predicted_mean": found and found.mean,
        "predicted_variance": found and found.variance,
        "predicted_variance_low": found and found.low,
        "predicted_variance_high": found and found.high,
        "nan_possible": found and found.nan_possible,
    }


def _finite(part: Statistics) -> dict[str, Any]:
    finite = part.finite
    if finite is None:
        return {}
    return {"finite": {"count": finite.count, "mean": finite.mean, "variance": finite.variance}}


def _running(running: Running) -> dict[str, Any]:
    return {"channel": running.channel, "running_mean": running.mean, "running_variance": running.variance}


def failure_fields(failure: Failure) -> dict[str, Any]:
    """An input that could not be read, under its names in the contract; `missing` only where channels are."""
    fields: dict[str, Any] = {"source": failure.source, "message": failure.message}
    return {**fields, "missing": list(failure.missing)} if failure.missing else fields


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding's fields under their names in the contract; `group` only where it is about one."""
    fields: dict[str, Any] = {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "message": finding.message,
        "source": finding.source,
        "batch": finding.batch,
        "channel": finding.channel,
        "value": finding.value,
        "threshold": finding.threshold,
    }
    return fields if finding.group is None else {**fields, "group": finding.group}
