"""Notes: when each is given, and the numbers and options that it names."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import pytest

import bnstat
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading

RNG = np.random.default_rng(7)


@pytest.fixture
def image(tmp_path):
    """Save an image of such a shape, or of these values."""

    def save(name, shape=(10, 8, 6), values=None, spacing=(1.0, 1.0, 1.0)):
        data = RNG.normal(50, 9, shape).astype(np.float32) if values is None else values
        nib.Nifti1Image(data, np.diag([*spacing, 1.0])).to_filename(tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def array(tmp_path):
    """Save an array of such a shape, or of these values."""

    def save(shape=None, values=None, name="x.npy"):
        np.save(tmp_path / name, RNG.normal(size=shape) if values is None else values)
        return tmp_path / name

    return save


def patched(paths, size, **changes):
    patching = Patching(size, **changes)
    return bnstat.diagnose(paths, reading=Reading(preparation=Preparation(patches=patching))).notes


def naming(notes, *words):
    """The notes that have all of these words."""
    return [note for note in notes if all(word in note for word in words)]


def test_plain_volumes_need_no_note(image):
    assert bnstat.diagnose([image("a.nii"), image("b.nii")], batch_size=2).notes == ()


@pytest.mark.parametrize("number", [1, 2])
def test_inputs_that_cannot_be_read_are_counted_once(tmp_path, image, number):
    paths = [image("a.nii")]
    for place in range(number):
        (tmp_path / f"broken{place}.nii").write_bytes(b"no image")
        paths.append(tmp_path / f"broken{place}.nii")
    report = bnstat.diagnose(paths)
    assert len(report.errors) == number
    (note,) = report.notes
    assert re.search(rf"\b{number}\b", note)


@pytest.mark.parametrize("shape", [(4, 8, 2), (4, 8, 8, 2)])
def test_an_array_of_three_or_four_axes_says_that_its_first_is_the_batch(array, shape):
    (note,) = naming(bnstat.diagnose(array(shape)).notes, "x.npy")
    assert "4 samples" in note
    assert re.search("--batch-axis none|batch_axis", note)
    assert bnstat.diagnose(array((4, 8, 8, 8, 2))).notes == ()
    assert not naming(bnstat.diagnose(array((4, 8, 2)), batch_axis="none").notes, "4 samples")


def test_an_array_for_a_framework_with_channels_first_names_its_axis(array):
    path = array((2, 8, 8, 8, 3))
    (note,) = naming(bnstat.diagnose(path, framework="torch").notes, "x.npy", "channels first")
    assert "`axis=1`" in note
    assert not naming(bnstat.diagnose(path, framework="torch", axis=1).notes, "channels first")
    assert not naming(bnstat.diagnose(path, framework="keras").notes, "channels first")


def test_an_image_whose_first_spatial_axis_is_kept_says_so(image):
    path = image("a.nii", (10, 8, 6))
    (note,) = naming(bnstat.diagnose(path, framework="torch", axis=1).notes, "a.nii", "`axis=1`")
    assert "10" in note
    assert naming(bnstat.diagnose(path, framework="keras", axis=1).notes, "a.nii", "`axis=1`")
    assert not naming(bnstat.diagnose(path, framework="torch").notes, "`axis=1`")


def test_a_layer_that_reduces_less_by_default_says_so_once(array):
    path = array((3, 6, 5, 4, 2))
    (note,) = naming(bnstat.diagnose(path, framework="keras", normalizer="layer").notes, "last axis")
    assert "1, 2, 3, 4" in note
    assert not naming(bnstat.diagnose(path, framework="keras", normalizer="instance").notes, "last axis")


@pytest.mark.parametrize(("channels", "cut"), [(1, False), (5, False), (6, True)])
def test_values_too_large_to_square_name_their_channels(array, channels, cut):
    values = RNG.normal(size=(1, 40, channels)) * 1e200
    (note,) = naming(bnstat.diagnose(array(values=values)).notes, "float64")
    assert all(f"channel {place}" in note for place in range(min(channels, 5)))
    assert ("…" in note) == cut
    assert not naming(bnstat.diagnose(array(values=values / 1e100)).notes, "float64")


def test_a_nan_is_no_overflow(array):
    values = RNG.normal(size=(1, 40, 1))
    values[0, 3] = np.nan
    assert not naming(bnstat.diagnose(array(values=values)).notes, "float64")


@pytest.mark.parametrize(("size", "out"), [((10, 8, 6), 0), ((12, 8, 6), 4), ((4, 4, 4), 0)])
def test_patches_that_reach_out_of_their_volume_are_counted(image, size, out):
    notes = patched([image("a.nii"), image("b.nii", (20, 20, 20))], size, number=4)
    found = naming(notes, "8 patches", "1 volume")
    assert bool(found) == bool(out)
    if out:
        assert re.match(rf"{out}\b", found[0])
        assert "zeros" in found[0]
        again = patched([image("a.nii"), image("b.nii", (20, 20, 20))], size, number=4, pad="edge")
        assert "zeros" not in naming(again, "8 patches", "1 volume")[0]


@pytest.mark.parametrize(("constant", "named", "more"), [(0, 0, False), (1, 1, False), (5, 5, False), (6, 4, True)])
def test_constant_patches_are_counted_for_a_few_channels(image, constant, named, more):
    values = RNG.normal(50, 9, (8, 8, 8, 7)).astype(np.float32)
    values[..., :constant] = 3.0
    notes = patched(image("a.nii", values=values), (4, 4, 4), number=3)
    assert len([note for note in notes if re.search(r"3 of 3 patches .* constant in channel \d", note)]) == named
    assert bool(naming(notes, "2 more channels")) == more


def test_volumes_of_different_spacings_say_so_where_patches_are_cut(image):
    paths = [image("a.nii"), image("b.nii", spacing=(1.0, 1.0, 2.5)), image("c.nii")]
    (note,) = naming(patched(paths, (4, 4, 4)), "2 different spacings")
    assert "1 × 1 × 1–2.5\u00a0mm" in note
    assert not naming(patched(paths[::2], (4, 4, 4)), "spacings")
    assert not naming(bnstat.diagnose(paths).notes, "spacings")
