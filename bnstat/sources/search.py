"""Paths as people give them to cases: a directory stands for the images in it, or for a data set."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from bnstat.errors import InputError
from bnstat.sources import remote, storage
from bnstat.sources.addresses import Access, is_remote, require_allowed, require_protocols
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.names import how_to_convert, is_image, other_format
from bnstat.text import plural

_DESCRIPTION = ".json"


def cases_of(paths: Sequence[str], channels: str | None = None, protocols: Sequence[str] = ()) -> FoundCases:
    """The cases that paths stand for.

    Args:
        paths: files, directories, patterns that no shell has replaced, descriptions of data sets, or URLs of such.
        channels: a pattern with `{channel}` that joins files into cases; those of a data set are joined by that.
        protocols: names of protocols that may be read beside the usual ones.

    Raises:
        UsageError: that pattern, or such a name, cannot be.
    """
    require_protocols(protocols)
    access = Access(tuple(protocols))
    pattern = None
    if channels is not None:
        from bnstat.sources.datasets.pattern import Pattern, join  # noqa: PLC0415  (only where it is asked for)

        pattern = Pattern.of(channels)
    found = FoundCases()
    for path in paths:
        try:
            found.add(_cases_of(path, access))
        except InputError as error:
            found.failures.append(error)
    return found if pattern is None else join(found, pattern)


def _cases_of(path: str, access: Access) -> FoundCases:
    if not path:
        return FoundCases(failures=[InputError("''", "an empty name is no path; is a variable unset?")])
    if is_remote(path):
        require_allowed(path, access)
    if is_remote(path) and is_image(remote.name_of(path)) and not _is_pattern(path):
        return FoundCases([Case.of(path, access.protocols)])  # nothing is asked of a server for what its name tells
    if path.lower().endswith(_DESCRIPTION) and (is_remote(path) or not storage.is_folder(path, access)):
        from bnstat.sources import datasets  # noqa: PLC0415  (one file needs nothing of it)

        return datasets.cases_in(path, access)
    if _is_pattern(path):
        return _matching(path, access)
    return _below(path, access) if storage.is_folder(path, access) else FoundCases([Case.of(path, access.protocols)])


def _below(folder: str, access: Access) -> FoundCases:
    """The cases of a data set, of its folder of images, or a case for each image below a directory."""
    from bnstat.sources import datasets  # noqa: PLC0415  (likewise)

    listed = datasets.of_images(folder, access)
    if listed is not None:
        return listed
    found = FoundCases()
    files: list[str] = []
    others: Counter[str] = Counter()
    described: list[str] = []
    for here, names in storage.tree(folder, found.failures, access):
        if any(_lies_in(here, one) for one in described):
            continue
        if datasets.DESCRIPTION in names:
            described.append(here)
            found.add(datasets.cases_in(storage.inside(here, datasets.DESCRIPTION), access))
            continue
        images = [name for name in names if is_image(name)]
        files += [storage.inside(here, name) for name in images]
        others.update(_other_formats(here, names))
    found.cases += [Case.of(file, access.protocols) for file in sorted(files)]
    _tell_of(others, folder, found)
    return found


def _lies_in(folder: str, other: str) -> bool:
    return folder.startswith(other.rstrip("/") + "/")


def _other_formats(folder: str, names: Sequence[str]) -> list[str]:
    """The format of each image that is not read."""
    kinds = (None if is_image(name) else other_format(name) or storage.format_of(folder, name) for name in names)
    return [kind for kind in kinds if kind is not None]


def _tell_of(others: Counter[str], folder: str, found: FoundCases) -> None:
    """That there is nothing to read, or that some of it was passed over."""
    if not found.cases and not found.failures:
        message = "the directory holds no image; give files, or a directory with .nii, .nii.gz, … in it"
        if others:
            held = " and ".join(plural(number, f"{kind} file") for kind, number in sorted(others.items()))
            message = f"the directory holds no image that is read, but {held}; {how_to_convert(list(others))}"
        found.failures.append(InputError(folder, message))
    elif others:
        held = " and ".join(plural(number, f"{kind} file") for kind, number in sorted(others.items()))
        found.notes.append(f"{folder}: {held} passed over; {how_to_convert(list(others))}")


def _is_pattern(path: str) -> bool:
    """Whether a name is one that a shell would have replaced, and no file has. Brackets name arrays of an archive."""
    if is_remote(path):
        return "*" in path  # a question mark begins a query
    return ("*" in path or "?" in path) and not path.endswith("]") and not os.path.lexists(path)


def _matching(pattern: str, access: Access) -> FoundCases:
    """The cases of files and directories that match, `**` being any number of folders."""
    import glob  # noqa: PLC0415  (only where no shell has done it)

    found = FoundCases()
    if is_remote(pattern):
        matches = remote.matching(pattern, access)
    else:
        matches = sorted(glob.glob(pattern.replace("[", "[[]"), recursive=True))
    for path in matches:
        found.add(_cases_of(path, access))
    if not found.cases and not found.failures:
        found.failures.append(InputError(pattern, "no file matches; check the pattern"))
    return found
