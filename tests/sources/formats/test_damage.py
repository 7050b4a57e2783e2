"""Damaged MetaImage and NRRD files: each gives a line, or its own voxels, and never other numbers in silence.

What no reader can tell is left out: bits of uncompressed voxels, and free text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from text_headers import in_memory, save_metaimage, save_nrrd

from bnstat.errors import InputError
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.opening import open_volume

TIMES = 1000
VOXELS = np.random.default_rng(11).normal(0, 40, (7, 6, 5)).astype(np.int16)
# A header has as many fields as those of ITK and Slicer.
ITK = {"TransformMatrix": "1 0 0 0 1 0 0 0 1", "CenterOfRotation": "0 0 0", "AnatomicalOrientation": "RAI"}
SLICER = {
    "space": "left-posterior-superior",
    "space directions": "(1,0,0) (0,1,0) (0,0,1)",
    "space origin": "(0,0,0)",
    "kinds": "domain domain domain",
}


def mha(folder: Path, **settings: Any) -> Path:
    return Path(save_metaimage(folder / "x.mha", VOXELS, **ITK, **settings))


def mha_packed(folder: Path) -> Path:
    data = zlib.compress(in_memory(VOXELS))
    return mha(folder, compressed=True, data=data, CompressedDataSize=len(data))


def mhd(folder: Path) -> Path:
    (folder / "x.raw").write_bytes(in_memory(VOXELS))
    return Path(save_metaimage(folder / "x.mhd", VOXELS, ElementDataFile="x.raw", **ITK))


def nrrd(folder: Path, encoding: str = "raw", name: str = "x.nrrd", **fields: Any) -> Path:
    return Path(save_nrrd(folder / name, VOXELS, encoding=encoding, **SLICER, **fields))


def nhdr(folder: Path) -> Path:
    (folder / "x.raw").write_bytes(in_memory(VOXELS))
    return nrrd(folder, name="x.nhdr", **{"data file": "x.raw"})


def several(folder: Path) -> Path:
    for number in range(5):
        (folder / f"{number}.raw").write_bytes(in_memory(VOXELS[:, :, number]))
    return nrrd(folder, name="x.nhdr", **{"data file": "%d.raw 0 4 1"})


KINDS: dict[str, Callable[[Path], Path]] = {
    "mha": mha,
    "mha compressed": mha_packed,
    "mhd": mhd,
    "nrrd": nrrd,
    "nrrd gzip": lambda folder: nrrd(folder, "gzip"),
    "nrrd bzip2": lambda folder: nrrd(folder, "bzip2"),
    "nhdr": nhdr,
    "nhdr of several files": several,
}
PACKED = ("mha compressed", "nrrd gzip", "nrrd bzip2")


def damaged(content: bytes, header: int, packed: bool, draw: np.random.Generator) -> bytes:
    """Return a file that was cut, or of which bits or bytes were changed: anywhere if its voxels are compressed."""
    within = len(content) if packed else header
    place = int(draw.integers(within))
    changed = bytearray(content)
    match int(draw.integers(5)):
        case 0:
            return content[: int(draw.integers(len(content)))]
        case 1:
            changed[place] ^= 1 << int(draw.integers(8))
        case 2:
            changed[place : place + 8] = draw.bytes(min(8, within - place))
        case 3:
            changed[place : place + 8] = bytes(min(8, within - place))
        case _:
            for one in draw.integers(within, size=3).tolist():
                changed[one] ^= 1 << int(draw.integers(8))
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_gives_a_line_or_its_own_voxels(tmp_path, kind):
    path = KINDS[kind](tmp_path)
    content = path.read_bytes()
    header = re.search(rb"ElementDataFile = .*\n|\n\n", content)
    draw = np.random.default_rng(sorted(KINDS).index(kind))
    refused = []
    for _ in range(TIMES):
        path.write_bytes(damaged(content, header.end() if header else len(content), kind in PACKED, draw))
        try:
            volume = open_volume(str(path))
            values = stored_voxels(volume)
        except InputError as error:
            refused.append(error.message)
            continue
        if not volume.notes:  # a note says that the file has bytes that the header does not describe
            np.testing.assert_array_equal(values, VOXELS)
    assert len(refused) > TIMES // 2
    assert not any("\n" in message for message in refused)


@pytest.mark.parametrize("kind", PACKED)
def test_no_bit_of_compressed_voxels_can_change_in_silence(tmp_path, kind):
    path = KINDS[kind](tmp_path)
    content = path.read_bytes()
    start = re.search(rb"ElementDataFile = .*\n|\n\n", content).end()
    for place in range(start, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        with suppress(InputError):
            np.testing.assert_array_equal(stored_voxels(open_volume(str(path))), VOXELS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_anywhere_gives_a_line(tmp_path, kind):
    path = KINDS[kind](tmp_path)
    content = path.read_bytes()
    lines = ("mhd", "nhdr", "nhdr of several files")
    for size in range(0, len(content) - (kind in lines), 7):
        path.write_bytes(content[:size])
        with pytest.raises(InputError):
            stored_voxels(open_volume(str(path)))


@pytest.mark.parametrize("kind", ["mha compressed", "nrrd gzip"])
def test_damage_is_one_line_of_the_command(tmp_path, refused, kind):
    path = KINDS[kind](tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    assert "truncated" in refused(3, "inspect", path)
    checksum = {"mha compressed": -1, "nrrd gzip": -8}[kind]
    path.write_bytes(content[:checksum] + bytes([content[checksum] ^ 1]) + content[checksum:][1:])
    assert "damaged" in refused(3, "inspect", path)
