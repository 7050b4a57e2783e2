"""One entry along the batch axis: which file, which index, which patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Patch:
    """A part of a volume, as a network is trained on.

    Attributes:
        start: its first voxel on each spatial axis, in file order; below 0 where the volume was padded.
        size: its voxels along each of them.
        foreground: whether it was put around a voxel of the foreground.
    """

    start: tuple[int, ...]
    size: tuple[int, ...]
    foreground: bool = False

    def __str__(self) -> str:
        """As numpy would cut it out, where nothing was padded."""
        return f"[{', '.join(f'{at}:{at + size}' for at, size in zip(self.start, self.size, strict=True))}]"


@dataclass(frozen=True)
class Sample:
    """One entry along the batch axis.

    Attributes:
        source: the file, as the user named it.
        index: its entry on the batch axis of the file; None where the file is one sample.
        shape: the file's own shape.
        dtype: the file's own type.
        repetition: the repetition time in the header where the file's fourth axis is kept and looks like time.
        files: the files of a sample that has several, which `source` then is the name of; else empty.
        channels: names of the channels, where a data set gives them.
        patch: the part of the volume that the sample is; None for the whole.
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
        """What to call it in a sentence."""
        whole = self.source if self.index is None else f"{self.source}[{self.index}]"
        return whole if self.patch is None else f"{whole}{self.patch}"

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it was read from."""
        return self.files or (self.source,)

    @property
    def volume(self) -> tuple[str, int | None]:
        """What tells its volume from others: patches of one volume are not independent."""
        return self.source, self.index


def channel_names_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Names of the channels in which all samples agree; none where they do not, or none are known."""
    named = {sample.channels for sample in samples}
    return next(iter(named)) if len(named) == 1 else ()


BatchAxis = int | Literal["none"] | None
