"""The second pass: the values of all volumes in bins, the zeros among them, and slices of a few volumes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from bnstat.moments.bins import Bins, Counted
from bnstat.moments.moments import Integers, Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table
from bnstat.reading.voxels.binning import Lattice, fine_bins, histogram
from bnstat.reading.voxels.choice import Shown, Suspect, shown_of
from bnstat.reading.voxels.job import CaseVoxels, VoxelsJob
from bnstat.reading.voxels.lattice import lattice_of
from bnstat.reading.voxels.results import Histogram, Slices, Voxels
from bnstat.reading.workers import executor_of
from bnstat.reading.workers.job import Progress
from bnstat.sources.sample import BatchAxis, volumes_among
from bnstat.text import MOST_PLACES, first_ones, plural

# Channels that have a histogram: more than a network gets of images, and few enough for a page.
MOST_HISTOGRAMS = 32


@dataclass(frozen=True)
class _Volumes:
    """The volumes of a table, and where their voxels are.

    Attributes:
        table: the table.
        rows: the places of the samples of each volume.
        at: the cases whose voxels can be read, each with its samples: the place of the volume of each.
        samples: the samples of each case, in order.
    """

    table: Table
    rows: tuple[tuple[int, ...], ...]
    at: Mapping[int, Mapping[int, int]]
    samples: Mapping[int, Sequence[Row]]

    @classmethod
    def of(cls, table: Table) -> _Volumes:
        """Return the volumes of a table."""
        rows = volumes_among([row.sample for row in table.rows])
        at: dict[int, dict[int, int]] = defaultdict(dict)
        for volume, places in enumerate(rows):
            for place in places:
                case = table.origins[place]
                if table.planned[case].parts:
                    at[case][table.rows[place].sample.index or 0] = volume
        samples: dict[int, list[Row]] = defaultdict(list)
        for row, case in zip(table.rows, table.origins, strict=True):
            samples[case].append(row)
        return cls(table, rows, at, samples)

    @property
    def known(self) -> list[int]:
        """The volumes whose voxels can be read, in order."""
        return sorted({volume for own in self.at.values() for volume in own.values()})

    def moments(self, volume: int) -> Moments:
        """Return the moments of the channels of a volume: of all its patches together."""
        found = [self.table.rows[place].moments for place in self.rows[volume]]
        return found[0] if len(found) == 1 else found[0].merge(*found[1:])

    def name(self, volume: int) -> str:
        """Return the name of a volume in a sentence."""
        return replace(self.table.rows[self.rows[volume][0]].sample, patch=None).title

    def finite(self, case: int, sample: int) -> Integers:
        """Return the number of finite values that the first pass found in the channels of one sample of a case."""
        volume = self.at[case][sample]
        own = [place for place in self.rows[volume] if self.table.origins[place] == case]
        return np.asarray(np.sum([self.table.rows[place].moments.finite for place in own], axis=0))


def read_voxels(
    table: Table,
    suspects: Sequence[Suspect],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> Voxels:
    """Read the voxels of a table a second time. The places of volumes are those of `volumes_among`.

    A volume that cannot be read again is left out, and a note says so.

    Args:
        table: the table that was read in the first pass.
        suspects: the volumes that findings are about, the gravest first. Their slices are shown.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        reading: how the table was read.
        progress: callbacks called with the files and the bytes read so far.
    """
    volumes = _Volumes.of(table)
    if not volumes.at:
        return Voxels(missing=_missing(table))
    # what is counted, and what is shown
    moments = {volume: volumes.moments(volume) for volume in volumes.known}
    lattices = _lattices(volumes, table.preparation)
    bins = _bins(moments, lattices)
    shown = shown_of(moments, suspects)
    if find_spec("PIL") is None:
        shown = replace(shown, channels={})
    jobs = {case: _job(volumes, case, bins, shown, (axis, batch_axis)) for case in sorted(volumes.at)}
    # every voxel, once more
    found, notes = _read(volumes, jobs, bins, reading, progress)
    if not found:
        missing = "no input could be read a second time, so there are no histograms, no shares of zeros and no slices"
        return Voxels(missing=missing, notes=tuple(notes))
    slices = _slices(volumes, found, shown)
    return Voxels(
        histograms=tuple(_histograms(volumes, found, bins, lattices)),
        zeros=_zeros(volumes, found),
        slices=slices,
        typical=shown.typical if any(one.volume == shown.typical for one in slices) else None,
        notes=(*notes, *_notes(volumes, shown, slices)),
    )


def _missing(table: Table) -> str:
    """Return why there are no voxels."""
    if not table.rows:
        return "no input could be read, so there are no histograms and no slices"
    if table.network is not None:
        return (
            f"the moments are those of {table.network}, whose values are kept nowhere, so there are no histograms and "
            "no slices"
        )
    return (
        "a moments file keeps the statistics of volumes and not their voxels, so there are no histograms, no shares of "
        "zeros and no slices; to see them, give the volumes in place of the moments file"
    )


def _lattices(volumes: _Volumes, preparation: Preparation) -> dict[int, Lattice]:
    """Return the values that channels can have, of those of which it is known."""
    table = volumes.table
    cases = [table.planned[case] for case in volumes.at]
    rows = [row for case in volumes.at for row in volumes.samples[case]]
    found = {
        channel: lattice_of(channel, cases, rows, preparation)
        for channel in range(max(planned.tensor.channels for planned in cases))
    }
    return {channel: lattice for channel, lattice in found.items() if lattice is not None}


def _bins(moments: Mapping[int, Moments], lattices: Mapping[int, Lattice]) -> dict[int, Bins]:
    """Return the fine bins of the channels that have a histogram."""
    channels = min(max(one.shape[0] for one in moments.values()), MOST_HISTOGRAMS)
    found: dict[int, Bins] = {}
    for channel in range(channels):
        own = [one[[channel]] for one in moments.values() if channel < one.shape[0]]
        bins = fine_bins(Moments.stack(own).merged()[0], lattices.get(channel), channels * len(moments))
        if bins is not None:
            found[channel] = bins
    return found


def _job(
    volumes: _Volumes, case: int, bins: Mapping[int, Bins], shown: Shown, layout: tuple[int, BatchAxis]
) -> VoxelsJob:
    planned = volumes.table.planned[case]
    asked = (shown.asked(volume, sample) for sample, volume in sorted(volumes.at[case].items()))
    known = tuple(row.operations for row in volumes.samples[case])
    return VoxelsJob(
        planned.case,
        *layout,
        volumes.table.preparation,
        planned,
        tuple(bins.items()),
        tuple(one for one in asked if one is not None),
        known if all(known) else (),
    )


def _read(
    volumes: _Volumes,
    jobs: Mapping[int, VoxelsJob],
    bins: Mapping[int, Bins],
    reading: Reading,
    progress: Progress | None,
) -> tuple[dict[int, CaseVoxels], list[str]]:
    """Return what was read of each case, and a note on those that cannot be read again."""
    cases, listed = list(jobs), list(jobs.values())
    found: dict[int, CaseVoxels] = {}
    failed: dict[int, str] = {}
    for outcome in executor_of(reading, listed).run(listed, progress):
        case = cases[outcome.place]
        if outcome.found is None:
            failed[case] = str(outcome.failure)
        elif _is_changed(volumes, case, outcome.found, bins):
            failed[case] = (
                f"{volumes.table.planned[case].case.name}: its values changed after the first pass; run again"
            )
        else:
            found[case] = outcome.found
    notes = [f"an input is in no histogram and no slice: {failed[case]}" for case in sorted(failed)[:MOST_PLACES]]
    if len(failed) > MOST_PLACES:
        more = plural(len(failed) - MOST_PLACES, "more input")
        notes.append(f"{more} could not be read a second time")
    return found, notes


def _is_changed(volumes: _Volumes, case: int, found: CaseVoxels, bins: Mapping[int, Bins]) -> bool:
    """Return True if these are not the values whose moments the first pass found."""
    if max(volumes.at[case]) >= len(found.counts):
        return True
    for sample in volumes.at[case]:
        known = volumes.finite(case, sample)
        if known.shape != found.finite[sample].shape or (known != found.finite[sample]).any():
            return True
        # the bins are over the range of the first pass
        for channel, one in found.counts[sample].items():
            outside = (one.places == 0) | (one.places == bins[channel].number + 1)
            if 2 * int(one.counts[outside].sum()) > int(one.counts.sum()):
                return True
    return False


def _histograms(
    volumes: _Volumes,
    found: Mapping[int, CaseVoxels],
    bins: Mapping[int, Bins],
    lattices: Mapping[int, Lattice],
) -> list[Histogram]:
    """Return a histogram for each channel that has values."""
    each = []
    for channel, own in bins.items():
        counts: list[Counted | None] = [None] * len(volumes.rows)
        for case, voxels in found.items():
            for sample, volume in volumes.at[case].items():
                one = voxels.counts[sample].get(channel)
                if one is not None:
                    known = counts[volume]
                    counts[volume] = one if known is None else known.plus(one, own.number + 2)
        each.append(histogram(channel, own, counts, lattices.get(channel)))
    return [one for one in each if one is not None]


def _zeros(volumes: _Volumes, found: Mapping[int, CaseVoxels]) -> tuple[tuple[float | None, ...], ...]:
    """Return the share of zeros of each channel of each volume; None where it is not known."""
    zeros: dict[int, Integers] = {}
    for case, voxels in found.items():
        for sample, volume in volumes.at[case].items():
            zeros[volume] = zeros.get(volume, 0) + voxels.zeros[sample]
    each = []
    for volume in range(len(volumes.rows)):
        count = volumes.moments(volume).count
        known = volume in zeros
        each.append(
            tuple(
                int(zeros[volume][channel]) / int(number) if known and number else None
                for channel, number in enumerate(count)
            )
        )
    return tuple(each)


def _slices(volumes: _Volumes, found: Mapping[int, CaseVoxels], shown: Shown) -> tuple[Slices, ...]:
    """Return the pictures in the order of the volumes that are shown."""
    each = {
        (volumes.at[case][one.volume], one.channel): replace(one, volume=volumes.at[case][one.volume])
        for case, voxels in found.items()
        for one in voxels.slices
    }
    places = [(volume, channel) for volume, channels in shown.channels.items() for channel in channels]
    return tuple(each[place] for place in places if place in each)


def _notes(volumes: _Volumes, shown: Shown, slices: Sequence[Slices]) -> list[str]:
    """Return what is left out, a sentence each."""
    notes = []
    preparation = volumes.table.preparation
    unknown = [volume for volume in range(len(volumes.rows)) if volume not in set(volumes.known)]
    if unknown:
        names = first_ones("the volume" if len(unknown) == 1 else "the volumes", list(map(volumes.name, unknown)))
        notes.append(
            f"{names} come{'s' if len(unknown) == 1 else ''} from a moments file, which keeps no voxels, and "
            f"{'is' if len(unknown) == 1 else 'are'} in no histogram and no slice"
        )
    channels = max(volumes.moments(volume).shape[0] for volume in volumes.known)
    if channels > MOST_HISTOGRAMS:
        notes.append(f"only the first {MOST_HISTOGRAMS} of {channels:,} channels have histograms")
    if find_spec("PIL") is None:
        notes.append("there are no slices, because Pillow is missing; to see them, type: pip install 'bnstat[report]'")
    if shown.left_out:
        notes.append(f"slices are left out of {plural(shown.left_out, 'more volume')} with findings")
    without = [volume for volume in shown.channels if volume not in {one.volume for one in slices}]
    if slices and preparation.patches is not None:
        steps = " before the intensity steps" if preparation.intensity_per == "patch" else ""
        notes.append(f"slices show the whole volumes{steps}, and all other numbers are those of the patches")
    if slices and preparation.mask is not None:
        notes.append("slices show all voxels, also those outside of the mask")
    if without and slices:
        notes.append(f"there are no slices of {', '.join(map(volumes.name, without))}")
    return notes
