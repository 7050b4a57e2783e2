"""One case to read a second time, as it is sent to a worker, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.bins import Bins, Counted
from bnstat.preprocessing.channel_steps import bytes_read
from bnstat.preprocessing.counted import count_values
from bnstat.preprocessing.operations import Operations
from bnstat.preprocessing.steps import needs_filled
from bnstat.reading.voxels.results import Slices
from bnstat.reading.voxels.slices import Asked, PlannedPlane, planned_planes, slices_of
from bnstat.reading.workers.job import CaseJob
from bnstat.sources.opened import Planned
from bnstat.sources.volume import OnBytes


@dataclass(frozen=True, eq=False)
class CaseVoxels:
    """What was read of one case.

    Attributes:
        counts: for each sample, the counts of each channel that has bins.
        zeros: the number of values that are exactly 0, shape (samples, channels).
        finite: the number of finite values, shape (samples, channels).
        slices: for each sample that slices were asked of, those of each channel; its `volume` is the sample.
    """

    counts: tuple[dict[int, Counted], ...]
    zeros: NDArray[np.int64]
    finite: NDArray[np.int64]
    slices: tuple[Slices, ...]


@dataclass(frozen=True)
class VoxelsJob(CaseJob[CaseVoxels]):
    """One case whose values are counted.

    Attributes:
        bins: channels, each with its bins.
        asked: the samples whose slices are wanted.
        known: for each sample, what the steps do to its values, from the first pass; empty if this is not known.
    """

    bins: tuple[tuple[int, Bins], ...] = ()
    asked: tuple[Asked, ...] = ()
    known: tuple[Operations, ...] = field(default=(), compare=False, repr=False)

    def nbytes_of(self, planned: Planned) -> int:
        """Return the bytes to read, uncompressed."""
        if self.known:
            return planned.nbytes * (1 + any(map(needs_filled, self.preparation.steps)))
        return bytes_read(planned, self.preparation, again=True)

    def read(self, planned: Planned, on_bytes: OnBytes | None) -> CaseVoxels:
        """Return the counts and the slices, as `CaseJob` describes it."""
        channels = range(planned.tensor.channels)
        planes: list[tuple[Asked, int, list[PlannedPlane]]] = [
            (one, channel, planned_planes(planned, one, channel))
            for one in self.asked
            if one.sample < planned.samples
            for channel in one.channels
            if channel in channels
        ]
        picked = [plane.picked for _, _, some in planes for plane in some]
        bins = {channel: one for channel, one in self.bins if channel in channels}
        counts = count_values(planned, self.preparation, bins, picked, on_bytes, self.known)
        pictures = (slices_of(one.sample, channel, some, one.side) for one, channel, some in planes if some)
        return CaseVoxels(
            tuple({channel: Counted.of(one) for channel, one in sample.items()} for sample in counts.counts),
            counts.zeros,
            counts.finite,
            tuple(one for one in pictures if one is not None),
        )
