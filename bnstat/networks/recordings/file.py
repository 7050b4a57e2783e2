"""The file of a recording while a training writes it: lines that are on disk as soon as their step ends."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from bnstat.errors import OutputError, UsageError
from bnstat.networks.recordings.entered import Described, Entered
from bnstat.networks.recordings.lines import SCHEMA, end_line, start_line, step_line
from bnstat.sources.regular import open_regular
from bnstat.writing import open_in_place, write_all

# What is read of a file's end to find its last line; lines of the largest networks have a few hundred kilobytes.
_TAIL = 1 << 24


class RecordingFile:
    """A recording that is written, or that a resumed training goes on with.

    Each line is written at once, so that a training that dies leaves a readable file: at most its last line is cut.
    If a line cannot be written, as on a full disk, a warning says so once and the training goes on without a recording.

    Attributes:
        path: The file.
        steps: The number of steps that the file accounts for; a resumed training counts on from it.
        recorded: The number of steps that were recorded by this object.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.recorded = os.fspath(path), 0
        self._file: BinaryIO | None = None
        try:
            self._file = open_in_place(self.path)
            self.steps = _resumed(self._file, self.path)
        except OSError as error:
            self._abandon()
            raise OutputError(
                f"{self.path}: the recording cannot be written: {error.strerror}; give another file"
            ) from error
        except UsageError:
            self._abandon()
            raise

    def start(self, settings: Mapping[str, object], layers: Sequence[Described]) -> None:
        """Write the line that describes the network."""
        self._write(start_line(settings, layers))

    def step(self, step: int, batch_size: int | None, entered: Sequence[Entered]) -> None:
        """Write the line of a recorded step."""
        self._write(step_line(step, batch_size, entered))
        self.recorded += 1

    def close(self, steps: int) -> None:
        """Write how many steps the training had, and close the file."""
        self._write(end_line(steps))
        if self._file is not None:
            self._file.close()
        self._file = None

    def _abandon(self) -> None:
        """Close a file that nothing more is written to."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file = None

    def _write(self, line: str) -> None:
        if self._file is None:
            return
        try:
            write_all(self._file, line.encode())
        except OSError as error:
            self._abandon()
            warnings.warn(
                f"{self.path}: the recording ends here, because it cannot be written: {error.strerror}; "
                "the training goes on",
                stacklevel=2,
            )


def _resumed(written: BinaryIO, path: str) -> int:
    """Return how many steps a file has that is gone on with, and cut off a last line that was not written to its end.

    Raises:
        UsageError: if the file is not a recording.
    """
    size = os.fstat(written.fileno()).st_size  # 0 of a pipe and of a device
    if size == 0:
        return 0
    start = max(size - _TAIL, 0)
    with open_regular(path) as file:
        if SCHEMA.encode() not in file.readline(_TAIL)[:200]:
            raise UsageError(
                f"{path} exists and is no recording of a training, so nothing was added; give another file"
            )
        file.seek(start)
        tail = file.read()
    end = tail.rfind(b"\n") + 1
    if end < len(tail):
        os.truncate(written.fileno(), start + end)
    for line in reversed(tail[:end].splitlines()):
        fields = _fields(line)
        if "steps" in fields:
            return int(fields["steps"])
        if "step" in fields:
            return int(fields["step"]) + 1
    return 0


def _fields(line: bytes) -> dict[str, int]:
    """Return the numbers of steps in a line; none of a line that is damaged."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name in ("step", "steps") if isinstance(found.get(name), int)}
