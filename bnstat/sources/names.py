"""Names of files: their endings, and what files of one case share."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from bnstat.sources.formats.arrays import path_of

# Endings of the files that a directory is searched for. Of formats in two files, the one that is opened.
IMAGE_ENDINGS = (
    *(".nii", ".nii.gz", ".nii.bz2", ".nii.zst", ".img", ".img.gz", ".mgh", ".mgz", ".mgh.gz", ".mnc", ".mnc.gz"),
    *(".head", ".par", ".npy", ".npz"),
)

# Formats that are not read, by their endings.
_OTHERS = {
    ".nrrd": "NRRD",
    ".nhdr": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
    ".dcm": "DICOM",
    ".dicom": "DICOM",
    ".ima": "DICOM",
}
DICOM = "DICOM"

# Of formats in two files, the endings of the other one.
_PAIRS = {
    ".img": (".hdr",),
    ".img.gz": (".hdr.gz", ".hdr"),
    ".hdr": (".img", ".img.gz"),
    ".head": (".BRIK", ".BRIK.gz", ".brik", ".brik.gz"),
    ".par": (".REC", ".rec"),
}

# What stands between the parts of a name.
_SEPARATORS = "_. -"


def is_image(name: str) -> bool:
    """Whether a file in a directory is read, by its name."""
    return not name.startswith(".") and name.lower().endswith(IMAGE_ENDINGS)


def case_name(name: str) -> str:
    """The name of a case without folders, endings, and the name of an array in an archive."""
    short = posixpath.basename(without_ending(name))
    return short or posixpath.basename(name)


def without_ending(name: str) -> str:
    """The name of a case without that of an array in an archive, and the ending of an image; folders and dots stay."""
    path = path_of(name)
    return path.removesuffix(_image_ending(path))


def other_format(name: str) -> str | None:
    """The format of an image that is not read, by its ending."""
    lower = name.lower()
    return next((kind for ending, kind in _OTHERS.items() if lower.endswith(ending)), None)


def how_to_convert(kinds: Sequence[str]) -> str:
    """What to do with images of such formats."""
    return "convert them to NIfTI first, " + ("as dcm2niix does" if set(kinds) == {DICOM} else "as SimpleITK does")


def ending_of(name: str) -> str:
    """The ending of an image, `.nii.gz` being one; else what follows the last dot."""
    return _image_ending(name) or posixpath.splitext(name)[1]


def _image_ending(name: str) -> str:
    """The ending of an image as the name has it; empty where it is none."""
    lower = name.lower()
    known = max((ending for ending in (*IMAGE_ENDINGS, *_OTHERS) if lower.endswith(ending)), key=len, default="")
    return name[len(name) - len(known) :]


def others_of(name: str) -> list[str]:
    """What the second file of an image may be called, where its format has two."""
    ending = ending_of(name)
    return [name.removesuffix(ending) + other for other in _PAIRS.get(ending.lower(), ())]


def stem_of(name: str) -> str:
    """A name without its ending."""
    return name.removesuffix(ending_of(name))


def shared(files: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """What several files of one case have in common, and what tells each of them.

    Paths have slashes. `a/c1_t1.nii` and `a/c1_t2.nii` share `a/c1`, and are told by `t1` and `t2`; `t1/c1.nii` and
    `t2/c1.nii` share `c1`, and are told by `t1` and `t2`.
    """
    folders, names = zip(*(posixpath.split(file) for file in files), strict=True)
    stems = [stem_of(name) for name in names]
    folder = _common_folder(folders)
    if len(set(stems)) == 1:
        return posixpath.join(folder, stems[0]), tuple(_below(one, folder) for one in folders)
    start = re.match(rf".*[{_SEPARATORS}]|", posixpath.commonprefix(stems))
    prefix = start[0] if start is not None else ""
    name = posixpath.join(folder, prefix.rstrip(_SEPARATORS)) if prefix.strip(_SEPARATORS) else folder
    return name.rstrip("/"), tuple(stem.removeprefix(prefix).strip(_SEPARATORS) for stem in stems)


def _common_folder(folders: Sequence[str]) -> str:
    """The folder that holds all of them, as it is written; empty where there is none."""
    parts = [folder.split("/") for folder in folders]
    same = 0
    for several in zip(*parts, strict=False):
        if len(set(several)) > 1:
            break
        same += 1
    return "/".join(parts[0][:same])


def _below(path: str, folder: str) -> str:
    return path.removeprefix(folder).strip("/")


def joined(before: str, after: str) -> str:
    """What to call a case whose files have a channel's name between two texts."""
    rest = stem_of(after)
    if before.endswith("/") or not before:
        return (before + rest.lstrip(f"{_SEPARATORS}/")).rstrip("/")
    return before.rstrip(f"{_SEPARATORS}/") + rest
