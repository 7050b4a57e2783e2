"""The moments file that a scan writes: each case is appended as a whole, and an interrupted scan can be continued."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from bnstat.errors import OutputError, UsageError
from bnstat.reading.moments_failure import CaseKey, MomentsFailure, failure_line_of
from bnstat.reading.moments_file import examine
from bnstat.reading.moments_line import MomentsLine, line_of
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.redaction import redacted
from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.writing import is_in_place, open_in_place, replaced_while_open, replacing, settle, write_all

if sys.platform != "win32":
    import fcntl

# Whether the system has locks of files, which stay with an open file when it takes the place of another.
_LOCKS = sys.platform != "win32"
# Lines that are written together.
_AT_ONCE = 256


def key_of(case: Case) -> CaseKey:
    """Return what the lines of a case share."""
    return case.name, case.shown if case.joined else ()


@dataclass
class ScanTarget:
    """An open moments file: a context manager that closes it.

    Attributes:
        name: the file, as the user named it.
        samples: the number of its lines.
        order: its cases, in its order.
        failures: its inputs that could not be read, and that this scan does not try again.
    """

    name: str
    samples: int = 0
    order: list[CaseKey] = field(default_factory=list)
    failures: list[MomentsFailure] = field(default_factory=list)
    _appended: bool = field(default=False, init=False)

    def __enter__(self) -> ScanTarget:
        try:
            self._file: BinaryIO = _locked(self.name)
        except (OSError, ValueError) as error:  # ValueError: a name with NUL
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
            settle(self._file)
        except OSError as error:
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
        self,
        asked: ScanSettings,
        cases: Sequence[Case],
        inputs: Collection[str],
        changed: Callable[[Case, MomentsLine], bool],
    ) -> set[CaseKey]:
        """Keep the lines of files that have not changed, and remove the others, also those of what is tried again.

        Args:
            asked: the settings of the scan.
            cases: the cases of the scan; lines of other cases stay.
            inputs: the files and folders that the scan was given, each with its whole path.
            changed: tells whether a case has changed since this line was written.

        Returns:
            The cases that need not be read again.

        Raises:
            UsageError: if the file was scanned with other settings.
            InputError: if a line is damaged.
        """
        found = examine(self.name)
        complete = found.complete
        for settings in (*(lines[0].settings for lines in complete), *(one.settings for one in found.failures)):
            if differs := difference(settings, asked):
                raise UsageError(f"{self.name} was scanned {differs}; use the same settings, or write another file")
        stale = {key_of(case): case for case in cases}
        good = [
            lines for lines in complete if lines[0].case not in stale or not changed(stale[lines[0].case], lines[0])
        ]
        self.failures = [one for one in found.failures if not _is_tried(one, stale, inputs)]
        if len(good) < len(complete) or len(self.failures) < len(found.failures) or not found.clean:
            self._rewrite(good, self.failures)
        elif found.cut:
            os.truncate(self._file.fileno(), found.end)
        self.samples = sum(map(len, good))
        self.order = [lines[0].case for lines in good]
        return set(self.order)

    def _rewrite(self, good: Sequence[Sequence[MomentsLine]], failures: Sequence[MomentsFailure]) -> None:
        """Replace all lines by these at once: a crash leaves either the old file or the new one.

        The new file is locked before it takes its place and the old one is unlocked after that, so that no other scan
        can write to either in between.
        """
        texts = chain((line_of(kept) for lines in good for kept in lines), map(failure_line_of, failures))
        lines = (text.encode() for text in texts)
        try:
            if _LOCKS:
                with replaced_while_open(self.name) as file:
                    _refuse_second_writer(file, self.name)
                    _write_lines(file, lines)
                self._file.close()
                self._file = file
            else:  # a file that is open cannot be replaced
                self._file.close()
                with replacing(self.name) as file:
                    file.writelines(lines)
                self.__enter__()
        except OSError as error:
            raise self._failure(error) from error

    def append(self, lines: Sequence[MomentsLine]) -> None:
        """Append the samples of a case, all or none of them.

        Raises:
            OutputError: if they cannot be written.
        """
        self._append("".join(map(line_of, lines)))
        self.samples += len(lines)
        self.order += [lines[0].case] * bool(lines)
        self._appended |= bool(lines)

    def finish(self, cases: Sequence[CaseKey], failures: Sequence[MomentsFailure]) -> None:
        """Give the lines the order of the inputs, so that batches have the same samples whichever was read first.

        Lines of other cases stay in front, in their order. What could not be read follows all samples. A pipe, which
        cannot be written anew, stays as it is.

        Args:
            cases: the cases of the scan.
            failures: what could not be read in this scan.

        Raises:
            OutputError: if the file cannot be written.
        """
        places = {case: place for place, case in enumerate(cases)}
        wanted = sorted(self.order, key=lambda case: places.get(case, -1))
        in_order = wanted == self.order and not (self.failures and self._appended)
        if in_order or not Path(self.name).is_file():
            self._append("".join(map(failure_line_of, failures)))
            return
        found = {lines[0].case: lines for lines in examine(self.name).complete}
        self._rewrite([found[case] for case in wanted], [*self.failures, *failures])
        self.order = wanted

    def _append(self, text: str) -> None:
        try:
            write_all(self._file, text.encode())
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError | ValueError) -> OutputError:
        kept = f"the {self.samples} samples before are kept, and `resume` continues" if self.samples else ""
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return OutputError(f"{self.name} cannot be written: {reason}; {kept or 'name another `output`'}")


def whole_path(name: str) -> str:
    """Return the path from the root, without secrets; a URL stays."""
    return redacted(name if is_remote(name) else os.path.abspath(name))


def _is_tried(failure: MomentsFailure, cases: Collection[CaseKey], inputs: Collection[str]) -> bool:
    """Return True if a scan of these cases, found in these files and folders, tries again what failed."""
    return failure.case in cases or any(place in inputs for place in _places(whole_path(failure.error.source)))


def _places(path: str) -> Iterator[str]:
    """Yield a path and all folders above it."""
    while path:
        yield path
        above = os.path.dirname(path)
        path = above if above != path else ""


def _locked(name: str) -> BinaryIO:
    """Open a moments file, with a lock on it as far as the system has locks.

    Another scan may replace the file after it was opened here and before it is locked: then the new one is opened.

    Raises:
        UsageError: if another scan writes it.
        OSError: if it cannot be opened.
    """
    while True:
        file = open_in_place(name)
        try:
            _refuse_second_writer(file, name)
            if not _LOCKS or is_in_place(name) or os.path.samestat(os.fstat(file.fileno()), os.stat(name)):
                return file
        except FileNotFoundError:  # another program removed it
            pass
        except BaseException:
            file.close()
            raise
        file.close()


def _write_lines(file: BinaryIO, lines: Iterator[bytes]) -> None:
    """Write lines to a stream without a buffer, many at a time."""
    for some in iter(lambda: b"".join(islice(lines, _AT_ONCE)), b""):
        write_all(file, some)


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
