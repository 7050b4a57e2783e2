"""From cases to the table of moments: the headers first, then every voxel once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.reading.network_layer import NetworkLayer, mixed
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.reading.settings import Reading
from bnstat.reading.workers import executor_of
from bnstat.reading.workers.job import Job, Progress
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory, Input, named_inputs
from bnstat.sources.opened import Planned, header_notes, plan_case
from bnstat.sources.repeated import repeated
from bnstat.sources.sample import BatchAxis
from bnstat.sources.search import cases_of
from bnstat.sources.storage import is_moments


@dataclass(frozen=True)
class Table:
    """Everything that was read.

    Attributes:
        planned: the headers of all cases whose headers could be read.
        rows: the samples of all cases whose voxels could be read, in order.
        failures: the inputs that could not be read.
        preparation: the preprocessing of the voxels.
        notes: how files were found, and what was skipped in moments files; a sentence each.
        network: the layer of a network that the samples enter, if they are of moments files of one; None for voxels.
        summed: sums that were computed from the voxels in a second pass, for all reports on the same table.
        origins: for each sample, the place of its case in `planned`.
    """

    planned: tuple[Planned, ...]
    rows: tuple[Row, ...]
    failures: tuple[InputError, ...]
    preparation: Preparation = UNPREPARED
    notes: tuple[str, ...] = ()
    network: NetworkLayer | None = None
    summed: dict[Hashable, object] = field(default_factory=dict, compare=False)
    origins: tuple[int, ...] = ()


@contextmanager
def blaming(failures: Sequence[InputError]) -> Iterator[None]:
    """Add the inputs that could not be read to a UsageError that is raised inside."""
    try:
        yield
    except UsageError as error:
        error.failures = tuple(failures)
        raise


def read_table(
    paths: Input | Iterable[Input | InMemory],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None,
    check: Callable[[Sequence[Planned]], None],
) -> Table:
    """Read the headers of all files, then every voxel: once, if the preprocessing needs no further pass.

    Args:
        paths: files, directories, moments files, arrays or images.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        reading: how inputs are found, preprocessed and read.
        progress: callbacks called with the files and the bytes read so far.
        check: called with the headers before any voxel is read; raises UsageError if they admit no answer.

    Raises:
        UsageError: if there is no path, a file does not have the axis, patches do not fit, or `check` raises it.
    """
    return read_tables(paths, axis, batch_axis, reading, progress, check)[0]


def read_tables(
    paths: Input | Iterable[Input | InMemory],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None,
    check: Callable[[Sequence[Planned]], None],
    others: tuple[Preparation, ...] = (),
) -> list[Table]:
    """Read the same samples for several preparations, which share passes: a table for each.

    Args:
        paths: as for `read_table`, and so are the arguments that follow.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        reading: how inputs are found and read, with the first preparation.
        progress: callbacks called with the files and the bytes read so far.
        check: called with the headers before any voxel is read.
        others: further preparations; they differ from the first in their steps.

    Raises:
        UsageError: as `read_table`, and if there are further preparations and a moments file.
    """
    failures: list[InputError] = []
    notes: list[str] = []
    with blaming(failures):
        entries, preparation = _entries(paths, axis, batch_axis, reading, failures, notes)
        planned = [entry.planned for entry in entries]
        read = [entry.planned for entry in entries if entry.rows is None]
        if others and len(read) < len(entries):
            raise UsageError(
                f"{next(one.planned.case.name for one in entries if one.rows is not None)} comes from a moments file, "
                "whose voxels are not known; give the volumes to compare intensities"
            )
        notes += told_of_training(planned, reading)  # before what it sets is refused as if it were typed
        for one in (reading.preparation, *others):
            require_fit(read, one)
        check(planned)
        cases = _rows(entries, axis, batch_axis, reading, progress, failures, others)
    told, network = tuple(failures), next((entry.network for entry in entries), None)
    number = 1 + len(others)
    origins = tuple(case for case, rows in cases.items() for _ in range(len(rows) // number))
    return [
        Table(
            tuple(planned),
            _of_preparation(cases.values(), place, number),
            told,
            one,
            tuple(notes),
            network,
            origins=origins,
        )
        for place, one in enumerate((preparation, *others))
    ]


def _of_preparation(cases: Iterable[tuple[Row, ...]], place: int, number: int) -> tuple[Row, ...]:
    """Return the rows of one of several preparations, whose rows follow each other in each case."""
    found: list[Row] = []
    for rows in cases:
        each = len(rows) // number
        found += rows[place * each : (place + 1) * each]
    return tuple(found)


def require_fit(planned: Sequence[Planned], preparation: Preparation) -> None:
    """Raise UsageError if a case has not the channels that steps are for, or the size that patches need."""
    if preparation.intensity is not None:
        from bnstat.preprocessing.channel_steps import require_channels

        require_channels(planned, preparation)
    if preparation.patches is not None:
        from bnstat.preprocessing.patch_size import require_patches

        require_patches(planned, preparation)


def told_of_training(planned: Sequence[Planned], reading: Reading) -> tuple[str, ...]:
    """Return notes on the training whose settings were taken."""
    if reading.training is None:
        return ()
    from bnstat.reading.training import notes_of

    return notes_of(reading.training, planned)


@dataclass(frozen=True)
class _PlannedCase:
    """A case, and its samples if they come from a moments file, with the layer of a network that these enter."""

    planned: Planned
    rows: tuple[Row, ...] | None = None
    network: NetworkLayer | None = None


def _entries(
    paths: Input | Iterable[Input | InMemory],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    failures: list[InputError],
    notes: list[str],
) -> tuple[list[_PlannedCase], Preparation]:
    """Return the cases in the order in which they were given, and the preprocessing of their voxels.

    Raises:
        UsageError: if there is no path, a file does not have the axis, or moments were scanned with other settings.
    """
    entries: list[_PlannedCase] = []
    preparations: dict[str, Preparation] = {}
    networks: dict[str, NetworkLayer | None] = {}
    for of_moments, some in groupby(named_inputs(paths), holds_moments):
        if not of_moments:
            planned = plan_cases(find_cases(list(some), reading, failures, notes), axis, batch_axis, failures)
            entries += map(_PlannedCase, planned)
            notes += header_notes(planned)
            if planned:
                preparations[planned[0].case.name] = reading.preparation
                networks[planned[0].case.name] = None
            continue
        from bnstat.reading import moments_input

        for path in map(str, some):
            try:
                found = moments_input.read(path, axis, batch_axis, reading.preparation, reading.selection)
            except InputError as error:
                failures.append(error)
                continue
            preparations[path], networks[path] = found.preparation, found.network
            entries += [_PlannedCase(*entry, found.network) for entry in found.cases]
            notes += found.notes
    _require_one_network(networks)
    _require_one(preparations)
    notes += repeated(entry.planned.case for entry in entries)
    return entries, next(iter(preparations.values()), reading.preparation)


def holds_moments(path: str | InMemory) -> bool:
    """Return True for a moments file, which has no voxels."""
    return isinstance(path, str) and is_moments(path)


def _require_one_network(networks: Mapping[str, NetworkLayer | None]) -> None:
    """Raise UsageError if two inputs are moments of different layers, or one of them is of voxels."""
    first, *others = networks.items() or [("", None)]
    for name, network in others:
        if network != first[1]:
            raise UsageError(f"{first[0]} and {name}: {mixed(first[1], network)}; give files of one layer")


def _require_one(preparations: Mapping[str, Preparation]) -> None:
    """Raise UsageError if two inputs have different preprocessing."""
    first, *others = preparations.items() or [("", UNPREPARED)]
    for name, preparation in others:
        if preparation != first[1]:
            differs = difference(*(ScanSettings(-1, None, one) for one in (first[1], preparation)))
            raise UsageError(
                f"{first[0]} and {name} have different preprocessing: the first was read {differs}; "
                "read both with the same settings"
            )


def _rows(
    entries: Sequence[_PlannedCase],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None,
    failures: list[InputError],
    others: tuple[Preparation, ...],
) -> dict[int, tuple[Row, ...]]:
    """Read the samples of each case by its place, in order. Inputs that cannot be read are added to `failures`."""
    places = [place for place, entry in enumerate(entries) if entry.rows is None]
    jobs = [
        Job(entries[place].planned.case, axis, batch_axis, reading.preparation, entries[place].planned, others)
        for place in places
    ]
    found = {place: entry.rows for place, entry in enumerate(entries) if entry.rows is not None}
    failed: dict[int, InputError] = {}
    for outcome in executor_of(reading, jobs).run(jobs, progress):
        place = places[outcome.place]
        found[place] = outcome.found or ()
        if isinstance(outcome.failure, InputError):
            failed[place] = outcome.failure
        elif outcome.failure is not None:
            raise outcome.failure
    failures += [failed[place] for place in sorted(failed)]
    return {place: found[place] for place in sorted(found)}


def find_cases(
    paths: Sequence[str | InMemory], reading: Reading, failures: list[InputError], notes: list[str]
) -> list[Case]:
    """Find the cases to read. Paths without any are added to `failures`, and how cases were found to `notes`.

    Raises:
        UsageError: if the pattern of channels or a protocol is wrong.
    """
    found = cases_of(paths, reading.selection, reading.access)
    failures += found.failures
    notes += found.notes
    return found.cases


def plan_cases(cases: Iterable[Case], axis: int, batch_axis: BatchAxis, failures: list[InputError]) -> list[Planned]:
    """Read the headers of all cases. Inputs that cannot be read are added to `failures`.

    Raises:
        UsageError: if a file does not have the axis.
    """
    planned: list[Planned] = []
    misuse: UsageError | None = None  # raised after all headers were read, so that it hides no failure
    for case in cases:
        try:
            planned.append(plan_case(case, axis, batch_axis))
        except InputError as error:
            failures.append(error)
        except UsageError as error:
            misuse = misuse or error
    if misuse is not None:
        raise misuse
    return planned
