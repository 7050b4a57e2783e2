"""A case has no values in a channel that the other cases have.

What it does: reports a case in which a channel is constant (mostly 0) or has no file, if the same channel varies in
more than half of the other cases.

Why it matters: one sequence was not acquired, not copied, or filled with zeros by a conversion. At batch size 1, batch
norm turns such a sample into the constant β (the layer's learned bias). In a larger batch, the zeros pull the mean and
the variance of all samples. The network learns what a hole in the data looks like.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (5, 8, 8, 8, 2))
    >>> values[3, ..., 1] = 0
    >>> np.save("five.npy", values)
    $ bnstat check five.npy
    error BN405 missing-channel
      channel 1 is missing in five.npy[3]: all of its 512 values are 0, and it
      varies in 4 of 4 other cases. The network learns from this hole, which
      in a larger batch pulls the statistics of all samples. Supply the
      channel, or leave out the case.

What to do: look at the case. Supply the file, or leave out the case. If the channel may rightly be empty, like a mask
of lesions in a healthy subject, ignore the rule for these files (`[[tool.bnstat.overrides]]`).

Threshold: more than half of the other cases, of which there must be at least 2: the network is meant to get what most
cases have. Patches may be empty by chance. The patches of a volume are judged together, and only where another channel
of the same patch varies. The rule reports the volume if so many empty patches are less likely than 1 in 1,000 in any of
the volumes, by their share in the other volumes, (empty + 1)/(all + 2). So one cohort in 1,000 has a volume reported by
chance, however large it is. The rule zero-variance does not repeat what is reported here.

Sources: the share is Laplace's rule of succession, and the limit for all volumes is Bonferroni's.
docs/conformance.md records that constants come out as β.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence, SampleChannel
from bnstat.reports.finding import Failure, Finding
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import Volumes, VolumeStatistics, named, volumes_of
from bnstat.text import plural

# The fewest other cases: of two that differ, nobody knows which is right.
FEWEST_OTHERS = 2
# How unlikely so many empty patches have to be in any of the volumes.
CHANCE = 1e-3

REMEDY = "Supply the channel, or leave out the case."


@dataclass(frozen=True)
class Lack:
    """A channel that a volume lacks, and in how many of the other volumes it varies."""

    volume: VolumeStatistics
    channel: int
    varying: int
    others: int


def lacking(volumes: Volumes) -> Iterator[Lack]:
    """Yield what volumes lack, channel by channel."""
    for channel in range(volumes.columns.most):
        column = volumes.columns.column(channel)
        varying, others = int(column.varies.sum()), len(column.places) - 1
        empty = column.constant & (column.count > 1) & (abs(column.mean) < inf)  # NaN is beyond float64
        if others >= FEWEST_OTHERS and 2 * varying > others and empty.any():
            found: Iterable[VolumeStatistics] = [volumes[place] for place in column.places[empty].tolist()]
            if volumes.evidence.report.patched:
                found = _empty([volumes[place] for place in column.places.tolist()], channel)
            yield from (Lack(volume, channel, varying, others) for volume in found)


def _empty(volumes: Sequence[VolumeStatistics], channel: int) -> Iterator[VolumeStatistics]:
    """Yield volumes in which a channel is constant; volumes of patches only if chance does not explain it."""
    bare = [_bare(volume, channel) for volume in volumes]
    all_bare, patches = sum(bare), sum(len(volume.sample_channels) for volume in volumes)
    for volume, own in zip(volumes, bare, strict=True):
        share = (all_bare - own + 1) / (patches - len(volume.sample_channels) + 2)
        no_chance = volume.sample.patch is None or (own > 0 and len(volumes) * share**own < CHANCE)
        if no_chance and _is_empty(volume.channels[channel]):
            yield volume


def _is_empty(one: SampleChannel) -> bool:
    return one.constant and one.count > 1 and one.mean is not None  # None is beyond float64


def _bare(volume: VolumeStatistics, channel: int) -> int:
    """Count the patches in which a channel is constant while another one varies: something is to be seen there."""
    return sum(_is_empty(row[channel]) and any(one.varies for one in row) for row in volume.sample_channels)


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    volumes = volumes_of(evidence)
    for failure in evidence.report.errors:
        yield from _without_file(rule, evidence, failure, volumes)
    for lack in lacking(volumes):
        volume, empty = lack.volume, lack.volume.channels[lack.channel]
        patches = (
            "" if volume.sample.patch is None else f" in {plural(len(volume.sample_channels), 'patch', 'patches')}"
        )
        message = (
            f"{named(evidence, lack.channel)} is missing in {volume.title}: all of its {plural(empty.count, 'value')}"
            f"{patches} are {empty.mean:,g}, and it varies in {lack.varying:,} of {lack.others:,} other cases. "
            f"{_consequence(evidence.settings)} {REMEDY}"
        )
        yield rule.of_source(volume.sample.source, message, lack.channel, volume.batch)


def _consequence(settings: Settings) -> str:
    """Say what an empty channel does to the network, and to other samples if these share batch statistics."""
    pulls = "" if settings.by_sample else ", which in a larger batch pulls the statistics of all samples"
    return f"The network learns from this hole{pulls}."


def _without_file(
    rule: Rule[Evidence], evidence: Evidence, failure: Failure, volumes: Sequence[VolumeStatistics]
) -> Iterator[Finding]:
    """Yield a finding for each channel that a case has no file for."""
    names = evidence.report.samples[0].channels if evidence.report.samples else ()
    for name in failure.missing if len(volumes) >= FEWEST_OTHERS else ():
        channel = names.index(name) if name in names else None
        called = f"channel {name}" if channel is None else named(evidence, channel)
        having = plural(len(volumes), "other case has", "other cases have")
        message = f"{failure.source} has no file for {called}, which {having}. {REMEDY}"
        yield rule.of_source(failure.source, message, channel)


RULE = Rule("BN405", "missing-channel", "error", _check)
