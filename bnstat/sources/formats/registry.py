"""The list of all formats: what is known of each by the name of a file, and which function opens it.

Nothing is imported for this list; a format is imported when its first file is opened. What depends on a format gets it
from here: which files of a folder are images, which second file belongs to one, and what is said of the rest.

A new format is a module beside this one and an entry in `FORMATS`:

- Its opener takes the path as the user named it (with the key in brackets, see `split_key`) and returns a `Volume`,
  whose voxels are streamed (`PlainVoxels`, `StreamedVoxels`). It raises InputError for whatever is wrong with the file.
- If it needs a package, it imports that at the top of its module, and the entry names the `extra` and the `package`.
  Without the package a line tells what to install; the opener is not called.
- The caller has made sure that the path is a regular file that can be read and is not empty; for a format of
  `folders`, that it is one of these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, cast

from bnstat.errors import InputError
from bnstat.sources.regular import open_regular

if TYPE_CHECKING:
    from bnstat.sources.volume import Volume

DICOM = "DICOM"


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        name: the name for people.
        endings: the endings of its files, in lower case; for a format of two files, those of the file to open. Files of
            a folder with these are images.
        opener: the module in this folder and the function that opens a file, as "arrays:open_array".
        named: further endings, of files that are opened if the user names them, but not taken from a folder.
        seconds: for an ending, the endings that a second file may have.
        named_files: the module and the function that return the files which a header names; None if none names any.
        starts: texts with which a file begins, each with its place; empty if only the name tells the format.
        begins_as: the names of other formats that its files may begin as, because they are stored in one of these.
        folders: the endings of directories that are one input each.
        marks: the names of files by one of which such a directory is known.
        keyed: the endings of files that contain several arrays, so that a key in brackets names one: `x.npz[key]`.
        batched: True if its arrays are batched tensors already, so that axis 0 is the batch.
        extra: the extra of bnstat with the package that reads it; None if it needs none.
        package: that package.
    """

    name: str
    endings: tuple[str, ...]
    opener: str
    named: tuple[str, ...] = ()
    seconds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    named_files: str | None = None
    starts: tuple[tuple[int, bytes], ...] = ()
    begins_as: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    keyed: tuple[str, ...] = ()
    batched: bool = False
    extra: str | None = None
    package: str | None = None

    def open(self, source: str) -> Volume:
        """Read the header of a file of this format.

        Raises:
            InputError: if it cannot be read, or the package that reads it is not installed.
        """
        try:
            opener = _function(self.opener)
        except ImportError as error:
            if self.extra is None:
                raise
            message = f"reading {self.name} needs {self.package}; run: pip install 'bnstat[{self.extra}]'"
            raise InputError(source, message) from error
        return cast("Volume", opener(source))

    def files_named_in(self, source: str) -> list[str]:
        """Return the files that a header names; none if it names none, or cannot be read."""
        return [] if self.named_files is None else cast("list[str]", _function(self.named_files)(source))


def _function(name: str) -> Callable[[str], object]:
    """Return a function in a module beside this one, as "arrays:open_array"."""
    module, _, function = name.partition(":")
    return cast("Callable[[str], object]", getattr(import_module(f"bnstat.sources.formats.{module}"), function))


_NIBABEL = "nifti:open_image"

