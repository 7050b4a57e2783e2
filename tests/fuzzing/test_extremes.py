"""Laws of headers and streams at their extremes: the exact numbers of the file, or one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from fuzzing.expected import compare
from fuzzing.reader import failure_of
from fuzzing.readers import READERS
from fuzzing.readers.images import nifti
from fuzzing.readers.volumes import moments_of
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import changed_fields, gzip_streams

from bnstat import InputError

VALUES = np.random.default_rng(7).integers(-90, 90, (4, 3, 2)).astype("i2")
# The fields of NIfTI-1 and NIfTI-2 that say what the voxels are and where: their places and types.
FIELDS = {
    False: [
        (0, "i"),
        *((40 + 2 * axis, "h") for axis in range(8)),
        (70, "h"),
        (72, "h"),
        (108, "f"),
        (112, "f"),
        (116, "f"),
    ],
    True: [
        (0, "i"),
        (12, "h"),
        (14, "h"),
        *((16 + 8 * axis, "q") for axis in range(8)),
        (168, "q"),
        (176, "d"),
        (184, "d"),
    ],
}
FORMS = {"nii": 0, "nii.gz": 1, "pair": 3, "pair.gz": 4}


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def plain(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("second", [False, True], ids=["NIfTI-1", "NIfTI-2"])
@pytest.mark.parametrize("order", "<>")
@settings(max_examples=60)
@given(data=st.data())
def test_a_nifti_header_at_its_extremes_gives_the_numbers_that_nibabel_finds_or_one_line(folder, order, second, data):
    good = nifti(VALUES, order, second=second)
    form = data.draw(st.sampled_from(["nii", "nii.gz"] if second else [*FORMS]))
    changed = data.draw(changed_fields(good, FIELDS[second], order))
    failure = failure_of(READERS["images"], bytes([FORMS[form]]) + changed, folder)
    assert failure is None, failure.trace


@settings(max_examples=60)
@given(data=st.data())
def test_every_gzip_stream_of_a_volume_gives_its_numbers(folder, data):
    stream = data.draw(gzip_streams(nifti(VALUES, "<")))
    compare(moments_of(plain(folder / "a.nii.gz", stream)), VALUES)


@settings(max_examples=100)
@given(data=st.data())
def test_a_gzip_stream_with_another_byte_is_refused_or_gives_the_same_numbers(folder, data):
    stream = bytearray(data.draw(gzip_streams(nifti(VALUES, "<"))))
    place = data.draw(st.integers(0, len(stream) - 1))
    if data.draw(st.booleans()):
        stream[place] ^= data.draw(st.integers(1, 255))
    else:
        del stream[place:]
    try:
        rows = moments_of(plain(folder / "a.nii.gz", bytes(stream)))
    except InputError:
        return
    compare(rows, VALUES)
