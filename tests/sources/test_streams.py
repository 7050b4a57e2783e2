"""Compressed files: a damaged or truncated one is an error and never a number."""

from __future__ import annotations

import bz2
import gzip
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from inspected import inspected
from patience import LONGEST

from bnstat.sources.streams import unreadable

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits memory with ulimit")


@pytest.fixture
def noise(write_image):
    """An image that compresses badly, so that its middle is data and not a table of codes."""
    data = np.random.default_rng(3).integers(-1000, 1000, (40, 30, 20)).astype(np.int16)
    return lambda name: Path(write_image(name, data))


def message_of(path):
    report = inspected(path)
    assert report.batches == (), "a damaged file became a number"
    (failure,) = report.errors
    assert "\n" not in failure.message
    return failure.message


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii.bz2"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.98])
def test_a_truncated_stream_is_an_error_and_never_a_number(noise, name, kept):
    path = noise(name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert message_of(path)


@pytest.mark.parametrize("missing", [1, 4, 8, 9])
def test_a_gzip_without_all_of_its_trailer_is_an_error(noise, missing):
    path = noise("x.nii.gz")
    path.write_bytes(path.read_bytes()[:-missing])
    assert message_of(path)


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii.bz2"])
@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_byte_in_the_middle_is_an_error_and_never_a_number(noise, name, part):
    path = noise(name)
    data = bytearray(path.read_bytes())
    data[int(part * len(data))] ^= 0x10
    path.write_bytes(data)
    assert message_of(path)


@pytest.mark.parametrize("place", [-8, -1])
def test_a_wrong_checksum_or_length_at_the_end_is_an_error(noise, place):
    path = noise("x.nii.gz")
    data = bytearray(path.read_bytes())
    data[place] ^= 0x01
    path.write_bytes(data)
    assert "damaged" in message_of(path)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_a_header_that_promises_more_than_the_stream_holds_is_an_error(noise, compress):
    path = noise("x.nii")
    data = bytearray(path.read_bytes())
    struct.pack_into("<h", data, 46, 32_000)  # dim[3]
    ending = ".gz" if compress is gzip.compress else ".bz2"
    packed = path.with_name(path.name + ending)
    packed.write_bytes(compress(bytes(data)))
    assert "declares" in message_of(packed)


def test_a_header_that_promises_petabytes_is_an_error_at_once(noise):
    path = noise("x.nii")
    packed = path.with_name("huge.nii.gz")
    for axes, said in ((4, "declares"), (7, "more than a file can hold")):
        data = bytearray(path.read_bytes())
        struct.pack_into("<8h", data, 40, axes, *[32_767] * axes, *[1] * (7 - axes))
        packed.write_bytes(gzip.compress(bytes(data)))
        assert said in message_of(packed)


@linux
@pytest.mark.parametrize("kind", ["npz", "nifti"])
def test_a_claim_of_a_huge_batch_axis_is_an_error_of_that_input(tmp_path, kind):
    """10¹² samples are a list that fits into no memory, were it made before their voxels are seen."""
    if kind == "npz":
        path, args = tmp_path / "huge.npz", []
        text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 1)}\n"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64))
    else:
        path, args = tmp_path / "huge.nii.gz", ["--batch-axis", "3"]
        header = nibabel.Nifti2Header()
        header.set_data_dtype(np.uint8)
        header["dim"], header["vox_offset"], header["magic"] = [4, 1, 1, 1, 10**12, 1, 1, 1], 544, b"n+2"
        path.write_bytes(gzip.compress(header.binaryblock + bytes(100)))
    command = 'ulimit -v 4000000; exec "$0" -m bnstat inspect "$@"'
    ran = subprocess.run(
        ["sh", "-c", command, sys.executable, path, *args],
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (ran.returncode, len(ran.stderr.splitlines())) == (3, 1), ran.stderr
    assert "declares" in ran.stderr


def test_a_gzip_of_several_members_is_read_to_the_end(noise, same_as_numpy):
    path = noise("x.nii")
    whole = path.read_bytes()
    packed = path.with_name("members.nii.gz")
    packed.write_bytes(gzip.compress(whole[:9000]) + gzip.compress(whole[9000:]))
    same_as_numpy(packed, np.frombuffer(whole[352:], "<i2"))


def test_zeros_after_a_gzip_are_padding(noise, same_as_numpy):
    path = noise("x.nii.gz")
    stored = np.frombuffer(gzip.decompress(path.read_bytes())[352:], "<i2")
    path.write_bytes(path.read_bytes() + bytes(512))
    same_as_numpy(path, stored)


def test_a_gzip_that_is_none_is_read_as_what_it_is(noise, same_as_numpy):
    path = noise("x.nii")
    stored = np.frombuffer(path.read_bytes()[352:], "<i2")
    same_as_numpy(path.rename(path.with_name("x.nii.gz")), stored)


def test_bytes_after_the_voxels_are_no_part_of_them(noise, same_as_numpy):
    path = noise("x.nii")
    stored = np.frombuffer(path.read_bytes()[352:], "<i2")
    path.write_bytes(path.read_bytes() + b"\x7f" * 100)
    same_as_numpy(path, stored)
    packed = path.with_name("y.nii.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    same_as_numpy(packed, stored)


@pytest.mark.parametrize("size", [2, 1000])
def test_a_truncated_plain_file_is_an_error_that_says_so(noise, size):
    path = noise("x.nii")
    path.write_bytes(path.read_bytes()[:-size])
    assert "truncated" in message_of(path)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (MemoryError(), "memory"),
        (EOFError(), "truncated"),
        (FileNotFoundError(2, "x", "x.nii"), "no such file"),
        (FileNotFoundError(2, "x", "x.img"), "x.img"),
        (PermissionError(13, "x"), "permission"),
        (OSError(5, "Input/output error"), "Input/output error"),
        (ValueError("first\nsecond"), "first"),
        (ValueError(), "ValueError"),
    ],
)
def test_what_each_failure_means_to_a_user_is_one_line(error, word):
    found = unreadable("x.nii", error)
    assert found.source == "x.nii"
    assert word in found.message
    assert "\n" not in found.message


def test_without_isal_the_standard_library_inflates_to_the_same_bits(small_image):
    path = small_image("x.nii.gz")
    program = (
        "import sys\n{}\nimport bnstat\nfrom bnstat.sources import streams\n"
        "print(streams._gzip.__name__)\nprint(bnstat.diagnose(sys.argv[1]).batches)"
    )
    ran = [
        subprocess.run(
            [sys.executable, "-c", program.format(first), path],
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=True,
        ).stdout.split("\n", 1)
        for first in ("", "sys.modules['isal'] = None")
    ]
    assert [module for module, _ in ran] == ["isal.igzip", "gzip"]
    assert ran[0][1] == ran[1][1]
