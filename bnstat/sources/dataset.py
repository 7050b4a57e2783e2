"""Paths as people give them to files that are read: a directory stands for the images in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bnstat.errors import InputError

# Endings of the files that a directory is searched for. Of formats in two files, the one that is opened.
IMAGE_ENDINGS = (
    *(
        ".nii",
        ".nii.gz",
        ".nii.bz2",
        ".nii.zst",
        ".img",
        ".img.gz",
        ".mgh",
        ".mgz",
        ".mgh.gz",
        ".mnc",
        ".mnc.gz",
    ),
    *(".head", ".par", ".npy", ".npz"),
)


def files_of(path: str) -> Iterator[str]:
    """The files that a path stands for: itself, or the images below a directory, in order of their names.

    Raises:
        InputError: a directory holds no image, or cannot be read.
    """
    if not Path(path).is_dir():
        yield path
        return
    try:
        found = sorted(_images_below(Path(path)))
    except OSError as error:
        raise InputError(path, f"the directory cannot be read: {error.strerror}") from error
    if not found:
        raise InputError(path, "the directory holds no image; give files, or a directory with .nii, .nii.gz, … in it")
    yield from found


def _images_below(directory: Path) -> Iterable[str]:
    for file in directory.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
        if not hidden and file.name.lower().endswith(IMAGE_ENDINGS) and file.is_file():
            yield str(file)
