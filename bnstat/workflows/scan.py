"""The story of `scan`: read each case once, and write its moments to a file, a line for each sample."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path as FilePath

from bnstat.errors import InputError, UnfitError, UsageError
from bnstat.preprocessing.beside import files_beside
from bnstat.preprocessing.regions import CaseLabels
from bnstat.preprocessing.samples import Row
from bnstat.reading.moments_failure import MomentsFailure
from bnstat.reading.moments_file import has_samples
from bnstat.reading.moments_line import MomentsLine, Stamp, stamp_of
from bnstat.reading.scan_settings import ScanSettings
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import blaming, find_cases
from bnstat.reading.workers import executor_of
from bnstat.reading.workers.job import Job, Outcome, Progress
from bnstat.reports.scan import Scan
from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory, Input, Path, named_inputs
from bnstat.sources.opening import stored_in
from bnstat.sources.originals import is_original
from bnstat.sources.remark import Remark, notes_of
from bnstat.sources.repeated import repeated
from bnstat.sources.sample import BatchAxis
from bnstat.sources.storage import is_moments
from bnstat.workflows.failures import failures_of, require_some
from bnstat.workflows.scan_target import ScanTarget, key_of, whole_path


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
    """Read volumes and write a moments file, which every other function takes in place of them.

    Args:
        paths: as for `diagnose`, but no moments files. Arrays and images in memory are read again if a scan is resumed.
        output: the moments file: JSON lines, one for each sample, written while reading goes on.
        axis: the kept axis, as for `diagnose`.
        batch_axis: the axis of each file whose entries are samples, as for `diagnose`.
        reading: how inputs are found, prepared and read.
        resume: True to continue an existing file: its samples of unchanged files are not read again.
        force: True to replace an existing file.
        progress: callbacks that are called with the files and bytes read so far.

    Returns:
        How much was read, and which inputs cannot be read.

    Raises:
        UsageError: if a setting is wrong, or if the file exists and neither `resume` nor `force` is True.
        InputError: if no input can be read, or the file to resume is damaged.
        OutputError: if the file cannot be written; what was written before stays.
    """
    asked = ScanSettings(axis, batch_axis, reading.preparation, reading.selection)
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
    """Read volumes and write a moments file; return how much was read, which may be nothing.

    Raises:
        UsageError: if the file exists and neither `resume` nor `force` is True, or the settings do not fit these data.
        InputError: if the file to resume is damaged.
        OutputError: if the file cannot be written; what was written before stays.
    """
    target = os.fspath(output)

    def changed(case: Case, line: MomentsLine) -> bool:
        return case.held is not None or _stamp(case, asked) != line.stamp

    failures: list[InputError] = []
    notes: list[str] = []
    with blaming(failures):
        # what is to be read, and where it goes
        volumes = _volumes(paths)
        cases = _cases(volumes, reading, failures, notes)
        _refuse_target(target, _files_of(volumes, cases, asked), resume=resume, force=force)
        with ExitStack() as stack:
            file = stack.enter_context(_opened(target, resume=resume, force=force))
            done = file.resume(asked, cases, _tried(volumes, cases), changed) if resume and file.size else set()
            old = not (resume or not file.size)  # the existing file is emptied when its first replacement is read
            left = [case for case in cases if key_of(case) not in done]
            jobs = [Job(case, asked.axis, asked.batch_axis, asked.preparation) for case in left]
            stamps = [_stamp(job.case, asked) for job in jobs]  # before they are read, so that no change is missed
            failed: dict[int, InputError] = {}
            unfit: dict[int, UnfitError] = {}
            odd: list[tuple[str, str | Remark]] = []
            for outcome in executor_of(reading, jobs).run(jobs, progress):
                if old and outcome.failure is None:
                    file.restart()
                    old = False
                odd += [one for row in outcome.found or () for one in row.notes]
                _take(outcome, stamps[outcome.place], asked, file, failed, unfit)
            if unfit and len(unfit) == len(failed) == len(cases):
                raise unfit[min(unfit)]
            if old:
                file.restart()
            file.finish([key_of(case) for case in cases], _kept(failures, jobs, failed, asked))
    return Scan(
        output=target,
        cases=len(jobs) - len(failed),
        samples=file.samples,
        unchanged=len(cases) - len(jobs),
        errors=failures_of([*failures, *(failed[place] for place in sorted(failed))]),
        notes=(*(reading.training.told if reading.training else ()), *notes, *notes_of(sorted(odd, key=itemgetter(0)))),
    )


def _kept(
    found: Sequence[InputError], jobs: Sequence[Job], failed: Mapping[int, InputError], asked: ScanSettings
) -> list[MomentsFailure]:
    """Return what the file keeps of failures: inputs in which no case was found, then cases that cannot be read."""
    cases = [MomentsFailure(key_of(jobs[place].case), failed[place], asked) for place in sorted(failed)]
    return [*(MomentsFailure.of_input(error, asked) for error in found), *cases]


def _volumes(paths: Input | Iterable[Input]) -> list[str | InMemory]:
    found = named_inputs(paths)
    for path in found:
        if isinstance(path, str) and is_moments(path):
            raise UsageError(f"{path} is a moments file already; join moments files with cat")
    return found


def _cases(
    volumes: Sequence[str | InMemory], reading: Reading, failures: list[InputError], notes: list[str]
) -> list[Case]:
    """Return the cases to read, each once."""
    cases = list({key_of(case): case for case in find_cases(volumes, reading, failures, notes)}.values())
    notes += repeated(cases)
    return cases


def _files_of(volumes: Sequence[str | InMemory], cases: Sequence[Case], asked: ScanSettings) -> list[str]:
    """Return all files that are named or read, and those that describe a data set."""
    described = dict.fromkeys(case.dataset for case in cases if case.dataset is not None)
    return [*(volume for volume in volumes if isinstance(volume, str)), *described, *_read_of(cases, asked)]


def _tried(volumes: Sequence[str | InMemory], cases: Sequence[Case]) -> set[str]:
    """Return the whole paths below which all that failed at an earlier scan is tried again."""
    described = {case.dataset for case in cases if case.dataset is not None and not is_remote(case.dataset)}
    beside = [os.path.dirname(os.path.abspath(name)) for name in described]
    return {*(whole_path(volume) for volume in volumes if isinstance(volume, str)), *beside}


def _read_of(cases: Sequence[Case], asked: ScanSettings) -> list[str]:
    """Return all files that are read: volumes, and masks, labels and numbers of steps beside them."""
    files = [file for case in cases if case.held is None for name in case.files for file in stored_in(name)]
    labels = [case.labels for case in cases if _takes_labels(asked) and case.labels is not None]
    beside = files_beside(asked.preparation, (case.name for case in cases))
    return [*files, *(file for name in dict.fromkeys((*labels, *beside)) for file in stored_in(name))]


def _takes_labels(asked: ScanSettings) -> bool:
    """Return True if the label maps of a data set are read."""
    patches = asked.preparation.patches
    drawn = patches is not None and patches.foreground is not None and patches.labels is None
    return drawn or asked.preparation.mask == CaseLabels.name


def _stamp(case: Case, asked: ScanSettings) -> Stamp:
    """Return the size and the last change of all files of a case: as long as these stay, so do its moments."""
    return stamp_of(_read_of([case], asked), case.access)


def _refuse_target(target: str, inputs: Sequence[str], *, resume: bool, force: bool) -> None:
    """Refuse to overwrite a file.

    Raises:
        UsageError: if it is an input, or exists and is neither to be resumed nor replaced.
    """
    if resume and force:
        raise UsageError("`resume` continues a file and `force` replaces it; use one of them")
    if target == "-":
        raise UsageError("moments are written to a file, not to standard output; name one with `output`")
    there = FilePath(target)
    if there.is_dir():
        raise UsageError(f"{target} is a folder; name a file in it, as {there / 'moments.jsonl'}")
    if not there.exists():
        return
    if is_original(target, inputs):
        raise UsageError(f"{target} is one of the inputs and stays as it is; name another `output`")
    if there.stat().st_size:
        _refuse_existing(target, resume=resume, force=force)


@contextmanager
def _opened(target: str, *, resume: bool, force: bool) -> Iterator[ScanTarget]:
    """Open a moments file; refuse one that another scan has written since it was looked at."""
    with ScanTarget(target) as file:
        if file.size:
            _refuse_existing(target, resume=resume, force=force)
        yield file


def _refuse_existing(target: str, *, resume: bool, force: bool) -> None:
    """Refuse to write to a file that has samples already, unless that was asked for.

    A file that says only what could not be read is written anew: such inputs are tried again.
    """
    if not (resume or force) and has_samples(target):
        raise UsageError(f"{target} exists already; `resume` continues it, `force` replaces it")


def _take(
    outcome: Outcome[tuple[Row, ...]],
    stamp: Stamp,
    asked: ScanSettings,
    file: ScanTarget,
    failed: dict[int, InputError],
    unfit: dict[int, UnfitError],
) -> None:
    """Write the samples of a case, or note why it cannot be read; those that the settings do not fit are in `unfit`."""
    if isinstance(outcome.failure, InputError):
        failed[outcome.place] = outcome.failure
        return
    if isinstance(outcome.failure, UnfitError):
        failed[outcome.place], unfit[outcome.place] = outcome.failure.of_input, outcome.failure
        return
    if outcome.failure is not None:
        raise outcome.failure
    rows = outcome.found or ()
    number = len(rows)
    file.append([MomentsLine(row, asked, stamp, place, number) for place, row in enumerate(rows)])
