"""A case with its headers read: the batched tensor of its files, before any voxel is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from bnstat.errors import InputError, UnfitError
from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case, CaseFile
from bnstat.sources.formats.registry import is_array, path_of
from bnstat.sources.layout import AxisError, Tensor, arrange, require_batched
from bnstat.sources.opening import open_volume
from bnstat.sources.remark import Remark, notes_of
from bnstat.sources.sample import BatchAxis
from bnstat.sources.storage import is_there
from bnstat.sources.volume import Volume
from bnstat.text import by, plural

# The most channels of all samples of a file, of each of which seven numbers are kept: some gigabytes in all.
_MOST_CELLS = 1 << 24


@dataclass(frozen=True)
class Planned:
    """A case with its headers read.

    Attributes:
        case: its files.
        parts: each of them with its header and layout.
        tensor: a sample, made of all files together.
        samples: the number of samples.
    """

    case: Case
    parts: tuple[CaseFile, ...]
    tensor: Tensor
    samples: int

    @property
    def volume(self) -> Volume:
        """The header of the first file."""
        return self.parts[0].volume

    @property
    def is_array(self) -> bool:
        """True if it is an array and not a volume. Its name tells this even if only its moments are known."""
        if self.parts:
            return all(part.volume.batched for part in self.parts)
        return all(map(is_array, self.case.files))

    @property
    def nbytes(self) -> int:
        """The bytes of all its voxels, uncompressed."""
        return sum(part.volume.nbytes for part in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """The file's own shape; for several files, that of all with their channels side by side."""
        if not self.case.joined:
            return self.volume.shape
        samples = () if self.parts[0].arrangement.samples_axis is None else (self.samples,)
        return (*samples, *self.tensor.sample_shape)

    @property
    def kept_last(self) -> bool:
        """True if the kept axis is the last one, along which files are put side by side."""
        return self.tensor.axis == len(self.tensor.sample_shape)

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of its channels; none if another axis is kept, or their number differs."""
        return self.case.channels if self.kept_last and len(self.case.channels) == self.tensor.channels else ()

    @property
    def notes(self) -> tuple[tuple[str, str | Remark], ...]:
        """What is odd about its files, each with the file."""
        return tuple((part.volume.source, note) for part in self.parts for note in part.volume.notes)

    @property
    def dtype_name(self) -> str:
        """The type of its voxels; each type once if files differ."""
        return ", ".join(dict.fromkeys(part.volume.dtype_name for part in self.parts))


def header_notes(planned: Iterable[Planned]) -> list[str]:
    """Return the notes on how files are read, each once, with the first of the files that it holds for."""
    return notes_of(chain.from_iterable(plan.notes for plan in planned))


def plan_case(case: Case, axis: int, batch_axis: BatchAxis) -> Planned:
    """Read the headers of a case.

    Args:
        case: its files.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.

    Raises:
        InputError: if a file cannot be read, or does not fit the others.
        UnfitError: if a file does not have the axis.
    """
    parts = tuple(_part(volume, axis, batch_axis) for volume in _headers(case))
    first = parts[0].arrangement
    for part in parts[1:]:
        _require_fit(case, parts[0], part)
    shape = (*first.tensor.sample_shape[:-1], sum(part.arrangement.tensor.sample_shape[-1] for part in parts))
    return Planned(case, parts, Tensor(shape, first.tensor.axis), first.samples)


def require_there(case: Case) -> None:
    """Refuse a case of one file that does not exist, without looking for a name that was meant.

    Raises:
        InputError: if so.
    """
    if case.held is None and not case.joined and not is_remote(case.files[0]) and not is_there(path_of(case.files[0])):
        raise InputError(case.name, "no such file; check the path")


def _headers(case: Case) -> list[Volume]:
    """Read the headers of all files.

    Raises:
        InputError: if one cannot be read; it names the channels whose files are missing.
    """
    if case.held is not None:
        return [case.held.open()]
    try:
        return [open_volume(file, case.access) for file in case.files]
    except InputError as error:
        if not case.joined:
            raise
        missing = [place for place, file in enumerate(case.files) if not is_there(file, case.access)]
        if not missing:
            raise
        named = case.channels if len(case.channels) == len(case.files) else tuple(map(str, range(len(case.files))))
        channels = tuple(named[place] for place in missing)
        listed = ", ".join(channels)
        what = f"channel {listed} is" if len(missing) == 1 else f"channels {listed} are"
        message = f"{what} missing: there is no {case.files[missing[0]]}; add the file, or leave the case out"
        raise InputError(case.name, message, channels) from error


def _part(volume: Volume, axis: int, batch_axis: BatchAxis) -> CaseFile:
    chosen = 0 if batch_axis is None and volume.batched else None if batch_axis == "none" else batch_axis
    try:
        if volume.batched and batch_axis is None and axis == -1:
            require_batched(volume.shape)
        arrangement = arrange(
            volume.shape,
            order=volume.order,
            axis=axis,
            batch_axis=chosen,
            dtype_channels=volume.dtype_channels,
            batched=volume.batched and chosen is not None,
            channels_last=volume.channels_last,
        )
    except AxisError as error:
        raise UnfitError(volume.source, str(error)) from error
    if arrangement.samples * arrangement.channels > _MOST_CELLS:
        declared = f"{plural(arrangement.samples, 'sample')} of {plural(arrangement.channels, 'channel')}"
        raise InputError(
            volume.source,
            f"the header declares {declared}, and at most {_MOST_CELLS:,} channels of all samples together are read; "
            "choose other axes with `axis` and `batch_axis`",
        )
    return CaseFile(volume, arrangement)


def _require_fit(case: Case, first: CaseFile, part: CaseFile) -> None:
    """Raise InputError unless two files of a case agree in all axes but the last, along which they are put together."""
    shapes = [(one.arrangement.samples, *one.arrangement.tensor.sample_shape[:-1]) for one in (first, part)]
    if shapes[0] != shapes[1]:
        raise InputError(
            case.name,
            f"{part.volume.source} has the shape {by(part.volume.shape)}, and {first.volume.source} has "
            f"{by(first.volume.shape)}; all channels of a case need one shape: resample them to one grid",
        )
