"""A compressed file that several passes read: the first one inflates it, and later ones take what it has held."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from bnstat.sources.streams import fill, stream_of
from bnstat.sources.volume import Bytes, StreamedVoxels, Volume

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def inflated_once(volume: Volume) -> Volume:
    """Return a volume whose voxels are held by the first pass that reads the file to its end.

    Only one pass at a time may read it. A file of the machine that lies uncompressed stays as it is.
    """
    if not isinstance(volume.voxels, StreamedVoxels):
        return volume
    return replace(volume, voxels=StreamedVoxels(_Held(volume.voxels.open, volume.nbytes).open))


class _Held:
    """The bytes of a stream, once it was read to its end.

    Attributes:
        bytes: the memory for them; None if there is not enough.
        complete: True if they are all there, and the end of the stream has verified them.
    """

    def __init__(self, fresh: Callable[[], BinaryIO], nbytes: int) -> None:
        self._fresh, self._nbytes = fresh, nbytes
        self.bytes: Bytes | None = None
        self.complete = False

    def open(self) -> BinaryIO:
        """Open the stream, or what is held of it."""
        if self.complete and self.bytes is not None:
            return stream_of(self.bytes, "C")
        stream = self._fresh()
        with suppress(MemoryError):
            self.bytes = np.empty(self._nbytes, np.uint8)
            return cast(BinaryIO, _Holding(stream, self))
        return stream


class _Holding(io.RawIOBase):
    """A stream whose bytes are held while they are read."""

    def __init__(self, stream: BinaryIO, held: _Held) -> None:
        super().__init__()
        self._stream, self._held, self._at = stream, held, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        read = fill(self._stream, target)
        if (to := self._held.bytes) is not None:
            kept = target[: min(read, to.size - self._at)]
            to.data[self._at : self._at + len(kept)] = kept
            self._at += len(kept)
            self._held.complete = read < len(target) and self._at == to.size
        return read

    def close(self) -> None:
        self._stream.close()
        super().close()
