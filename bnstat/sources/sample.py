"""One entry along the batch axis: which file, which index, which patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Patch:
    """A part of a volume, as a network is trained on it.

    Attributes:
        start: its first voxel on each spatial axis, in file order; below 0 if the volume was padded.
        size: its voxels along each of them.
        foreground: True if it was placed around a foreground voxel.
    """

    start: tuple[int, ...]
    size: tuple[int, ...]
    foreground: bool = False

    def __str__(self) -> str:
        """Return the indices with which numpy would cut it out, if nothing was padded."""
        return f"[{', '.join(f'{at}:{at + size}' for at, size in zip(self.start, self.size, strict=True))}]"


@dataclass(frozen=True, slots=True)
class Sample:
    """One entry along the batch axis.

    Attributes:
        source: the file, as the user named it.
        index: its entry on the batch axis of the file; None if the file is one sample.
        shape: the file's own shape.
        dtype: the file's own type.
        repetition: the repetition time in the header if the file's fourth axis is kept and looks like time, else None.
        files: the files of a sample that has several (`source` is then their common name); else empty.
        channels: the names of the channels; empty if no data set gives them.
        patch: the part of the volume that the sample is; None for the whole volume.
    """

    source: str
    index: int | None
    shape: tuple[int, ...]
    dtype: str
    repetition: str | None = None
    files: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    patch: Patch | None = None

    @property
    def title(self) -> str:
        """The name in a sentence."""
        whole = self.source if self.index is None else f"{self.source}[{self.index}]"
        return whole if self.patch is None else f"{whole}{self.patch}"

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it is read from."""
        return self.files or (self.source,)

    @property
    def volume(self) -> tuple[str, int | None]:
        """The key of its volume: patches with the same key are not independent."""
        return self.source, self.index


def channel_names_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the names of the channels; none if samples differ in them, or they are not known."""
    named = {sample.channels for sample in samples}
    return next(iter(named)) if len(named) == 1 else ()


def volumes_among(samples: Sequence[Sample]) -> tuple[tuple[int, ...], ...]:
    """Return the places of the samples of each volume: one each, or all patches of it.

    A file that is given twice is two volumes, unless its patches are samples, which cannot be told apart.
    """
    together: dict[object, list[int]] = {}
    for place, sample in enumerate(samples):
        together.setdefault(place if sample.patch is None else sample.volume, []).append(place)
    return tuple(map(tuple, together.values()))


BatchAxis = int | Literal["none"] | None
