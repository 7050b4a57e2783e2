"""Images that nibabel reads: NIfTI in one and two files, plain and compressed, Analyze, MGH, MINC-1 and AFNI.

The first byte of an input says of which form it is, and how it is read; the rest are the bytes of its files. Streams
are compressed here, so that mutations are of what is in them; one form has the compressed bytes as they are.
"""

from __future__ import annotations

import bz2
import gzip
import random
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import nibabel
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from fuzzing.expected import compare
from fuzzing.mutation import Field, lines_changed, with_bytes, with_field
from fuzzing.reader import Reader
from fuzzing.readers.volumes import WAYS, moments_of, seldom, written

Order: TypeAlias = Literal["<", ">"]

_FORMS = ("nii", "nii.gz", "raw.gz", "pair", "pair.gz", "nii.bz2", "mgh", "mgz", "mnc", "mnc.gz", "afni", "afni.gz")
# Between the header of AFNI, which is text, and its voxels.
_BETWEEN = b"\n----\n"
_HEADER1, _HEADER2 = 348, 540
_TYPES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304)
_BITS = (1, 8, 16, 24, 32, 64, 128, 192, 256)
_SLOPES = (0.0, 1.0, -1.0, 0.5, 2.0, 1e-20, float("nan"), float("inf"), 3e38)
_FIELDS1 = (
    Field(0, "i", (348, 540, 0)),
    *(Field(40 + 2 * place, "h", (0, 1, 2, 3, 4, 5, 7, 8, -1, 32767)) for place in range(8)),
    Field(68, "h", (0, 1002, 3007, 2003, 5)),
    Field(70, "h", _TYPES),
    Field(72, "h", _BITS),
    *(Field(76 + 4 * place, "f") for place in range(8)),
    Field(108, "f", (0.0, 1.0, 348.0, 351.0, 352.0, 353.0, 360.0, 400.0, -352.0, float("nan"), float("inf"), 1e10)),
    Field(112, "f", _SLOPES),
    Field(116, "f", _SLOPES),
    Field(123, "B", (0, 2, 10, 18, 255)),
    Field(252, "h", (0, 1, 2, 4, 5)),
    Field(254, "h", (0, 1, 2, 4, 5)),
    Field(344, "B", (0, 110)),
    Field(345, "B", (43, 105)),
    Field(346, "B", (49, 50, 51)),
    Field(348, "B", (0, 1)),
    Field(352, "i", (0, 8, 16, 32, -16)),
)
_FIELDS2 = (
    Field(0, "i", (348, 540, 0)),
    Field(12, "h", _TYPES),
    Field(14, "h", _BITS),
    *(Field(16 + 8 * place, "q", (0, 1, 2, 3, 4, 5, 7, 8, -1, 2**29, 2**62)) for place in range(8)),
    Field(168, "q", (0, 540, 544, 545, 560, -1, 2**40, 2**62)),
    Field(176, "d", _SLOPES),
    Field(184, "d", _SLOPES),
    Field(540, "B", (0, 1)),
    Field(544, "i", (0, 8, 16, 32, -16)),
)
_FIELDS_MGH = (
    Field(0, "i", (0, 1, 2)),
    *(Field(4 + 4 * place, "i", (0, 1, 2, 3, 4, -1, 2**31 - 1)) for place in range(4)),
    Field(20, "i", (0, 1, 3, 4, 5, 10)),
    Field(24, "i"),
    Field(28, "h", (0, 1, -1)),
)


def _attempt(data: bytes, folder: Path) -> None:
    """Read an input, and compare what is answered with the numbers that nibabel finds in the same files."""
    if not data:
        return
    form, way = _FORMS[data[0] % len(_FORMS)], data[0] // len(_FORMS) % WAYS
    files, named = _files(form, data[1:])
    written(folder, files)
    rows = moments_of(folder / named, way, report=seldom(data))
    if rows is None:
        return
    stored = _stored(folder / named)
    if stored is not None:
        compare(rows, *stored)


