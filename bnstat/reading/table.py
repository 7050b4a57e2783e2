"""From cases to the table of moments: the headers first, then every voxel once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, repeat

from bnstat.errors import InputError, UnfitError, UsageError
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.reading.network_layer import NetworkLayer, mixed
from bnstat.reading.rows import Rows
from bnstat.reading.scan_settings import ScanSettings, difference
from bnstat.reading.settings import Reading
from bnstat.reading.workers import executor_of
from bnstat.reading.workers.job import Job, Progress
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory, Input, named_inputs
from bnstat.sources.noted import note_cases
from bnstat.sources.opened import Planned, header_notes, plan_case, require_there
from bnstat.sources.repeated import repeated
from bnstat.sources.sample import BatchAxis
from bnstat.sources.search import cases_of
from bnstat.sources.storage import is_moments

# After so many inputs that cannot be read, the next ones are first asked only whether they are there.
_MANY = 1000


@dataclass(frozen=True)
class Table:
    """Everything that was read.

    Attributes:
        planned: the headers of all cases whose headers could be read.
        rows: the samples of all cases whose voxels could be read, in order. They are columns: a row is made when it is
            asked for, which should not be for each sample of a large cohort.
        failures: the inputs that could not be read.
        preparation: the preprocessing of the voxels.
        notes: how files were found, and what was skipped in moments files; a sentence each.
        network: the layer of a network that the samples enter, if they are of moments files of one; None for voxels.
        summed: sums that were computed from the voxels in a second pass, for all reports on the same table.
        origins: for each sample, the place of its case in `planned`.
    """

    planned: tuple[Planned, ...]
    rows: Rows
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
        planned = [one for entry in entries for one in entry.planned]
        kept = [entry for entry in entries if entry.rows is not None]
        if others and kept:
            raise UsageError(
                f"{kept[0].planned[0].case.name} comes from a moments file, whose voxels are not known; give the "
                "volumes to compare intensities"
            )
        notes += told_of_training(planned, reading)  # before what it sets is refused as if it were typed
        for one in (reading.preparation, *others):
            require_fit([case for entry in entries if entry.rows is None for case in entry.planned], one)
        check(planned)
        found = _rows(entries, axis, batch_axis, reading, progress, failures, others)
    told, network = tuple(failures), next((entry.network for entry in entries), None)
    number = 1 + len(others)
    return [
        Table(
            tuple(planned),
            _of_preparation(entries, found, place, number),
            told,
            one,
            tuple(notes),
            network,
            origins=tuple(_origins(entries, found, number)),
        )
        for place, one in enumerate((preparation, *others))
    ]


def _of_preparation(entries: Sequence[_Entry], found: Mapping[int, tuple[Row, ...]], place: int, number: int) -> Rows:
    """Return the rows of one of several preparations, whose rows follow each other in each case."""
    parts: list[Rows] = []
    for entry in entries:
        if entry.rows is not None:
            parts.append(entry.rows)
            continue
        own: list[Row] = []
        for case in entry.places:
            rows = found.get(case, ())
            each = len(rows) // number
            own += rows[place * each : (place + 1) * each]
        parts.append(Rows.of(own))
    return Rows.joined(parts)


def _origins(entries: Sequence[_Entry], found: Mapping[int, tuple[Row, ...]], number: int) -> Iterator[int]:
    """Yield the place of its case for each sample."""
    for entry in entries:
        for case, planned in zip(entry.places, entry.planned, strict=True):
            samples = planned.samples if entry.rows is not None else len(found.get(case, ())) // number
            yield from repeat(case, samples)


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
class _Entry:
    """Cases that were found together: volumes, or those of a moments file with their samples.

    Attributes:
        first: the place of the first of them among all cases.
        planned: the cases.
        rows: the samples of a moments file; None for volumes, which are still to be read.
        network: the layer of a network that these samples enter; None for voxels.
    """

    first: int
    planned: Sequence[Planned]
    rows: Rows | None = None
    network: NetworkLayer | None = None

    @property
    def places(self) -> range:
        """The places of its cases among all cases."""
        return range(self.first, self.first + len(self.planned))


def _entries(
    paths: Input | Iterable[Input | InMemory],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    failures: list[InputError],
    notes: list[str],
) -> tuple[list[_Entry], Preparation]:
    """Return the cases in the order in which they were given, and the preprocessing of their voxels.

    Raises:
        UsageError: if there is no path, a file does not have the axis, or moments were scanned with other settings.
    """
    entries: list[_Entry] = []
    number = 0
    preparations: dict[str, Preparation] = {}
    networks: dict[str, NetworkLayer | None] = {}
    for of_moments, some in groupby(named_inputs(paths), holds_moments):
        if not of_moments:
            planned = plan_cases(find_cases(list(some), reading, failures, notes), axis, batch_axis, failures)
            entries += [_Entry(number, planned)] if planned else []
            number += len(planned)
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
            entries += [_Entry(number, found.planned, found.rows, found.network)] if found.planned else []
            number += len(found.planned)
            notes += found.notes
            failures += found.failures
    _require_one_network(networks)
    _require_one(preparations)
    notes += repeated(planned.case for entry in entries for planned in entry.planned)
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
    entries: Sequence[_Entry],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None,
    failures: list[InputError],
    others: tuple[Preparation, ...],
) -> dict[int, tuple[Row, ...]]:
    """Return the samples of all volumes by the places of their cases; add what cannot be read to `failures`."""
    volumes = {
        place: planned
        for entry in entries
        if entry.rows is None
        for place, planned in zip(entry.places, entry.planned, strict=True)
    }
    places = list(volumes)
    jobs = [Job(planned.case, axis, batch_axis, reading.preparation, planned, others) for planned in volumes.values()]
    found: dict[int, tuple[Row, ...]] = {}
    failed: dict[int, InputError] = {}
    for outcome in executor_of(reading, jobs).run(jobs, progress):
        place = places[outcome.place]
        found[place] = outcome.found or ()
        if isinstance(outcome.failure, InputError):
            failed[place] = outcome.failure
        elif outcome.failure is not None:
            raise outcome.failure
    failures += [failed[place] for place in sorted(failed)]
    return found


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
    note_cases(found.cases)
    return found.cases


def plan_cases(cases: Iterable[Case], axis: int, batch_axis: BatchAxis, failures: list[InputError]) -> list[Planned]:
    """Read the headers of all cases. Inputs that cannot be read are added to `failures`.

    So are those whose shape the settings do not fit, if they fit another one.

    Raises:
        UsageError: if no file that can be read has the axis.
    """
    planned: list[Planned] = []
    unfit: list[UnfitError] = []  # looked at after all headers were read, so that they hide no failure
    for case in cases:
        try:
            if len(failures) >= _MANY:
                require_there(case)
            planned.append(plan_case(case, axis, batch_axis))
        except InputError as error:
            failures.append(error.alone())
        except UnfitError as error:
            unfit.append(error)
    if unfit and not planned:
        raise unfit[0]
    failures += [error.of_input for error in unfit]
    return planned
