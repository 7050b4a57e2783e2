"""Files of moments in place of volumes: their samples, as the table takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from bnstat.errors import UsageError
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.moments_file import Asked, KeptMoments, differing, read_moments
from bnstat.sources.case import Case
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis


@dataclass(frozen=True)
class Kept:
    """What a file of moments has.

    Attributes:
        entries: each case, and its samples.
        preparation: what voxels went through, with what is asked of batches now.
        notes: what was left out of it.
    """

    entries: tuple[tuple[Planned, tuple[Row, ...]], ...]
    preparation: Preparation
    notes: tuple[str, ...]


def read(path: str, axis: int, batch_axis: BatchAxis, preparation: Preparation) -> Kept:
    """Read a file of moments.

    Args:
        path: the file.
        axis: the kept axis that is asked for.
        batch_axis: that of the files whose entries are samples; None for whatever it was.
        preparation: what voxels should have gone through; plain for whatever they went through.

    Raises:
        UsageError: it keeps something else.
        InputError: it cannot be read.
    """
    found = read_moments(path)
    prepared = _fitting(path, found, axis, batch_axis, preparation)
    return Kept(tuple(_entries(found)), prepared, found.notes)


def unlike(one: Preparation, other: Preparation) -> str:
    """In what two differ."""
    return differing(*(Asked(-1, None, preparation) for preparation in (one, other)))


def _entries(found: KeptMoments) -> Iterator[tuple[Planned, tuple[Row, ...]]]:
    for (name, files), lines in groupby(found.lines, lambda kept: kept.case):
        rows = tuple(kept.row for kept in lines)
        case = Case(name, files or (name,), rows[0].sample.channels)
        yield Planned(case, (), rows[0].tensor, len(rows)), rows


def _fitting(path: str, found: KeptMoments, axis: int, batch_axis: BatchAxis, preparation: Preparation) -> Preparation:
    """What voxels went through; what is not asked for is as it was kept, and batches may be made otherwise.

    Raises:
        UsageError: they do not fit.
    """
    asked = found.lines[0].asked
    for row in found.rows:
        axes = len(row.tensor.sample_shape) + 1
        if axis != row.tensor.axis and axis + axes != row.tensor.axis:
            raise UsageError(
                f"{path} keeps moments of --axis {asked.axis} and cannot answer --axis {axis}; "
                "ask for that axis, or scan the volumes again"
            )
    wanted = Asked(
        asked.axis,
        asked.batch_axis if batch_axis is None else batch_axis,
        asked.preparation if preparation.plain else preparation,
    )
    if _read_as(wanted) != _read_as(asked):
        raise UsageError(
            f"{path} keeps moments that were read otherwise: with {differing(asked, wanted)}; "
            "leave that out, or scan the volumes again"
        )
    return wanted.preparation


def _read_as(asked: Asked) -> Asked:
    """Settings without those that only say how batches are made."""
    patches = asked.preparation.patches
    if patches is None:
        return asked
    return replace(asked, preparation=replace(asked.preparation, patches=replace(patches, per_volume=1)))