def _stored(path: Path) -> tuple[np.ndarray[Any, Any], float, float] | None:
    """Return the stored numbers of an image, its slope and its intercept; None if there is nothing to compare with."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = nibabel.load(path)
            proxy = cast(Any, image).dataobj
            if type(proxy) is not ArrayProxy:  # formats with a scale factor for each slice or channel
                return np.asarray(proxy), 1.0, 0.0
            unscaled = cast(Any, proxy).get_unscaled()
            stored, slope, intercept = np.asarray(unscaled), float(proxy.slope), float(proxy.inter)
    except Exception:
        return None
    if isinstance(image, nibabel.Nifti1Image) and proxy.offset < image.header.single_vox_offset:
        return None  # bnstat begins where the header ends, and says so
    if stored.dtype.fields is not None:  # colours, which have no scale factor
        slope, intercept = 1.0, 0.0
        stored = np.stack([stored[name] for name in stored.dtype.fields], axis=-1)
    return (stored, slope, intercept) if stored.dtype.itemsize <= 8 else None  # longer floats are rounded first


_HEADERS2 = (struct.pack("<i", _HEADER2), struct.pack(">i", _HEADER2))


def _files(form: str, data: bytes) -> tuple[Mapping[str, bytes], str]:
    """Return the files of an input, and the one that is named."""
    if form.startswith("pair"):
        size = _HEADER2 if data[:4] in _HEADERS2 else _HEADER1
        voxels = data[size:]
        if form == "pair":
            return {"a.hdr": data[:size], "a.img": voxels}, "a.img"
        return {"a.hdr.gz": gzip.compress(data[:size], 1), "a.img.gz": gzip.compress(voxels, 1)}, "a.img.gz"
    if form.startswith("afni"):
        header, _, voxels = data.partition(_BETWEEN)
        if form == "afni":
            return {"a+orig.HEAD": header, "a+orig.BRIK": voxels}, "a+orig.HEAD"
        return {"a+orig.HEAD": header, "a+orig.BRIK.gz": gzip.compress(voxels, 1)}, "a+orig.HEAD"
    if form == "raw.gz":
        return {"a.nii.gz": data}, "a.nii.gz"
    if form.endswith(".bz2"):
        return {"a.nii.bz2": bz2.compress(data, 1)}, "a.nii.bz2"
    if form.endswith("z"):
        return {f"a.{form}": gzip.compress(data, 1)}, f"a.{form}"
    return {f"a.{form}": data}, f"a.{form}"


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if len(data) < 2:
        return data
    first, rest = data[0], data[1:]
    form = _FORMS[first % len(_FORMS)]
    if rng.random() < 0.1:  # the same bytes in another form, or read in another way
        return bytes([rng.randrange(len(_FORMS) * WAYS)]) + rest
    if form == "raw.gz":
        return bytes([first]) + with_bytes(rest, rng)
    if form.startswith("afni"):
        header, between, voxels = rest.partition(_BETWEEN)
        return bytes([first]) + lines_changed(header, rng) + between + voxels
    for _ in range(rng.choice((1, 1, 2, 3))):
        if form.startswith("mg"):
            rest = with_field(rest, _FIELDS_MGH, ">", rng)
        elif form.startswith("mnc") or rng.random() < 0.1:
            rest = with_bytes(rest, rng)
        else:
            big = rest[:1] == b"\0"
            second = rest[:4] in _HEADERS2
            rest = with_field(rest, _FIELDS2 if second else _FIELDS1, ">" if big else "<", rng)
    return bytes([first]) + rest


def _seeds() -> Iterator[bytes]:
    """Yield small images of every form and of every type."""
    rng = np.random.default_rng(0)
    kinds = ("u1", "i2", "i4", "f4", "f8", "i1", "u2", "u4", "i8", "u8")
    for place, kind in enumerate(kinds):
        order: Order = ">" if place % 2 else "<"
        shape = ((3, 2, 2), (2, 2, 2, 2))[place // 2 % 2]
        values = rng.integers(0, 100, shape).astype(kind)
        for form in ("nii", "nii.gz", "pair", "pair.gz", "nii.bz2"):
            yield _in(form) + nifti(values, order, pair=form.startswith("pair"), slope=(1.0, 0.5)[place % 2])
        yield _in("nii") + nifti(values, order, second=True)
    plain = nifti(rng.normal(size=(4, 3, 2)).astype("f4"), "<")
    yield _in("raw.gz") + gzip.compress(plain, 9, mtime=0)
    yield _in("nii") + plain[:352] + plain[352:]
    for kind, code in (("u1", 0), ("i4", 1), ("f4", 3), ("i2", 4)):
        values = rng.integers(0, 100, (2, 3, 2)).astype(kind)
        header = struct.pack(">7ih", 1, 2, 3, 2, 1, code, 0, 0).ljust(284, b"\0")
        for form in ("mgh", "mgz"):
            yield _in(form) + header + values.astype(">" + kind).tobytes("F")
    tiny = Path(nibabel.__file__).parent / "tests" / "data" / "tiny.mnc"
    for form in ("mnc", "mnc.gz"):
        yield _in(form) + tiny.read_bytes()
    for kind, code in (("u1", 0), ("i2", 1), ("f4", 3)):
        values = rng.integers(0, 100, (2, 3, 2, 2)).astype(kind)
        for form in ("afni", "afni.gz"):
            yield _in(form) + _afni(code) + _BETWEEN + values.tobytes("F")
    for way in range(1, WAYS):
        yield bytes([_FORMS.index("nii") + len(_FORMS) * way]) + plain


def _in(form: str) -> bytes:
    return bytes([_FORMS.index(form)])


def nifti(values: np.ndarray, order: Order, *, second: bool = False, pair: bool = False, slope: float = 1.0) -> bytes:
    """Return an image as bytes: the header, nothing between, and the voxels."""
    codes = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
    code, bits = codes[values.dtype.str[1:]], 8 * values.dtype.itemsize
    dims = [values.ndim, *values.shape, *[1] * (7 - values.ndim)]
    if second:
        head = struct.pack(order + "i8s2h8q", 540, b"n+2\0\r\n\x1a\n", code, bits, *dims)
        head = head.ljust(104, b"\0") + struct.pack(order + "8d", *[1.0] * 8)
        head = (head + struct.pack(order + "q2d", 544, slope, 0.0)).ljust(544, b"\0")
    else:
        head = struct.pack(order + "i", 348).ljust(40, b"\0") + struct.pack(order + "8h", *dims)
        head = head.ljust(70, b"\0") + struct.pack(order + "2h", code, bits)
        head = head.ljust(76, b"\0") + struct.pack(order + "8f", *[1.0] * 8)
        head = (head + struct.pack(order + "3f", 0 if pair else 352, slope, 0.0)).ljust(344, b"\0")
        head += b"ni1\0" if pair else b"n+1\0\0\0\0\0"
    return head + values.astype(values.dtype.newbyteorder(order)).tobytes("F")


def _afni(code: int) -> bytes:
    """Return the header of an image of (2, 3, 2) voxels and two channels."""
    entries = (
        ("string", "TYPESTRING", "3DIM_HEAD_ANAT"),
        ("string", "IDCODE_STRING", "a"),
        ("string", "BYTEORDER_STRING", "LSB_FIRST"),
        ("integer", "DATASET_RANK", [3, 2, 0, 0, 0, 0, 0, 0]),
        ("integer", "DATASET_DIMENSIONS", [2, 3, 2, 0, 0]),
        ("integer", "SCENE_DATA", [0, 0, 0]),
        ("integer", "ORIENT_SPECIFIC", [0, 3, 4]),
        ("float", "ORIGIN", [0.0, 0.0, 0.0]),
        ("float", "DELTA", [1.0, 1.0, 1.0]),
        ("float", "IJK_TO_DICOM_REAL", [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        ("integer", "BRICK_TYPES", [code, code]),
        ("float", "BRICK_FLOAT_FACS", [0.0, 0.0]),
    )
    lines = []
    for kind, name, value in entries:
        if isinstance(value, str):
            lines.append(f"\ntype = {kind}-attribute\nname = {name}\ncount = {len(value) + 1}\n'{value}~\n")
        else:
            said = " ".join(map(str, value))
            lines.append(f"\ntype = {kind}-attribute\nname = {name}\ncount = {len(value)}\n {said}\n")
    return "".join(lines).encode()


READER = Reader(
    "images",
    _seeds,
    _attempt,
    _mutate,
    most=8192,
)
