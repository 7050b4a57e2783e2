"""The report as JSON, schema `bnstat.inspect/1`: field names are a contract, undefined is null."""

from __future__ import annotations

import json
from typing import Any

from bnstat import __version__
from bnstat.report import Batch, Channel, Finding, Report, Sample, Settings

SCHEMA = "bnstat.inspect/1"


def render(report: Report) -> str:
    """The report as a JSON document, always complete."""
    return json.dumps(document(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain values, named as in the contract."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "settings": _settings(report.settings),
        "samples": [sample_fields(sample) for sample in report.samples],
        "batches": [_batch(batch) for batch in report.batches],
        "findings": [finding_fields(finding) for finding in report.findings],
        "errors": [{"source": failure.source, "message": failure.message} for failure in report.errors],
        "notes": list(report.notes),
        "answer": report.answer,
    }


def _settings(settings: Settings) -> dict[str, Any]:
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
    }


def sample_fields(sample: Sample) -> dict[str, Any]:
    """A sample's fields under their names in the contract."""
    return {"source": sample.source, "index": sample.index, "shape": list(sample.shape), "dtype": sample.dtype}


def _batch(batch: Batch) -> dict[str, Any]:
    return {
        "index": batch.index,
        "samples": list(batch.samples),
        "input_shape": list(batch.input_shape),
        "axis": batch.axis,
        "reduction_axes": list(batch.reduction_axes),
        "channels": [channel_fields(channel) for channel in batch.channels],
    }


def channel_fields(channel: Channel) -> dict[str, Any]:
    """A channel's numbers under their names in the contract; `finite` only where some values are not."""
    fields: dict[str, Any] = {
        "channel": channel.channel,
        "count": channel.count,
        "mean": channel.mean,
        "variance": channel.variance,
        "std": channel.std,
        "min": channel.minimum,
        "max": channel.maximum,
        "nan": channel.nan,
        "inf": channel.inf,
        "constant": channel.constant,
        "gain": channel.gain,
        "output_variance": channel.output_variance,
        "output_std": channel.output_std,
        "epsilon_share": channel.epsilon_share,
        "running_mean": channel.running_mean,
        "running_variance": channel.running_variance,
        "condition_number": channel.condition_number,
    }
    if channel.finite is not None:
        fields["finite"] = {
            "count": channel.finite.count,
            "mean": channel.finite.mean,
            "variance": channel.finite.variance,
        }
    return fields


def finding_fields(finding: Finding) -> dict[str, Any]:
    """A finding's fields under their names in the contract."""
    return {
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
