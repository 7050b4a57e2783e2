"""Patches of a file that can be read only from its start to its end are those of the whole file."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstat.preprocessing import stored_voxels
from bnstat.preprocessing.stored_voxels import crops_of, cut, sample_of
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case
from bnstat.sources.sample import Patch


@st.composite
def files(draw):
    """Draw an array whose first axis holds samples and whose last holds channels, in either order of memory."""
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=4, max_size=5)))
    dtype = draw(st.sampled_from(["i2", ">i2", "f4", ">f8", "u1"]))
    values = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 200, shape).astype(dtype)
    return np.asfortranarray(values) if draw(st.booleans()) else values


@settings(max_examples=60, deadline=None)
@given(files(), st.data(), st.sampled_from([16, 100, 1 << 20]))
def test_the_patches_of_a_stream_are_those_of_the_whole_file(tmp_path_factory, values, data, at_once):
    path = tmp_path_factory.mktemp("streamed") / "x.npz"
    np.savez_compressed(path, values)
    planned = plan_case(Case.of(str(path)), -1, None)
    (part,) = planned.parts
    shape = planned.tensor.sample_shape[:-1]
    size = tuple(data.draw(st.integers(1, length + 2)) for length in shape)
    places = [
        (
            data.draw(st.integers(0, planned.samples - 1)),
            Patch(
                tuple(data.draw(st.integers(1 - one, length - 1)) for one, length in zip(size, shape, strict=True)),
                size,
            ),
        )
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    whole = stored_voxels.stored_voxels(part.volume)
    right = [cut(sample_of(whole, part, index), patch) for index, patch in places]
    told = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stored_voxels, "_RUN_BYTES", at_once)
        found = list(crops_of(part, places, told.append))
    for one, other in zip(found, right, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert sum(told) == values.nbytes


def test_a_patch_of_a_compressed_volume_does_not_hold_the_volume(tmp_path, monkeypatch):
    values = np.random.default_rng(0).integers(0, 900, (24, 24, 24)).astype(np.int16)
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress(nibabel.Nifti1Image(values, np.eye(4)).to_bytes()))
    (part,) = plan_case(Case.of(str(path)), -1, None).parts
    monkeypatch.setattr(stored_voxels, "stored_voxels", lambda *_: pytest.fail("the volume is held"))
    (crop,) = crops_of(part, [(None, Patch((3, 20, 5), (4, 4, 4)))])
    np.testing.assert_array_equal(crop[..., 0], values[3:7, 20:24, 5:9])
