"""The story of `scan`: read each case once, and keep its moments, a line for each sample, as soon as they are there."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import BinaryIO

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.preprocessing.beside import files_beside
from bnstat.reading.moments_file import examine
from bnstat.reading.moments_line import MomentsLine, Stamp, line_of, stamp_of
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Input, blaming, find_cases
from bnstat.reading.workers import executor_of
from bnstat.reading.workers.job import Job, Outcome, Progress
from bnstat.report.scan import Scan
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory, Path, named_inputs
from bnstat.sources.opening import stored_in
from bnstat.sources.sample import BatchAxis
from bnstat.sources.storage import is_moments
from bnstat.workflows.failures import failures_of, require_some


def collect(
    paths: Input | Iterable[Input],
    output: Path,
    *,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    reading: Reading = FILES_AS_THEY_ARE,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Scan:
    """Read volumes and keep their moments in a file, which every other function takes in place of them.

    Args:
        paths: as for `diagnose`, but no files of moments.
        output: JSON lines, a sample each; written while reading goes on.
        axis: the kept axis, as for `diagnose`.
        batch_axis: the axis of each file whose entries are samples, as for `diagnose`.
        reading: how inputs are found, prepared and read.
        resume: go on with a file that is there: what it has of unchanged files is not read again.
        force: start a file that is there anew.
        progress: whom to tell how far reading has come.

    Returns:
        What was read, kept, and could not be read.

    Raises:
        UsageError: a setting that cannot be; or the file is there, and neither resume nor force is asked for.
        InputError: the file is to be resumed and is damaged.
        OutputError: it cannot be written; what was written before stays.
    """
    asked = ScanSettings(axis, batch_axis, reading.preparation)
    found = scan(paths, output, asked, reading, progress, resume=resume, force=force)
    require_some(range(found.samples), found.errors)
    return found


def scan(
    paths: Input | Iterable[Input],
    output: Path,
    asked: ScanSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    *,
    resume: bool = False,
    force: bool = False,
) -> Scan:
    """Read volumes and keep their moments; return what was kept, which may be nothing.

    Raises:
        UsageError: if the file exists, and neither resume nor force is asked for, or these data do not admit the
            settings.
        InputError: if the file is to be resumed and is damaged.
        OutputError: if it cannot be written; what was written before stays.
    """
    target = os.fspath(output)
    failures: list[InputError] = []
    notes: list[str] = []
    with blaming(failures):
        volumes = _volumes(paths)
        cases = list({_key(case): case for case in find_cases(volumes, reading, failures, notes)}.values())
        described = dict.fromkeys(case.dataset for case in cases if case.dataset is not None)
        named = [volume for volume in volumes if isinstance(volume, str)]
        _refuse_target(target, [*named, *described, *_read_of(cases, asked)], resume=resume, force=force)
        with ExitStack() as stack:
            file = stack.enter_context(_Target(target))
            done = file.resume(asked, cases) if resume and file.size else set()
            old = not (resume or not file.size)  # it goes when there is something in its place
            jobs = [
                Job(case, asked.axis, asked.batch_axis, asked.preparation) for case in cases if _key(case) not in done
            ]
            stamps = [_stamp(job.case, asked) for job in jobs]  # before they are read, so that no change is missed
            failed: dict[int, InputError] = {}
            for outcome in executor_of(reading, jobs).run(jobs, progress):
                if old and outcome.failure is None:
                    file.restart()
                    old = False
                _take(outcome, stamps[outcome.place], asked, file, failed)
            if old:
                file.restart()
            failures += [failed[place] for place in sorted(failed)]
            file.put_in_order([_key(case) for case in cases])
    return Scan(
        output=target,
        cases=len(jobs) - len(failed),
        samples=file.samples,
        unchanged=len(cases) - len(jobs),
        errors=failures_of(failures),
        notes=tuple(notes),
    )


def _volumes(paths: Input | Iterable[Input]) -> list[str | InMemory]:
    found = named_inputs(paths)
    for path in found:
        if isinstance(path, str) and is_moments(path):
            raise UsageError(f"{path} holds moments already; files of moments are joined with cat")
    return found


def _read_of(cases: Sequence[Case], asked: ScanSettings) -> list[str]:
    """Return all files that are read: volumes, and masks, labels and numbers of steps beside them."""
    files = [file for case in cases if case.held is None for name in case.files for file in stored_in(name)]
    labels = [case.labels for case in cases if _takes_labels(asked) and case.labels is not None]
    beside = files_beside(asked.preparation, (case.name for case in cases))
    return [*files, *(file for name in dict.fromkeys((*labels, *beside)) for file in stored_in(name))]


def _takes_labels(asked: ScanSettings) -> bool:
    """Whether the labels of a data set are read."""
    patches = asked.preparation.patches
    return patches is not None and patches.foreground is not None and patches.labels is None


def _stamp(case: Case, asked: ScanSettings) -> Stamp:
    """By what it is known that the moments of a case would be the same."""
    return stamp_of(_read_of([case], asked), case.access)


def _refuse_target(target: str, inputs: Sequence[str], *, resume: bool, force: bool) -> None:
    """Refuse to write over what is there.

    Raises:
        UsageError: it is an input, or there and nothing was said of that.
    """
    if resume and force:
        raise UsageError("--resume goes on with a file and --force starts it anew; give one of them")
    if target == "-":
        raise UsageError("moments are kept in a file, not on standard output; name one with -o")
    there = FilePath(target)
    if there.is_dir():
        raise UsageError(f"{target} is a directory; name a file in it, as {there / 'moments.jsonl'}")
    if not there.exists():
        return
    for file in inputs:
        if os.path.exists(file) and os.path.samefile(file, target):  # noqa: PTH110, PTH121  (the name as given)
            raise UsageError(f"{target} is one of the inputs and stays as it is; give another file with -o")
    if there.stat().st_size and not (resume or force):
        raise UsageError(f"{target} is there already; --resume goes on with it, --force starts it anew")


def _take(outcome: Outcome, stamp: Stamp, asked: ScanSettings, file: _Target, failed: dict[int, InputError]) -> None:
    """Keep what was read of a case, or why it could not be."""
    if isinstance(outcome.failure, InputError):
        failed[outcome.place] = outcome.failure
        return
    if outcome.failure is not None:
        raise outcome.failure
    number = len(outcome.rows)
    file.append([MomentsLine(row, asked, stamp, place, number) for place, row in enumerate(outcome.rows)])


_Key = tuple[str, tuple[str, ...]]


def _key(case: Case) -> _Key:
    """What the lines of a case are known by."""
    return case.name, case.files if case.joined else ()


@dataclass
class _Target:
    """The file that moments are kept in: each case is appended as a whole, and flushed.

    Attributes:
        name: as the user gave it.
        samples: lines that it has.
        order: the cases that it has, in its order.
    """

    name: str
    samples: int = 0
    order: list[_Key] = field(default_factory=list)

    def __enter__(self) -> _Target:
        try:
            self._file: BinaryIO = open(self.name, "ab", buffering=0)  # noqa: PTH123  (closed by __exit__)
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
        """Wait until it is on the disk, where it is on one."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of a pipe or a terminal
                raise self._failure(error) from error

    @property
    def size(self) -> int:
        """Bytes that it has."""
        return os.fstat(self._file.fileno()).st_size

    def restart(self) -> None:
        """Forget what it holds."""
        try:
            if self.size:
                os.truncate(self._file.fileno(), 0)
        except OSError as error:
            raise self._failure(error) from error

    def resume(self, asked: ScanSettings, cases: Sequence[Case]) -> set[_Key]:
        """Keep what it has of files that are as they were, and take the rest out of it.

        Returns:
            The cases that need not be read again.

        Raises:
            UsageError: it was read with other settings.
            InputError: a line is damaged.
        """
        found = examine(self.name)
        for lines in found.complete:
            if differs := difference(lines[0].settings, asked):
                raise UsageError(f"{self.name} was scanned {differs}; use the same settings, or write another file")
        named = {_key(case): case for case in cases}
        good = [lines for lines in found.complete if not _changed(lines, named.get(lines[0].case), asked)]
        if len(good) < len(found.complete) or not found.clean:
            self._rewrite(good)
        elif found.cut:
            os.truncate(self._file.fileno(), found.end)
        self.samples = sum(map(len, good))
        self.order = [lines[0].case for lines in good]
        return set(self.order)

    def _rewrite(self, good: Sequence[Sequence[MomentsLine]]) -> None:
        """Put these lines into the place of all, at once: a crash leaves one or the other."""
        place = os.path.realpath(self.name)  # of a link, what it stands for
        beside = f"{place}.part"
        try:
            with open(beside, "wb") as file:  # noqa: PTH123
                file.writelines(line_of(kept).encode() for lines in good for kept in lines)
                file.flush()
                os.fsync(file.fileno())
            self._file.close()
            os.replace(beside, place)  # noqa: PTH105
            self.__enter__()
        except OSError as error:
            raise self._failure(error) from error

    def append(self, lines: Sequence[MomentsLine]) -> None:
        """Write the samples of a case, all or none of them.

        Raises:
            OutputError: they cannot be written.
        """
        left = memoryview("".join(map(line_of, lines)).encode())
        before = self.size
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            with suppress(OSError):  # of what cannot be cut, as a pipe
                os.truncate(self._file.fileno(), before)
            raise self._failure(error) from error
        self.samples += len(lines)
        self.order += [lines[0].case] * bool(lines)

    def put_in_order(self, cases: Sequence[_Key]) -> None:
        """Give it the order of the inputs, so that batches are made of the same samples whoever was read first.

        What it has beside these stays in front, in its order. What cannot be written anew, as a pipe, is left.
        """
        places = {case: place for place, case in enumerate(cases)}
        wanted = sorted(self.order, key=lambda case: places.get(case, -1))
        if wanted == self.order or not FilePath(self.name).is_file():
            return
        found = {lines[0].case: lines for lines in examine(self.name).complete}
        self._rewrite([found[case] for case in wanted])
        self.order = wanted

    def _failure(self, error: OSError) -> OutputError:
        kept = f"the {self.samples} samples before are kept, and --resume goes on" if self.samples else ""
        return OutputError(f"{self.name}: cannot be written: {error.strerror}; {kept or 'give another file with -o'}")


def _changed(lines: Sequence[MomentsLine], case: Case | None, asked: ScanSettings) -> bool:
    """Return True if a case has to be read again; a case that is not asked for now stays as it is."""
    return case is not None and (case.held is not None or _stamp(case, asked) != lines[0].stamp)


def _refuse_second_writer(file: BinaryIO, name: str) -> None:
    """Two that append to one file would do everything twice.

    Raises:
        UsageError: another scan writes it.
    """
    try:
        import fcntl  # noqa: PLC0415  (not on every platform)
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"{name} is written by another scan; wait for it, or give another file") from error
    except OSError:  # a file system without locks
        return
