"""Paths as people give them to files that are read: a directory stands for the images in it."""

from __future__ import annotations

import os

from bnstat.errors import InputError
from bnstat.sources.arrays import path_of
from bnstat.sources.case import Case
from bnstat.sources.streams import unreadable

# Endings of the files that a directory is searched for. Of formats in two files, the one that is opened.
IMAGE_ENDINGS = (
    *(".nii", ".nii.gz", ".nii.bz2", ".nii.zst", ".img", ".img.gz", ".mgh", ".mgz", ".mgh.gz", ".mnc", ".mnc.gz"),
    *(".head", ".par", ".npy", ".npz"),
)


def cases_of(path: str) -> tuple[list[Case], list[InputError]]:
    """The cases that a path stands for: each file is one.

    Returns:
        The cases, and what could not be read.
    """
    files, failures = files_of(path)
    return [Case.of(file) for file in files], failures


def stem(name: str) -> str:
    """The name of a file without the ending that says what kind of image it is; folders stay."""
    path = path_of(name)
    ending = max((one for one in IMAGE_ENDINGS if path.lower().endswith(one)), key=len, default="")
    return path[: len(path) - len(ending)]


def files_of(path: str) -> tuple[list[str], list[InputError]]:
    """The files that a path stands for: itself, or the images below a directory, in order of their names.

    Returns:
        The files, and what could not be read: a directory without images, or one that may not be searched.
    """
    if not path:
        return [], [InputError("''", "an empty name is no path; is a variable unset?")]
    if not os.path.isdir(path):  # noqa: PTH112  (a name that is too long is no directory, and no exception)
        return _matching(path) if _is_pattern(path) else ([path], [])
    failures: list[InputError] = []

    def fail(error: OSError) -> None:
        failures.append(unreadable(str(error.filename), error))

    found: list[str] = []
    for folder, folders, names in os.walk(path, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(folder, name) for name in names if _is_image(folder, name)]  # noqa: PTH118
    if not found and not failures:
        message = "the directory holds no image; give files, or a directory with .nii, .nii.gz, … in it"
        failures.append(InputError(path, message))
    return sorted(found), failures


def _is_pattern(path: str) -> bool:
    """Whether a name is one that a shell would have replaced, and no file has. Brackets name arrays of an archive."""
    return ("*" in path or "?" in path) and not path.endswith("]") and not os.path.lexists(path)


def _matching(pattern: str) -> tuple[list[str], list[InputError]]:
    """The files and directories that match, `**` being any number of folders."""
    import glob  # noqa: PLC0415  (only where no shell has done it)

    found: list[str] = []
    failures: list[InputError] = []
    for path in sorted(glob.glob(pattern.replace("[", "[[]"), recursive=True)):  # noqa: PTH207
        files, missed = files_of(path)
        found += files
        failures += missed
    if not found and not failures:
        failures.append(InputError(pattern, "no file matches; check the pattern"))
    return found, failures


def _is_image(folder: str, name: str) -> bool:
    visible = not name.startswith(".") and name.lower().endswith(IMAGE_ENDINGS)
    return visible and os.path.isfile(os.path.join(folder, name))  # noqa: PTH113, PTH118
