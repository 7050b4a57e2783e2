"""The moments file that a scan writes: each case is appended as a whole, and an interrupted scan can be continued."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bnstat.errors import OutputError, UsageError
from bnstat.reading.moments_file import examine
from bnstat.reading.moments_line import MomentsLine, line_of
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.sources.case import Case

if sys.platform != "win32":
    import fcntl

# What the lines of one case share: its name, and its files if it has several.
CaseKey = tuple[str, tuple[str, ...]]


def key_of(case: Case) -> CaseKey:
    """Return what the lines of a case share."""
    return case.name, case.files if case.joined else ()


@dataclass
class ScanTarget:
    """An open moments file: a context manager that closes it.

    Attributes:
        name: the file, as the user named it.
        samples: the number of its lines.
        order: its cases, in its order.
    """

    name: str
    samples: int = 0
    order: list[CaseKey] = field(default_factory=list)

    def __enter__(self) -> ScanTarget:
        try:
            self._file: BinaryIO = open(self.name, "ab", buffering=0)
            _refuse_second_writer(self._file, self.name)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self._file.close()

    def _settle(self) -> None:
        """Wait until the file is on the disk, if it is on one."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of a pipe or a terminal
                raise self._failure(error) from error

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def restart(self) -> None:
        """Empty the file."""
        try:
            if self.size:
                os.truncate(self._file.fileno(), 0)
        except OSError as error:
            raise self._failure(error) from error

    def resume(
        self, asked: ScanSettings, cases: Sequence[Case], changed: Callable[[Case, MomentsLine], bool]
    ) -> set[CaseKey]:
        """Keep the lines of files that have not changed, and remove the others.

        Args:
            asked: the settings of the scan.
            cases: the cases of the scan; lines of other cases stay.
            changed: tells whether a case has changed since this line was written.

        Returns:
            The cases that need not be read again.

        Raises:
            UsageError: if the file was scanned with other settings.
            InputError: if a line is damaged.
        """
        found = examine(self.name)
        for lines in found.complete:
            if differs := difference(lines[0].settings, asked):
                raise UsageError(f"{self.name} was scanned {differs}; use the same settings, or write another file")
        stale = {key_of(case): case for case in cases}
        good = [
            lines
            for lines in found.complete
            if lines[0].case not in stale or not changed(stale[lines[0].case], lines[0])
        ]
        if len(good) < len(found.complete) or not found.clean:
            self._rewrite(good)
        elif found.cut:
            os.truncate(self._file.fileno(), found.end)
        self.samples = sum(map(len, good))
        self.order = [lines[0].case for lines in good]
        return set(self.order)

    def _rewrite(self, good: Sequence[Sequence[MomentsLine]]) -> None:
        """Replace all lines by these at once: a crash leaves either the old file or the new one."""
        place = os.path.realpath(self.name)  # the target of a link
        beside = f"{place}.part"
        try:
            with open(beside, "wb") as file:
                file.writelines(line_of(kept).encode() for lines in good for kept in lines)
                file.flush()
                os.fsync(file.fileno())
            self._file.close()
            os.replace(beside, place)
            self.__enter__()
        except OSError as error:
            raise self._failure(error) from error

    def append(self, lines: Sequence[MomentsLine]) -> None:
        """Append the samples of a case, all or none of them.

        Raises:
            OutputError: if they cannot be written.
        """
        left = memoryview("".join(map(line_of, lines)).encode())
        before = self.size
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with suppress(OSError):  # a pipe, which cannot be truncated
                os.truncate(self._file.fileno(), before)
            raise self._failure(error) from error
        self.samples += len(lines)
        self.order += [lines[0].case] * bool(lines)

    def put_in_order(self, cases: Sequence[CaseKey]) -> None:
        """Give the lines the order of the inputs, so that batches have the same samples whichever was read first.

        Lines of other cases stay in front, in their order. A pipe, which cannot be written anew, stays as it is.
        """
        places = {case: place for place, case in enumerate(cases)}
        wanted = sorted(self.order, key=lambda case: places.get(case, -1))
        if wanted == self.order or not Path(self.name).is_file():
            return
        found = {lines[0].case: lines for lines in examine(self.name).complete}
        self._rewrite([found[case] for case in wanted])
        self.order = wanted

    def _failure(self, error: OSError) -> OutputError:
        kept = f"the {self.samples} samples before are kept, and `resume` continues" if self.samples else ""
        return OutputError(f"{self.name} cannot be written: {error.strerror}; {kept or 'name another `output`'}")


def _refuse_second_writer(file: BinaryIO, name: str) -> None:
    """Refuse a file that another scan writes, since two that append to it would write every case twice.

    Raises:
        UsageError: if another scan writes it.
    """
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"another scan is writing {name}; wait until it ends, or give another file with `output`"
        ) from error
    except OSError:  # a file system without locks
        return
