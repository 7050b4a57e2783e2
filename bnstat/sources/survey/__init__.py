"""The survey of a folder: its files grouped into cases and kinds of file by their names, before any is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bnstat.sources.addresses import is_remote
from bnstat.sources.case import Case, FoundCases
from bnstat.sources.selection import Selection
from bnstat.sources.survey import bids, by_name
from bnstat.sources.survey.choice import taken
from bnstat.text import plural

# The endings of one NIfTI image, as it is and compressed.
_NIFTI = re.compile(r"\.nii(?:\.gz|\.bz2|\.zst)?$", re.IGNORECASE)
# The most kinds that a note on named files lists.
_MOST_KINDS = 4


def survey(
    folder: str, files: Sequence[str], selection: Selection, protocols: tuple[str, ...] = (), *, described: bool = False
) -> FoundCases:
    """Return the cases that the images below a folder make.

    Args:
        folder: the folder that was named; an empty text for files that were named themselves.
        files: the paths of the images, in order.
        selection: what is taken of them.
        protocols: the names of protocols that the user allows beside the usual ones.
        described: True if the folder has the description of a BIDS data set.

    Raises:
        UsageError: if the folder holds several kinds of file and the selection leaves open which to take, or if it asks
            for a kind that is not there.
    """
    found = FoundCases()
    if not selection.each:
        files = _each_image_once(folder, files, found)
    # the parts of the layout: a case and a kind for each file
    paths = {_below(folder, file): file for file in files}
    layout = bids if bids.follows(list(paths), described=described) else by_name
    parts = layout.parts_of(paths, named=_last(folder))
    # a pattern says by itself which files belong together, and `each` that none do
    if layout is bids and not (selection.each and not selection.entity and selection.suffix is None):
        parts = bids.raw(parts, folder, found)
    if not parts:
        return found
    if selection.pattern is not None or (selection.each and layout is by_name and selection.suffix is None):
        found.cases += [Case.of(part.file, protocols) for part in parts]
        return found
    found.add(taken(folder, parts, selection, layout.TRAITS))
    return replace_protocols(found, protocols)


def replace_protocols(found: FoundCases, protocols: tuple[str, ...]) -> FoundCases:
    """Return the same cases, which may use these protocols."""
    if protocols:
        found.cases = [replace(case, protocols=protocols) for case in found.cases]
    return found


def kinds_note(files: Sequence[str]) -> str | None:
    """Return a note if files that were named themselves are of several kinds; None if they are of one.

    Who names files means them, so that each is a sample.
    """
    paths = {file.replace("\\", "/"): file for file in files}
    layout = bids if bids.follows(list(paths), described=False) else by_name
    counts: dict[str, int] = {}
    cases: dict[tuple[str, ...], set[str]] = {}
    parts = layout.parts_of(paths, named="")
    for part in parts:
        counts[part.title] = counts.get(part.title, 0) + 1
        cases.setdefault(part.case, set()).add(part.kind)
    labels = sum(part.labels for part in parts)
    if not 0 < labels < len(parts) and all(len(kinds) == 1 for kinds in cases.values()):
        return None
    shown = [f"{kind} ({number:,})" for kind, number in list(counts.items())[:_MOST_KINDS]]
    more = ", …" if len(counts) > _MOST_KINDS else ""
    return (
        f"the {plural(len(files), 'named file')} are of {plural(len(counts), 'kind')} by their names, and each is a "
        f"sample: {', '.join(shown)}{more}; name one kind, or join them with `channels`"
    )


def _below(folder: str, file: str) -> str:
    """Return the path of a file relative to the folder that was named, with slashes."""
    path = file if is_remote(file) else file.replace("\\", "/")
    root = folder.replace("\\", "/").rstrip("/")
    return path[len(root) :].lstrip("/") if root and path.startswith(root) else path


def _last(folder: str) -> str:
    """Return the last part of the path of a folder."""
    return folder.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _each_image_once(folder: str, files: Sequence[str], found: FoundCases) -> list[str]:
    """Return files without those that are another one under the same name, compressed or not; a note counts them."""
    seen: dict[str, str] = {}
    kept: list[str] = []
    left: list[str] = []
    for file in files:
        stem = _NIFTI.sub(".nii", file)
        (kept if seen.setdefault(stem, file) == file else left).append(file)
    if left:
        one = _NIFTI.sub(".nii", left[0])
        said = f"left out {plural(len(left), 'file')} with the name of another, as {left[0]} beside {seen[one]}"
        found.surveyed.append((folder or "the files", f"{said}; `each` reads both"))
    return kept
