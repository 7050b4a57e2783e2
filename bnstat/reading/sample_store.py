"""Prepared samples that are fetched in any order: in memory up to a limit, and in a temporary file beyond it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import IO

import numpy as np

from bnstat.errors import OutputError
from bnstat.preprocessing.tensors import Singles

# Bytes of samples that are held in memory.
HELD_BYTES = 1 << 30


class SampleStore:
    """Samples in the order in which they were added.

    It is a context manager. The temporary file has no name from which it could be left over: the system removes it when
    the process ends, however that is.
    """

    def __init__(self) -> None:
        self._held: list[Singles] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        # the place in the file and the shape of each further sample
        self._places: list[tuple[int, tuple[int, ...]]] = []
        self._written = 0

    def __enter__(self) -> SampleStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._held) + len(self._places)

    def __getitem__(self, place: int, /) -> Singles:
        """Return one sample. It must not be changed."""
        if place < len(self._held):
            return self._held[place]
        offset, shape = self._places[place - len(self._held)]
        assert self._file is not None
        return np.memmap(self._file, np.float32, "r", offset, shape)

    def add(self, sample: Singles) -> None:
        """Keep one more sample.

        Raises:
            OutputError: if the temporary file cannot be written.
        """
        if self._file is None and self._bytes + sample.nbytes <= HELD_BYTES:
            self._held.append(sample)
            self._bytes += sample.nbytes
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="bnstat-")  # noqa: SIM115  (open until `close`)
            self._file.write(np.ascontiguousarray(sample).reshape(-1).view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()}: the prepared samples cannot be written: {error.strerror}; they take "
                f"{(self._written + sample.nbytes) / 1e9:.3g} GB or more beyond the memory; set TMPDIR to a folder "
                "with more room, or give fewer volumes or a smaller `size`"
            ) from error
        self._places.append((self._written, sample.shape))
        self._written += sample.nbytes

    def close(self) -> None:
        """Remove all samples."""
        self._held, self._places = [], []
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
