"""A case to its samples: the moments of each, from one pass over the voxels where nothing is done to them first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bnstat.moments.moments import Moments
from bnstat.moments.one_pass import scan_volume, side_by_side
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import Planned
from bnstat.sources.sample import Sample
from bnstat.sources.volume import OnBytes

# The axis of a file that holds time points where its header has a repetition time: the fourth dimension.
TIME_AXIS = 3


@dataclass(frozen=True)
class Row:
    """A sample in the table.

    Attributes:
        sample: who it is.
        moments: of its channels, shape (channels,).
        tensor: its shape, and the kept axis.
        parts: the files that its voxels can be read from a second time; none where these are not the layer's input.
        types: the stored types of its numbers, where the layer gets these as they are; none where they were changed.
    """

    sample: Sample
    moments: Moments
    tensor: Tensor
    parts: tuple[CaseFile, ...] = ()
    types: tuple[str, ...] = ()


def rows_of(planned: Planned, preparation: Preparation, told: OnBytes | None = None) -> tuple[Row, ...]:
    """Read a case once.

    Args:
        planned: its headers.
        preparation: what its voxels go through first.
        told: told how many bytes were read, now and then, from whichever thread read them.

    Raises:
        InputError: a file is truncated, damaged, or cannot be read.
    """
    if preparation.patches is not None:
        return _patches(planned, preparation, told)
    if preparation.changes_values:
        from bnstat.preprocessing.intensity import prepared_moments  # noqa: PLC0415  (only where it is asked for)

        return _rows(planned, prepared_moments(planned, preparation, told), (), ())
    cells = [scan_volume(part.volume, part.arrangement, told) for part in planned.parts]
    return _rows(planned, side_by_side(cells, planned.tensor), planned.parts, _types(planned))


def _rows(planned: Planned, table: Moments, parts: tuple[CaseFile, ...], types: tuple[str, ...]) -> tuple[Row, ...]:
    """A row for each sample, from moments of shape (samples, channels)."""
    indices = [None] if planned.parts[0].arrangement.samples_axis is None else range(planned.samples)
    return tuple(Row(sample_of(planned, index), table[index or 0], planned.tensor, parts, types) for index in indices)


def _patches(planned: Planned, preparation: Preparation, told: OnBytes | None) -> tuple[Row, ...]:
    from bnstat.preprocessing.patches import draw  # noqa: PLC0415  (only where it is asked for)

    drawn = draw(planned, preparation, told)
    return tuple(Row(replace(sample_of(planned, one.index), patch=one.patch), one.moments, one.tensor) for one in drawn)


def _types(planned: Planned) -> tuple[str, ...]:
    """The stored types of a case, none where a header scales one of its files."""
    volumes = [part.volume for part in planned.parts]
    if any((volume.slope, volume.intercept) != (1.0, 0.0) for volume in volumes):
        return ()
    return tuple(dict.fromkeys(volume.dtype.name for volume in volumes))


def sample_of(planned: Planned, index: int | None) -> Sample:
    """Who one sample of a case is."""
    case, first = planned.case, planned.parts[0]
    return Sample(
        source=case.name,
        index=index,
        shape=planned.shape,
        dtype=planned.dtype_name,
        repetition=first.volume.repetition if first.arrangement.channels_axis == TIME_AXIS else None,
        files=case.files if case.joined else (),
        channels=planned.channels,
    )
