"""The one place that knows what no output may replace: whatever a run was given, read, or found among the data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case
from bnstat.sources.formats.registry import path_of
from bnstat.sources.noted import noted
from bnstat.sources.opening import stored_in

# The description of a data set, which lies beside its images or one folder above them.
_DESCRIPTION = "dataset.json"


def is_original(file: str, inputs: Iterable[str] = ()) -> bool:
    """Return True if a file was read, or belongs to what was read; links of both kinds are seen through.

    Args:
        file: the file that an output would replace. It is no original if it does not exist.
        inputs: what was given, beside what is remembered.
    """
    try:
        target = os.stat(file)
    except (OSError, ValueError):
        return False
    place = os.path.realpath(file)
    for name in _every_name(tuple(inputs)):
        with suppress(OSError, ValueError):  # a file that does not exist is not the same
            if os.path.samestat(os.stat(name), target):
                return True
    return any(place.startswith(os.path.join(os.path.realpath(folder), "")) for folder in _folders_of_one_input())


def _every_name(inputs: Sequence[str]) -> Iterator[str]:
    """Yield the names of all files that were read, and of those that belong to them."""
    yield from noted().files
    cases = _cases()
    beside = [name for case in cases for name in (case.labels, case.dataset) if name is not None]
    folders: dict[str, None] = {}
    for source in dict.fromkeys((*inputs, *(file for case in cases for file in case.files), *beside)):
        if is_remote(source):
            continue
        path = path_of(source)
        if os.path.isdir(path):
            folders[path] = None
        else:
            yield source
            yield from stored_in(source)
            folders[os.path.dirname(path)] = None
    for folder in dict.fromkeys(above for one in folders for above in (one, os.path.join(one, os.pardir))):
        yield os.path.join(folder, _DESCRIPTION)


def _cases() -> list[Case]:
    return [case for found in noted().cases for case in found if case.held is None]


def _folders_of_one_input() -> list[str]:
    """Return the folders whose files together are one volume."""
    files = dict.fromkeys(path_of(file) for case in _cases() for file in case.files)
    return [file for file in files if not is_remote(file) and os.path.isdir(file)]
