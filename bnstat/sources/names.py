"""Names of files: their endings, and the part that the files of one case have in common."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from bnstat.sources.formats.registry import IMAGE_ENDINGS, path_of, seconds_of
from bnstat.sources.formats.registry import ending_of as image_ending

# The characters between the parts of a name.
_SEPARATORS = "_. -"


def is_image(name: str) -> bool:
    """Return True if the name of a file in a directory is that of an image that can be read."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_ENDINGS)


def case_name(name: str) -> str:
    """Return the name of a case without folders, ending, and the name of an array in an archive."""
    short = posixpath.basename(without_ending(name))
    return short or posixpath.basename(name)


def without_ending(name: str) -> str:
    """Return the name of a case without ending and the name of an array in an archive; folders and dots stay."""
    path = path_of(name)
    return path.removesuffix(image_ending(path))


def ending_of(name: str) -> str:
    """Return the ending of an image, as `.nii.gz`; for any other file, the last dot and what follows it."""
    return image_ending(name) or posixpath.splitext(name)[1]


def others_of(name: str) -> list[str]:
    """Return the names that the second file of an image may have, if its format has two."""
    ending = ending_of(name)
    return [name.removesuffix(ending) + other for other in seconds_of(ending)]


def stem_of(name: str) -> str:
    """Return a name without its ending."""
    return name.removesuffix(ending_of(name))


def shared(files: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the part that the names of a case's files have in common, and the part that differs in each.

    Paths have slashes. `a/c1_t1.nii` and `a/c1_t2.nii` share `a/c1`, and differ in `t1` and `t2`; `t1/c1.nii` and
    `t2/c1.nii` share `c1`, and differ in `t1` and `t2`.
    """
    # The same name in several folders: these tell the files apart.
    folders, names = zip(*(posixpath.split(file) for file in files), strict=True)
    stems = [stem_of(name) for name in names]
    folder = _common_folder(folders)
    if len(set(stems)) == 1:
        return posixpath.join(folder, stems[0]), tuple(_below(one, folder) for one in folders)
    # Else the names up to a separator are shared, and the rest of each tells it apart.
    start = re.match(rf".*[{_SEPARATORS}]|", posixpath.commonprefix(stems))
    prefix = start[0] if start is not None else ""
    name = posixpath.join(folder, prefix.rstrip(_SEPARATORS)) if prefix.strip(_SEPARATORS) else folder
    return name.rstrip("/"), tuple(stem.removeprefix(prefix).strip(_SEPARATORS) for stem in stems)


def _common_folder(folders: Sequence[str]) -> str:
    """Return the folder that contains all of them, as it is written; an empty text if there is none."""
    parts = [folder.split("/") for folder in folders]
    same = 0
    for several in zip(*parts, strict=False):
        if len(set(several)) > 1:
            break
        same += 1
    return "/".join(parts[0][:same])


def _below(path: str, folder: str) -> str:
    """Return a path relative to a folder above it."""
    return path.removeprefix(folder).strip("/")


def joined(before: str, after: str) -> str:
    """Return the name of a case from the texts before and after the channel in its files' names."""
    rest = stem_of(after)
    if before.endswith("/") or not before:
        return (before + rest.lstrip(f"{_SEPARATORS}/")).rstrip("/")
    return before.rstrip(f"{_SEPARATORS}/") + rest