# In the order in which messages name them; nibabel reads the first ones.
FORMATS = (
    Format("NIfTI", (".nii", ".nii.gz", ".nii.bz2", ".nii.zst"), _NIBABEL),
    Format("MGH", (".mgh", ".mgz", ".mgh.gz"), _NIBABEL),
    Format("MINC", (".mnc", ".mnc.gz"), "minc:open_minc", begins_as=("HDF5",)),  # MINC-2
    Format(
        "Analyze",  # or NIfTI in two files
        (".img", ".img.gz"),
        _NIBABEL,
        named=(".hdr",),
        seconds={".img": (".hdr",), ".img.gz": (".hdr.gz", ".hdr"), ".hdr": (".img", ".img.gz")},
    ),
    Format("AFNI", (".head",), _NIBABEL, seconds={".head": (".BRIK", ".BRIK.gz", ".brik", ".brik.gz")}),
    Format("Philips PAR/REC", (".par",), _NIBABEL, seconds={".par": (".REC", ".rec")}),
    Format(
        "NumPy .npy or .npz",
        (".npy", ".npz"),
        "arrays:open_array",
        starts=((0, b"\x93NUMPY"),),
        keyed=(".npz",),
        batched=True,
    ),
    Format("Blosc2 .b2nd", (".b2nd",), "b2nd:open_b2nd", batched=True, extra="blosc2", package="blosc2"),
    Format(
        "HDF5",
        (".h5", ".hdf5", ".hdf"),
        "hdf5:open_hdf5",
        starts=((0, b"\x89HDF\r\n\x1a\n"),),
        keyed=(".h5", ".hdf5", ".hdf"),
        batched=True,
        extra="hdf5",
        package="h5py",
    ),
    Format(
        "Zarr",
        (".zarr.zip", ".ozx"),
        "zarr_store:open_zarr",
        folders=(".zarr",),
        marks=("zarr.json", ".zgroup", ".zarray"),
        keyed=(".zarr.zip", ".ozx"),
        extra="zarr",
        package="zarr",
    ),
    Format(
        "TIFF",
        (".tif", ".tiff", ".ome.tif", ".ome.tiff", ".tf8", ".btf"),
        "tiff:open_tiff",
        starts=((0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")),
        keyed=(".tif", ".tiff", ".tf8", ".btf"),
        extra="tiff",
        package="tifffile",
    ),
    Format(
        "MetaImage",
        (".mha", ".mhd"),
        "metaimage:open_metaimage",
        named_files="metaimage:named_files",
        starts=((0, b"ObjectType = Image"), (0, b"ObjectType=Image"), (0, b"NDims")),
    ),
    Format(
        "NRRD",
        (".nrrd", ".nhdr"),
        "nrrd:open_nrrd",
        named_files="nrrd:named_files",
        starts=((0, b"NRRD00"),),
    ),
    Format(
        DICOM,
        (),  # the files of a folder are slices of one volume
        "dicom.series:open_dicom",
        named=(".dcm", ".dicom", ".ima"),
        starts=((128, b"DICM"),),
        extra="dicom",
        package="pydicom",
    ),
)

# The files by which a directory that is one input is known.
MARKS = frozenset(mark for one in FORMATS for mark in one.marks)
# The endings of images in a directory.
IMAGE_ENDINGS = tuple(ending for one in FORMATS for ending in one.endings)

_BY_ENDING = {ending: one for one in FORMATS for ending in (*one.endings, *one.named, *one.folders)}
_DICOM = next(one for one in FORMATS if one.name == DICOM)
_SECONDS = {ending: others for one in FORMATS for ending, others in one.seconds.items()}
# Every ending begins with a dot and has at most this many.
_MOST_DOTS = max(ending.count(".") for ending in _BY_ENDING)
_STARTS = tuple((place, text, one) for one in FORMATS for place, text in one.starts)
# A file and the key of an array in it.
_KEYED = re.compile(
    rf"(?P<path>.+(?:{'|'.join(re.escape(ending) for one in FORMATS for ending in one.keyed)}))\[(?P<key>.*)\]",
    re.IGNORECASE | re.DOTALL,
)
# A folder, and what is named of it.
_KEYED_FOLDER = re.compile(r"(?P<path>.+)\[(?P<key>[^\[\]]*)\]", re.DOTALL)


def format_of(source: str) -> Format | None:
    """Return the format of a file or a folder by its name, which may have a key in brackets; None if it is unknown."""
    keyed = _KEYED.fullmatch(source)
    return _BY_ENDING.get(ending_of(keyed["path"] if keyed else source).lower())


def format_within(path: str) -> Format | None:
    """Return the format of a file by its first bytes; None if they tell none, or cannot be read."""
    try:
        with open_regular(path) as file:
            start = file.read(max(place + len(text) for place, text, _ in _STARTS))
    except (OSError, ValueError):
        return None
    return next((one for place, text, one in _STARTS if start[place : place + len(text)] == text), None)


def marked_format(path: str) -> Format | None:
    """Return the format of a directory that is known by the name of a file in it; None if it has no such file."""
    return next((one for one in FORMATS if any(os.path.isfile(os.path.join(path, mark)) for mark in one.marks)), None)


def format_of_folder(path: str) -> Format | None:
    """Return the format of a directory that is one input, by the files in it; None if it is none."""
    marked = marked_format(path)
    if marked is not None:
        return marked
    try:
        names = [name for name in sorted(os.listdir(path)) if not name.startswith(".")]
    except (OSError, ValueError):
        return None
    return _DICOM if any(is_dicom(name, path) for name in names) else None


def is_dicom(name: str, folder: str = "") -> bool:
    """Return True if a file is DICOM: by its ending, or by its first bytes if it has no ending or a number for one.

    Args:
        name: the name of the file.
        folder: the directory that it is in.
    """
    ending = os.path.splitext(name)[1].lower()
    if ending in _DICOM.named:
        return True
    if ending and not ending[1:].isdecimal():
        return False
    return format_within(os.path.join(folder, name)) is _DICOM


def split_key(source: str) -> tuple[str, str | None]:
    """Return the file that a path names, and the key in brackets behind it; None without one."""
    keyed = _KEYED.fullmatch(source) or _KEYED_FOLDER.fullmatch(source)
    if keyed is None or os.path.exists(source) or (keyed.re is _KEYED_FOLDER and not os.path.isdir(keyed["path"])):
        return source, None
    return keyed["path"], keyed["key"]


def path_of(source: str) -> str:
    """Return the file that a path names, without a key in brackets."""
    return split_key(source)[0]


def ending_of(path: str) -> str:
    """Return the ending of an image as the name has it; an empty text if it has that of no format."""
    lower, known = path.lower(), ""
    at = len(lower)
    for _ in range(_MOST_DOTS):
        at = lower.rfind(".", 0, max(at, 0))
        if at >= 0 and lower[at:] in _BY_ENDING:
            known = lower[at:]
    return path[len(path) - len(known) :]


def seconds_of(ending: str) -> tuple[str, ...]:
    """Return the endings that the second file of an image with this ending may have."""
    return _SECONDS.get(ending.lower(), ())


def is_array(source: str) -> bool:
    """Return True if a path names batched arrays: `x.npy`, `x.npz` or `x.npz[key]`."""
    known = format_of(source)
    return known is not None and known.batched


def names_of_read() -> str:
    """Return the names of all formats that are read, for a sentence."""
    names = [one.name for one in FORMATS]
    return ", ".join(names)
