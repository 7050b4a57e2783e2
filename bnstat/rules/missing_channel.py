"""A case has no values in a channel that the other cases have.

What it does: reports a case in which a channel is constant, mostly 0, or has no file, while the same channel varies in
more than half of the other cases.

Why it matters: one sequence was not acquired, not copied, or filled with zeros by a conversion. Batch norm gives β for
such a sample at batch size 1, and at a larger one the zeros pull mean and variance of all samples in its batch. A
network that is trained so learns what a hole in the data looks like.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(50, 9, (5, 8, 8, 8, 2))
    >>> values[3, ..., 1] = 0
    >>> np.save("five.npy", values)
    $ bnstat check five.npy
    error BN405 missing-channel
      channel 1 is missing in five.npy[3]: all of its 512 values are 0, and it
      varies in 4 of 4 others. Supply it, or leave the case out.

What to do: look at the case. Supply the file, or leave the case out; where the channel may rightly be empty, as a mask
of lesions in a healthy subject, ignore the rule for these files.

Threshold: more than half of the others, of which there are at least 2: what most cases have is what the network is
meant to get. Patches may be empty by chance. They are judged together, for each volume, and only where another channel
of the same patch varies; the volume is reported where so many empty patches are less likely than 1 in 1,000 by the
share of them in other volumes, (empty + 1)/(all + 2). Zero-variance is silent about what is reported here.

Sources: the share is Laplace's rule of succession. That constants come out as β is recorded in docs/conformance.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.report import Cell, Failure, Finding, Report
from bnstat.rules.rule import Rule
from bnstat.rules.volumes import Volume, named, volumes_of
from bnstat.wording import plural

# Cases that there must be beside one that lacks something: of two that differ nobody knows which is right.
FEWEST_OTHERS = 2
# How unlikely so many empty patches of one volume have to be.
CHANCE = 1e-3


def lacking(volumes: Sequence[Volume]) -> Iterator[tuple[Volume, int]]:
    """Each volume and the channel that it lacks, in order."""
    for channel in range(max((len(volume.channels) for volume in volumes), default=0)):
        having = [volume for volume in volumes if channel < len(volume.channels)]
        varying = sum(volume.channels[channel].varies for volume in having)
        enough = len(having) > FEWEST_OTHERS and 2 * varying > len(having) - 1
        for volume in having if enough else ():
            if _is_empty(volume.channels[channel]) and _is_no_chance(volume, having, channel):
                yield volume, channel


def _is_empty(cell: Cell) -> bool:
    return cell.constant and cell.count > 1


def _is_no_chance(volume: Volume, volumes: Sequence[Volume], channel: int) -> bool:
    """Whether the patches of a volume are empty more often than those of others make likely; a whole volume is one."""
    if volume.sample.patch is None:
        return True
    own = _bare(volume, channel)
    others = [one for one in volumes if one is not volume]
    share = (sum(_bare(one, channel) for one in others) + 1) / (sum(len(one.cells) for one in others) + 2)
    return own > 0 and share**own < CHANCE


def _bare(volume: Volume, channel: int) -> int:
    """The patches in which a channel is constant while another one varies: there is something to be seen."""
    return sum(_is_empty(cells[channel]) and any(cell.varies for cell in cells) for cells in volume.cells)


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    volumes = volumes_of(report)
    for failure in report.errors:
        yield from _without_file(rule, report, failure, volumes)
    for volume, channel in lacking(volumes):
        cell = volume.channels[channel]
        others = [one for one in volumes if one is not volume and channel < len(one.channels)]
        varying = sum(one.channels[channel].varies for one in others)
        patches = "" if volume.sample.patch is None else f" in {plural(len(volume.cells), 'patch', 'patches')}"
        values = f"{plural(cell.count, 'value')}{patches}"
        message = (
            f"{named(report, channel)} is missing in {volume.title}: all of its {values} are {cell.mean:,g}, and "
            f"it varies in {varying:,} of {len(others):,} others. Supply it, or leave the case out."
        )
        yield rule.of_source(volume.sample.source, message, channel, volume.batch)


def _without_file(rule: Rule, report: Report, failure: Failure, volumes: Sequence[Volume]) -> Iterator[Finding]:
    """Channels of which a case has no file."""
    names = report.samples[0].channels if report.samples else ()
    for name in failure.missing if len(volumes) >= FEWEST_OTHERS else ():
        channel = names.index(name) if name in names else None
        called = f"channel {name}" if channel is None else named(report, channel)
        having = plural(len(volumes), "other case has", "other cases have")
        message = f"{failure.source} has no file of {called}, which {having}. Supply it, or leave the case out."
        yield rule.of_source(failure.source, message, channel)


RULE = Rule("BN405", "missing-channel", "error", _check)
