"""The volumes of a report, from the table that was read: all patches of a volume together, and what is said of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, sqrt

from bnstat.layers.results import Batch
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.reports.finding import Finding
from bnstat.reports.full.volumes import ReportedVolume, VolumeChannel
from bnstat.reports.inspect import Report
from bnstat.sources.sample import volumes_among

# Rules on values that a volume counts, and the field that has their number.
_COUNTED = {"BN104": "nan", "BN105": "inf"}


def volumes_of(
    rows: Sequence[Row], findings: Sequence[Finding], inspected: Report, groups: Mapping[str, str]
) -> tuple[ReportedVolume, ...]:
    """Return the volumes of the table in order, each with the findings about it.

    Args:
        rows: the samples that were read.
        findings: the findings of the check.
        inspected: the batches that were checked, which findings name by their index.
        groups: the group of each case by its name; empty without groups.
    """
    together = [[rows[place] for place in places] for places in volumes_among([row.sample for row in rows])]
    volumes = [
        ReportedVolume(
            place=place,
            sample=own[0].sample,
            samples=len(own),
            channels=_channels([row.moments for row in own]),
            group=groups.get(own[0].sample.source),
        )
        for place, own in enumerate(together)
    ]
    return _with_findings(volumes, findings, inspected)


def _channels(samples: Sequence[Moments]) -> tuple[VolumeChannel, ...]:
    """Return the channels of one volume, whose samples are merged."""
    moments = samples[0] if len(samples) == 1 else samples[0].merge(*samples[1:])
    names = ("count", "finite", "mean", "variance", "minimum", "maximum", "nan", "inf")
    columns = [getattr(moments, name).tolist() for name in names]
    return tuple(_channel(channel, *values) for channel, values in enumerate(zip(*columns, strict=True)))


def _channel(
    channel: int,
    count: int,
    finite: int,
    mean: float,
    variance: float,
    minimum: float,
    maximum: float,
    nan: int,
    inf: int,
) -> VolumeChannel:
    known = _defined if finite else lambda _: None
    spread = known(variance)
    return VolumeChannel(
        channel=channel,
        count=count,
        mean=known(mean),
        std=None if spread is None else sqrt(spread),
        minimum=known(minimum),
        maximum=known(maximum),
        nan=nan,
        inf=inf,
    )


def _defined(number: float) -> float | None:
    """Return a number, a whole one as it is; None if float64 cannot hold it."""
    return number if isfinite(number) else None


def _with_findings(
    volumes: Sequence[ReportedVolume], findings: Sequence[Finding], inspected: Report
) -> tuple[ReportedVolume, ...]:
    """Return the volumes, each with the places of the findings about it."""
    of_source = defaultdict(list)
    for volume in volumes:
        of_source[volume.sample.source].append(volume)
    about: dict[int, list[int]] = defaultdict(list)
    samples = _places_of(volumes, inspected)
    for at, finding in enumerate(findings):
        if finding.source is None:
            meant = _holding(finding, volumes, inspected.batches, samples)
        else:
            meant = _meant(finding, of_source[finding.source], inspected.batches, samples)
        for volume in meant:
            about[volume.place].append(at)
    return tuple(
        ReportedVolume(one.place, one.sample, one.samples, one.channels, one.group, tuple(about[one.place]))
        for one in volumes
    )


def _places_of(volumes: Sequence[ReportedVolume], inspected: Report) -> dict[int, int]:
    """Return the place of the volume of each sample of the batches, by the place of the sample."""
    if not inspected.patched:
        return {place: place for place in range(len(inspected.samples))}
    place_of = {volume.sample.volume: volume.place for volume in volumes}
    return {at: place_of[sample.volume] for at, sample in enumerate(inspected.samples)}


def _holding(
    finding: Finding, volumes: Sequence[ReportedVolume], batches: Sequence[Batch], place_of: Mapping[int, int]
) -> Iterator[ReportedVolume]:
    """Yield the volumes of a batch that a finding on it is about: all, or those that have the values it counts."""
    if finding.batch is None or finding.batch >= len(batches):
        return
    counted = _COUNTED.get(finding.rule)
    for place in dict.fromkeys(place_of[sample] for sample in batches[finding.batch].samples):
        channels = [one for one in volumes[place].channels if finding.channel in (None, one.channel)]
        if counted is None or any(getattr(one, counted) for one in channels):
            yield volumes[place]


def _meant(
    finding: Finding, volumes: Sequence[ReportedVolume], batches: Sequence[Batch], place_of: Mapping[int, int]
) -> Iterator[ReportedVolume]:
    """Yield the volumes of one file that a finding is about: all of them, unless it names a batch or a sample."""
    found = list(volumes)
    if len(found) > 1 and finding.batch is not None and finding.batch < len(batches):
        batch = batches[finding.batch]
        samples = batch.samples if finding.group is None else (batch.groups[finding.group].sample,)
        places = {place_of[sample] for sample in samples}
        found = [volume for volume in found if volume.place in places] or found
    named = [volume for volume in found if volume.title in finding.message]
    repeated = Counter(volume.title for volume in found)
    if len(repeated) > 1 and named:
        found = named
    yield from found
