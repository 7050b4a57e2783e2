"""The texts of a random report, each with the values that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from claims import Said, SampleChannel, SampleChannels
from random_reports import Image, RandomReport

import bnstat
from bnstat.reports.limits import DEFAULT_LIMITS

# The settings of a layer and of its batches, which `inspect` takes too.
_LAYER = ("framework", "normalizer", "batch_size", "drop_last", "ranks", "epsilon", "momentum", "dtype", "reading")

# Rules on what a batch size does, which `compare` answers too.
_OF_BATCH_SIZES = ("BN202", "BN203", "BN204", "BN205")


def findings_of(report: RandomReport) -> Iterator[Said]:
    """Yield the findings of a report, of each compared layer too; none if its data make no batch of the size asked."""
    if report.command == "compare_layers":
        for entry in report.report.entries:
            reading = replace(report.settings["reading"], preparation=entry.report.settings.preparation)
            settings = {**report.settings, "reading": reading}  # each may have steps of its own
            document = entry.report.to_dict()
            one = replace(report, command="inspect", report=entry.report, document=document, settings=settings)
            yield from findings_of(one)
    elif report.command == "compare":
        yield from _skipped(report)
    elif report.command in ("inspect", "check"):
        yield from _judged(report)


def _skipped(report: RandomReport) -> Iterator[Said]:
    """Yield the findings of a comparison of batch sizes, which skips samples that have NaN or Inf."""
    samples = samples_of(report)
    for finding in report.document["findings"]:
        yield Said(
            kind=f"compare {finding['rule']}",
            text=finding["message"],
            finding=finding,
            part={},
            batch={},
            settings=report.document["settings"],
            document=report.document,
            inspected={},
            samples=samples,
            report=report.report,
            inputs=report.inputs if isinstance(report.inputs, list) else (),
        )


def _judged(report: RandomReport) -> Iterator[Said]:
    """Yield the findings on batches of the size that is asked about."""
    inspected = _inspected(report)
    if inspected is None:
        return
    samples = samples_of(report)
    limits = report.document["settings"].get("limits", asdict(DEFAULT_LIMITS))
    for finding in report.document["findings"]:
        batch = {} if finding["batch"] is None else inspected["batches"][finding["batch"]]
        yield Said(
            kind=finding["rule"],
            text=finding["message"],
            finding=finding,
            part=_part(batch, finding),
            batch=batch,
            settings=inspected["settings"],
            document=report.document,
            inspected=inspected,
            curve=_curve(report, inspected["settings"], finding),
            samples=samples,
            volumes=_volumes(report) if finding["rule"] in ("BN207", "BN405") else samples,
            limits=limits,
            need=_need(report, finding, inspected["settings"], limits),
            report=report.report,
            inputs=report.inputs if isinstance(report.inputs, list) else (),
        )


def _inspected(report: RandomReport) -> Mapping[str, Any] | None:
    """Return what `inspect` says of the same data and layer."""
    if report.command == "inspect":
        return report.document
    try:
        return bnstat.diagnose(report.inputs, **_some(report.settings, _LAYER)).to_dict()
    except bnstat.UsageError:  # shapes that make no batch, on which `check` reports
        return None


def _some(settings: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in names}


def _part(batch: Mapping[str, Any], finding: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the channel or group that a finding is about."""
    found: Mapping[str, Any] = {}
    if finding.get("group") is not None:
        found = batch["groups"][finding["group"]]
    elif finding["channel"] is not None and "channels" in batch:
        found = batch["channels"][finding["channel"]]
    return found


def _curve(report: RandomReport, settings: Mapping[str, Any], finding: Mapping[str, Any]) -> Any:
    """Return what `compare` says of the batch size that a finding is about."""
    if finding["rule"] not in _OF_BATCH_SIZES:
        return None
    compared: Any = bnstat.compare(
        report.inputs,
        batch_sizes=[settings["batch_size"]],
        population="infinite",
        reading=report.settings["reading"],
        **{name: settings[name] for name in ("ranks", "framework", "epsilon", "momentum")},
    ).to_dict()
    (point,) = compared["batch_sizes"]
    channels = (point.get("synchronized") or point)["channels"]
    return channels if finding["channel"] is None else channels[finding["channel"]]


def samples_of(report: RandomReport) -> list[SampleChannels]:
    """Return the statistics of each sample by itself."""
    alone = bnstat.diagnose(report.inputs, batch_size=1, reading=report.settings["reading"])
    found = []
    for batch in alone.batches:
        row = SampleChannels(
            SampleChannel(one.count, one.mean, one.variance, one.minimum, one.maximum) for one in batch.channels
        )
        row.source = alone.samples[batch.samples[0]].source
        row.nan, row.inf = [one.nan for one in batch.channels], [one.inf for one in batch.channels]
        found.append(row)
    return found


def _volumes(report: RandomReport) -> list[SampleChannels]:
    """Return the statistics of each volume: of all its patches together, if samples are patches."""
    alone = bnstat.diagnose(report.inputs, batch_size=1, reading=report.settings["reading"])
    volumes: dict[Any, list[Any]] = {}
    for batch in alone.batches:
        volumes.setdefault(alone.samples[batch.samples[0]].volume, []).append(batch)
    found = []
    for batches in volumes.values():
        row = SampleChannels(_merged(channels) for channels in zip(*(one.channels for one in batches), strict=True))
        row.source = alone.samples[batches[0].samples[0]].source
        found.append(row)
    return found


def _merged(parts: Sequence[Any]) -> SampleChannel:
    """Return the statistics of the values of several patches together."""
    count = sum(one.count for one in parts)
    least = min((one.minimum for one in parts if one.minimum is not None), default=None)
    greatest = max((one.maximum for one in parts if one.maximum is not None), default=None)
    if any(one.mean is None for one in parts):
        return SampleChannel(count, None, None, least, greatest)
    mean = sum(one.count * one.mean for one in parts) / count
    variance = sum(one.count * (one.variance + (one.mean - mean) ** 2) for one in parts) / count
    return SampleChannel(count, mean, variance, least, greatest)


# The figure that a rule limits, and the tolerance of `compare` for it.
_FIGURES = {"BN202": "noise", "BN203": "shortfall", "BN204": "gap"}
# A tolerance that every batch is within.
_ANY = 1e6


def _need(
    report: RandomReport, finding: Mapping[str, Any], settings: Mapping[str, Any], limits: Mapping[str, float]
) -> tuple[int | None, int | None] | None:
    """Return the batch size that `compare` says one channel by itself needs, for one figure."""
    figure, reading = _FIGURES.get(finding["rule"]), report.settings["reading"]
    if figure is None or reading.preparation.mask is not None or reading.preparation.intensity is not None:
        return None  # a mask and some steps look at all channels
    one = [_only(image, finding["channel"]) for image in report.inputs]
    tolerances: Any = {f"tolerance_{name}": limits[name] if name == figure else _ANY for name in _FIGURES.values()}
    compared = bnstat.compare(
        one,
        batch_sizes=[1],
        population="infinite",
        reading=reading,
        framework=settings["framework"],
        epsilon=settings["epsilon"],
        **tolerances,
    )
    advice = compared.recommendation
    found = None if advice is None else advice.gap if figure == "gap" else advice.mean_and_variance
    return None if found is None else (found.estimate, found.most)


def _only(image: Any, channel: int) -> Any:
    """Return an image of one channel of another."""
    data = np.asarray(image.dataobj)
    return Image(data[..., channel] if data.ndim == 4 else data, np.eye(4))
