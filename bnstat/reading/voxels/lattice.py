"""The values that a channel can have, where these have one distance: whole numbers, with or without a scale factor."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.voxels.binning import Lattice
from bnstat.sources.case import CaseFile
from bnstat.sources.opened import Planned


def lattice_of(channel: int, cases: Sequence[Planned], rows: Sequence[Row], preparation: Preparation) -> Lattice | None:
    """Return the values that a channel can have; None if they may lie anywhere, or it is not known.

    Args:
        channel: the channel.
        cases: the cases that are read.
        rows: their samples.
        preparation: the preprocessing, whose steps move values anywhere.
    """
    if preparation.steps:
        return None
    parts = [part for planned in cases for part in parts_of(planned, channel)]
    scales = {(part.volume.slope, part.volume.intercept) for part in parts}
    if len(scales) != 1:
        return None
    slope, intercept = scales.pop()
    if intercept and preparation.patches is not None:  # zeros pad patches
        return None
    if all(part.volume.dtype.kind in "iub" for part in parts):
        return Lattice(abs(slope), intercept) if slope else None
    whole = all(row.distinct[channel : channel + 1] not in ((), (None,)) for row in rows if _has(row, channel))
    return Lattice() if whole and (slope, intercept) == (1.0, 0.0) else None


def _has(row: Row, channel: int) -> bool:
    return channel < row.tensor.channels


def parts_of(planned: Planned, channel: int) -> list[CaseFile]:
    """Return the files that have values of a channel."""
    if not planned.kept_last:
        return list(planned.parts) if channel < planned.tensor.channels else []
    for part in planned.parts:
        if channel < part.arrangement.channels:
            return [part]
        channel -= part.arrangement.channels
    return []
