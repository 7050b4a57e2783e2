"""From a case to its samples: the moments of each, in one pass over the voxels if they are not changed first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bnstat.moments.counting import Counting
from bnstat.moments.entries import entries_of
from bnstat.moments.few_values import Distinct
from bnstat.moments.moments import Doubles, Moments
from bnstat.moments.one_pass import scan_volume, side_by_side
from bnstat.preprocessing.clipped_values import ClippedChannels
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import CaseFile
from bnstat.sources.label_names import names_labels
from bnstat.sources.layout import Tensor
from bnstat.sources.opened import Planned
from bnstat.sources.remark import Remark
from bnstat.sources.sample import Sample
from bnstat.sources.volume import OnBytes

if TYPE_CHECKING:
    from bnstat.preprocessing.intensity import Prepared
    from bnstat.preprocessing.operations import Operations

# The axis of a file that holds time points if its header has a repetition time: the fourth dimension.
TIME_AXIS = 3


@dataclass(frozen=True)
class Row:
    """A row of the table: one sample.

    Attributes:
        sample: its identity.
        moments: the moments of its channels, shape (channels,).
        tensor: its shape, and the kept axis.
        parts: the files that its voxels can be read from again; none if the layer's input is not what they hold.
        types: the stored types of its numbers if they are the layer's input; none if the values were changed.
        notes: files, each with what is odd about it; only the first row of a case has them, and only if its headers
            were not read before.
        zeros: what a step made of zeros with the statistics of the other values, for each channel; NaN in a channel
            without zeros. None without such a step, and if it is not known.
        clipped: how many values of each channel a step of the preprocessing clips; nothing if none does.
        distinct: for each channel, what is known of the distinct values in its file, of all samples together; None for
            too many of them, or values that are not whole. Empty if it is not known.
        operations: what the steps do to the values, for who reads them again; empty without steps, of patches, and if
            it is not known.
    """

    sample: Sample
    moments: Moments
    tensor: Tensor
    parts: tuple[CaseFile, ...] = ()
    types: tuple[str, ...] = ()
    notes: tuple[tuple[str, str | Remark], ...] = ()
    zeros: Doubles | None = None
    clipped: ClippedChannels = ()
    distinct: tuple[Distinct | None, ...] = ()
    operations: Operations = field(default=(), compare=False, repr=False)


def rows_of(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> tuple[Row, ...]:
    """Read a case.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing of its voxels.
        on_bytes: called with the bytes that were read, now and then, from the thread that read them.

    Raises:
        InputError: if a file is truncated or damaged, or cannot be read.
    """
    countings = [_counting(part) for part in planned.parts]
    if preparation.patches is not None:
        return _counted(_patches(planned, preparation, on_bytes, countings), planned, countings)
    if preparation.changes_values:
        from bnstat.preprocessing.intensity import prepared  # noqa: PLC0415  (15 ms, and most scans need none)

        found = prepared(planned, preparation, on_bytes, countings)
        return _counted(_prepared_rows(planned, preparation, found), planned, countings)
    cells = [
        scan_volume(part.volume, part.arrangement, on_bytes, counting)
        for part, counting in zip(planned.parts, countings, strict=True)
    ]
    table = side_by_side(cells, planned.tensor)
    return _rows(planned, table, planned.parts, _types(planned), _distinct(planned, countings))


def _counting(part: CaseFile) -> Counting:
    """Return what counts the distinct values of a file: to its end if its name says that these are labels."""
    return Counting(part.volume, part.arrangement, thorough=names_labels(part.volume.source))


def _counted(rows: tuple[Row, ...], planned: Planned, countings: Sequence[Counting]) -> tuple[Row, ...]:
    """Return rows with the distinct values of their channels."""
    distinct = _distinct(planned, countings)
    return tuple(replace(row, distinct=distinct) for row in rows)


def _distinct(planned: Planned, countings: Sequence[Counting]) -> tuple[Distinct | None, ...]:
    """Return the distinct values of each channel; nothing if files share channels."""
    if len(countings) > 1 and not planned.kept_last:
        return ()
    return tuple(one for counting in countings for one in counting.found())


def rows_of_several(
    planned: Planned, preparations: Sequence[Preparation], on_bytes: OnBytes | None = None
) -> tuple[Row, ...]:
    """Read a case for several preparations, which differ in their steps; return the rows of one after the other.

    Whole volumes are read once for all of them, if no step needs a further pass, and patches once for each.

    Raises:
        InputError: if a file is truncated or damaged, or cannot be read, or a step does not fit its values.
    """
    if preparations[0].patches is not None:
        return tuple(row for preparation in preparations for row in rows_of(planned, preparation, on_bytes))
    from bnstat.preprocessing.intensity import prepared_several  # noqa: PLC0415  (15 ms, and most scans need none)

    countings = [_counting(part) for part in planned.parts]
    each = zip(preparations, prepared_several(planned, preparations, on_bytes, countings), strict=True)
    rows = tuple(row for preparation, found in each for row in _prepared_rows(planned, preparation, found))
    return _counted(rows, planned, countings)


def _prepared_rows(planned: Planned, preparation: Preparation, found: Prepared) -> tuple[Row, ...]:
    """Return a row for each sample of a case after all steps."""
    plain, zeros = not preparation.changes_values, found.zeros
    rows = _rows(planned, found.moments, planned.parts if plain else (), _types(planned) if plain else ())
    return tuple(
        replace(
            row,
            zeros=None if zeros is None else zeros[at],
            clipped=found.clipped[at],
            operations=found.operations[at],
        )
        for at, row in enumerate(rows)
    )


def _rows(
    planned: Planned,
    table: Moments,
    parts: tuple[CaseFile, ...],
    types: tuple[str, ...],
    distinct: tuple[Distinct | None, ...] = (),
) -> tuple[Row, ...]:
    """Return a row for each sample, from moments of shape (samples, channels)."""
    indices = [None] if planned.parts[0].arrangement.samples_axis is None else range(planned.samples)
    return tuple(
        Row(sample, moments, planned.tensor, parts, types, distinct=distinct)
        for sample, moments in zip(samples_of(planned, indices), entries_of(table), strict=True)
    )


def _patches(
    planned: Planned, preparation: Preparation, on_bytes: OnBytes | None, countings: Sequence[Counting]
) -> tuple[Row, ...]:
    from bnstat.preprocessing.patches import draw  # noqa: PLC0415  (20 ms, and most scans need none)

    drawn = draw(planned, preparation, on_bytes, countings)
    return tuple(
        Row(replace(sample_of(planned, one.index), patch=one.patch), one.moments, one.tensor, clipped=one.clipped)
        for one in drawn
    )


def _types(planned: Planned) -> tuple[str, ...]:
    """Return the stored types of a case; none if a header scales one of its files."""
    volumes = [part.volume for part in planned.parts]
    if any((volume.slope, volume.intercept) != (1.0, 0.0) for volume in volumes):
        return ()
    return tuple(dict.fromkeys(volume.dtype.name for volume in volumes))


def sample_of(planned: Planned, index: int | None) -> Sample:
    """Return the identity of one sample of a case."""
    (sample,) = samples_of(planned, [index])
    return sample


def samples_of(planned: Planned, indices: Iterable[int | None]) -> Iterator[Sample]:
    """Yield the identities of samples of a case, by their indices on the batch axis."""
    case, first = planned.case, planned.parts[0]
    made = partial(
        Sample,
        source=case.name,
        shape=planned.shape,
        dtype=planned.dtype_name,
        repetition=first.volume.repetition if first.arrangement.channels_axis == TIME_AXIS else None,
        files=case.shown if case.joined else (),
        channels=planned.channels,
    )
    return (made(index=index) for index in indices)
