"""The story of `--list`: find what would be read, and read none of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from bnstat.errors import InputError
from bnstat.reading.settings import Reading
from bnstat.reading.table import blaming, find_cases
from bnstat.redaction import redacted
from bnstat.reports.listing import ListedCase, Listing
from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.sources.formats.registry import path_of
from bnstat.sources.neighbours import missing
from bnstat.sources.repeated import repeated
from bnstat.sources.sample import BatchAxis
from bnstat.sources.storage import is_moments, is_there
from bnstat.workflows.failures import failures_of


def list_cases(paths: Sequence[str], axis: int, batch_axis: BatchAxis, reading: Reading) -> Listing:
    """Return what would be read of these paths; of a moments file, the cases that were.

    Raises:
        UsageError: if a folder holds several kinds of file and nothing says which are meant, as reading it would.
    """
    failures: list[InputError] = []
    notes: list[str] = []
    cases: list[Case] = []
    with blaming(failures):
        for scanned, some in groupby(paths, is_moments):  # paths in a row are found together, as for reading
            if not scanned:
                found = find_cases(list(some), reading, failures, notes)
                absent = [_absent(case) for case in found]
                failures += [error for error in absent if error is not None]
                cases += [case for case, error in zip(found, absent, strict=True) if error is None]
                continue
            for path in some:
                cases += _scanned(path, axis, batch_axis, reading, failures, notes)
    notes += repeated(cases)
    return Listing(tuple(map(_listed, cases)), failures_of(failures), tuple(notes))


def _listed(case: Case) -> ListedCase:
    return ListedCase(case.name, case.shown, case.channels, None if case.labels is None else redacted(case.labels))


def _absent(case: Case) -> InputError | None:
    """Return the error that a file of a case does not exist, as reading it would; None if all are there."""
    for file in case.files if case.held is None else ():
        if not is_remote(file) and not is_there(path_of(file)):
            return missing(file, path_of(file))
    return None


def _scanned(
    path: str, axis: int, batch_axis: BatchAxis, reading: Reading, failures: list[InputError], notes: list[str]
) -> list[Case]:
    from bnstat.reading import moments_input  # noqa: PLC0415  (10 ms, and most lists need none)

    try:
        found = moments_input.read(path, axis, batch_axis, reading.preparation, reading.selection)
    except InputError as error:
        failures.append(error)
        return []
    notes += found.notes
    failures += found.failures
    return [planned.case for planned in found.planned]
