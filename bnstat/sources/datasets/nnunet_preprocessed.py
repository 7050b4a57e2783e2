"""nnU-Net's preprocessed data: beside its plans a directory for each configuration, with arrays and their label maps.

https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/setting_up_paths.md
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bnstat.errors import InputError, UsageError
from bnstat.sources import storage
from bnstat.sources.addresses import Access, is_remote
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.datasets.nnunet_plans import Configuration, read_plans
from bnstat.sources.documents import WRONG_FIELDS, read_json
from bnstat.sources.formats import arrays
from bnstat.sources.formats.nnunet_case import LABELS, SEGMENTATION, key_of
from bnstat.text import by, plural

# The endings of a case's array that has its label map in a file of its own, and of one that has it inside; of several
# files of one case, the first is read.
_PLAIN, _ARCHIVE = (".b2nd", ".npy"), ".npz"
_PROPERTIES = ".pkl"
_PLANS = re.compile(r".*plans.*\.json", re.IGNORECASE)
_DESCRIPTION = "dataset.json"


def cases_of_folder(folder: str, names: Sequence[str], access: Access) -> FoundCases | None:
    """Return the cases of a directory of preprocessed cases; None if it is none.

    Args:
        folder: the directory.
        names: the names of its files.
        access: the protocols and hosts that a URL may have.
    """
    there = {} if is_remote(folder) else _arrays(folder, frozenset(names))
    if not there:
        return None
    found = FoundCases()
    channels = _channels(folder)
    for array, labels in sorted(there.items()):
        path = storage.inside(folder, array)
        paired = None if labels is None else storage.inside(folder, labels)
        found.cases.append(Case(path, (path,), channels, paired, protocols=access.protocols))
    found.notes.append(f"{folder}: {_described(folder, list(there.values()))}")
    return found


def cases_of_configurations(folder: str, names: Sequence[str], access: Access) -> FoundCases | None:
    """Return the cases of preprocessed data that has one configuration; None if the directory holds no such data.

    Args:
        folder: the directory with the plans.
        names: the names of its files.
        access: the protocols and hosts that a URL may have.

    Raises:
        InputError: if there are several configurations, or none; the message lists them.
    """
    if is_remote(folder) or _DESCRIPTION not in names or not any(map(_PLANS.fullmatch, names)):
        return None
    each = {here: cases_of_folder(here, files, access) for here, files in storage.tree(folder, [], access)}
    there = {here: cases for here, cases in each.items() if cases is not None}
    if len(there) > 1:
        listed = ", ".join(f"{here} ({plural(len(cases.cases), 'case')})" for here, cases in there.items())
        raise InputError(
            folder, f"nnU-Net has preprocessed it for {len(there)} configurations; give the directory of one: {listed}"
        )
    return next(iter(there.values()), None)


def _arrays(folder: str, names: frozenset[str]) -> dict[str, str | None]:
    """Return the array of each case with its label map, both without their directory; none if nnU-Net wrote none."""
    cases = [name.removesuffix(_PROPERTIES) for name in names if name.endswith(_PROPERTIES)]
    found: dict[str, str | None] = {}
    archives: list[str] = []
    for case in cases:
        plain = [one for one in _PLAIN if {f"{case}{one}", f"{case}{LABELS}{one}"} <= names]
        if plain:
            found[f"{case}{plain[0]}"] = f"{case}{LABELS}{plain[0]}"
        elif f"{case}{_ARCHIVE}" in names:
            archives.append(f"{case}{_ARCHIVE}")
    # any array may have such a name: an archive is known by the arrays in it, of the first one that can be read
    inside = next(filter(None, (arrays.names_in(storage.inside(folder, one)) for one in archives)), [])
    if found or (archives and key_of(storage.inside(folder, archives[0]), inside)):
        found |= {one: f"{one}[{SEGMENTATION}]" if SEGMENTATION in inside else None for one in archives}
    return found


def _channels(folder: str) -> tuple[str, ...]:
    """Return the names of the channels in the description above a directory; none if there is no such description."""
    try:
        content: Any = read_json(storage.inside(storage.parent_of(folder), _DESCRIPTION), "copy it again")
        named = {int(number): str(name) for number, name in content["channel_names"].items()}
    except (InputError, *WRONG_FIELDS):
        return ()
    return tuple(named[number] for number in sorted(named))


def _described(folder: str, labels: Sequence[str | None]) -> str:
    """Return the note on what was found in a directory, and on what the plans above it say."""
    paired = sum(one is not None for one in labels)
    note = f"{plural(len(labels), 'case')} that nnU-Net has preprocessed; {plural(paired, 'label map')} left out"
    plans = _plans_of(folder)
    if plans is None:
        return note
    path, found = plans
    return (
        f"{note}; {path} trains {found.name} on patches of {by(found.array_patch)} voxels (x × y × z) in batches of "
        f"{found.batch_size}"
    )


def _plans_of(folder: str) -> tuple[str, Configuration] | None:
    """Return the plans above a directory, and the configuration that it was made for; None if they are not there."""
    above, own = storage.parent_of(folder), storage.name_of(folder)
    for name in storage.files_in(above):
        planner = name.removesuffix(".json")
        if _PLANS.fullmatch(name) and own.startswith(f"{planner}_"):
            path = storage.inside(above, name)
            try:
                return path, read_plans(path, own.removeprefix(f"{planner}_"))
            except (InputError, UsageError):
                return None
    return None
