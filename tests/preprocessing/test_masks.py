"""What `--mask` may say, and masks that cannot be used."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given
from hypothesis import strategies as st

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.intensity import prepared_moments
from bnstat.preprocessing.masks import ByPlace, holds
from bnstat.preprocessing.regions import MaskFile, Threshold, region_of
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import Case
from bnstat.sources.names import case_name
from bnstat.sources.opened import plan_case


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("nonzero", Threshold()),
        (">5", Threshold(">", 5.0)),
        (">=-0.5", Threshold(">=", -0.5)),
        ("<1e3", Threshold("<", 1000.0)),
        ("<= 7", Threshold("<=", 7.0)),
        ("masks/{case}.nii", MaskFile("masks/{case}.nii")),
    ],
)
def test_a_mask_is_a_threshold_or_a_file(text, mask):
    assert region_of(text) == Preparation(mask=text).region == mask


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("non-zero", "did you mean 'nonzero'?"),
        ("", "`mask`: '' is not known, and no such file exists"),
        ("brain.nii.gz", "no such file"),
        ("brain.npz[mask]", "no such file"),
        (">", "the threshold of '>' is not a number"),
        (">a", "the threshold of '>a' is not a number"),
        ("=>1", "`mask`: '=>1' is not known"),
        (">=nan", "not a finite number"),
        ("<inf", "not a finite number"),
    ],
)
def test_another_mask_is_refused_beside_those_there_are(text, said):
    with pytest.raises(UsageError) as caught:
        Preparation(mask=text)
    assert said in str(caught.value)
    assert "A mask is nonzero, labels, >T, >=T, <T, <=T, or a file" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("a/b/t1.nii.gz", "t1"),
        ("T1.NII", "T1"),
        ("BRATS_001", "BRATS_001"),
        ("x/acts.npz[layer3]", "acts"),
        ("sub-01_T1w.mgz", "sub-01_T1w"),
        ("v1.2.nii", "v1.2"),
        (".nii", ".nii"),
    ],
)
def test_the_name_of_a_case_has_neither_folders_nor_endings(name, short):
    assert case_name(name) == short


@given(st.lists(st.tuples(st.integers(1, 7), st.booleans()), max_size=5), st.integers(0, 99), st.data())
def test_bits_are_found_from_any_place_on_however_axes_alternate(axes, seed, data):
    groups = tuple(axis for axis in axes if axis[0] != 1)
    own = [size if has else 1 for size, has in groups]
    marked = np.random.default_rng(seed).random(own) < 0.5
    whole = np.broadcast_to(marked, [size for size, _ in groups]).reshape(-1)
    start = data.draw(st.integers(0, whole.size - 1))
    size = data.draw(st.integers(1, whole.size - start))
    found = ByPlace(np.packbits(marked), marked.size, groups).of(np.empty((1, 1, size)), start)
    assert np.array_equal(found.reshape(-1), whole[start : start + size])


@pytest.mark.parametrize("start", [0, 1, 70_000, 139_999])
@pytest.mark.parametrize("inner", [1, 3])
def test_bits_of_many_voxels_go_around_at_the_end(start, inner):
    marked = np.random.default_rng(1).random(70_001) < 0.5
    whole = np.repeat(np.tile(marked, 3), inner)
    groups = ((3, False), (70_001, True)) + ((inner, False),) * (inner > 1)
    size = 70_003 * inner
    found = ByPlace(np.packbits(marked), marked.size, groups).of(np.empty((1, 1, size)), start * inner + inner // 2)
    assert np.array_equal(found.reshape(-1), whole[start * inner + inner // 2 :][:size])


@pytest.fixture
def image(write_image):
    """Two channels of 4 × 3 × 5, 0 in the first slices, and one NaN among these."""
    values = np.random.default_rng(2).normal(10, 2, (4, 3, 5, 2)).astype(np.float32)
    values[:2] = 0
    values[0, 0, 0, 1] = np.nan
    return write_image("t1.nii", values), values


def found(path, mask, intensity=None):
    return prepared_moments(plan_case(Case.of(path), -1, None), Preparation(intensity, mask))


@pytest.mark.parametrize("mask", ["nonzero", ">5", ">=5", "<5", "<=5"])
def test_a_nan_is_inside_of_every_threshold(image, mask):
    assert found(image[0], mask).nan.tolist() == [[0, 1]]


def test_a_nan_outside_of_an_image_is_neither_counted_nor_nan(image, write_image):
    path, values = image
    marks = np.zeros((4, 3, 5), np.uint8)
    marks[2:] = 3
    one = found(path, write_image("mask.nii", marks))
    assert (one.count.tolist(), one.nan.tolist()) == ([[30, 30]], [[0, 0]])
    np.testing.assert_allclose(one.mean[0], values[2:].astype(np.float64).mean(axis=(0, 1, 2)), rtol=1e-12)


def test_a_nan_in_the_mask_is_outside_and_scale_factors_count(image, write_image):
    marks = np.ones((4, 3, 5), np.float32)
    marks[0] = np.nan
    marks[1] = -1
    assert found(image[0], write_image("nan.nii", marks)).count.tolist() == [[30, 30]]
    turned = write_image("turned.nii", np.where(marks == 1, 2, 7).astype(np.int16), scale=(-1.0, 5.0))
    assert found(image[0], turned).count.tolist() == [[30, 30]]


def test_a_mask_may_have_axes_of_one_at_its_end(image, write_image):
    assert found(image[0], write_image("m.nii", np.ones((4, 3, 5, 1), np.uint8))).count.tolist() == [[60, 60]]


def test_a_mask_of_channels_first_has_the_axes_beside_the_kept_one(tmp_path):
    values = np.random.default_rng(2).normal(10, 2, (2, 3, 4, 5, 6))
    marks = np.zeros((4, 5, 6), bool)
    marks[1] = True
    np.save(tmp_path / "acts.npy", values)
    np.save(tmp_path / "m.npy", marks)
    planned = plan_case(Case.of(str(tmp_path / "acts.npy")), 1, None)
    one = prepared_moments(planned, Preparation(None, str(tmp_path / "m.npy")))
    np.testing.assert_allclose(one.mean, values[:, :, 1].mean(axis=(2, 3)), rtol=1e-12)


def test_a_mask_of_another_shape_says_both(image, write_image):
    mask = write_image("m.nii", np.ones((4, 3, 6), np.uint8))
    with pytest.raises(InputError, match=r"t1\.nii: its mask .*m\.nii is 4 × 3 × 6, and the image is 4 × 3 × 5: "):
        found(image[0], mask)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone_{case}.nii", None, "no such file"),
        ("m.nii", b"", "the file is empty"),
        ("m.nii", b"no image at all", "it is not a NIfTI image, though its name says so"),
        ("m.npy", b"\x93NUMPY\x01\x00", "m.npy"),
    ],
)
def test_a_mask_that_cannot_be_read_is_said_of_the_case(image, tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"its mask cannot be used: ") as caught:
        found(image[0], str(tmp_path / name))
    assert said in str(caught.value)
    assert caught.value.source == image[0]


def test_a_compressed_mask_that_is_cut_off_is_said_of_the_case(image, write_image, tmp_path):
    marks = np.random.default_rng(1).integers(0, 2, (4, 3, 5)).astype(np.uint8)
    path = write_image("m.nii.gz", marks)
    content = (tmp_path / "m.nii.gz").read_bytes()
    (tmp_path / "m.nii.gz").write_bytes(content[: len(content) - 20])
    with pytest.raises(InputError, match=r"its mask cannot be used: .*m\.nii\.gz: the file is truncated"):
        found(image[0], path)


def test_a_mask_in_colours_is_refused(image, tmp_path):
    import nibabel as nib

    kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.Nifti1Image(np.zeros((4, 3, 5), kind), np.eye(4)).to_filename(tmp_path / "m.nii")
    with pytest.raises(InputError, match="its voxels are rgb24, and a mask needs one number for each voxel"):
        found(image[0], str(tmp_path / "m.nii"))


@pytest.mark.parametrize(
    ("mask", "what"), [(">1e9", r"channel 0 \(nor of 1 other\)"), ("image", r"channel 0 \(nor of 1 other\)")]
)
def test_a_mask_with_nothing_inside_is_said_of_the_case(write_image, mask, what):
    path = write_image("a.nii", np.ones((3, 3, 3, 2), np.int16))
    given = write_image("m.nii", np.zeros((3, 3, 3), np.uint8)) if mask == "image" else mask
    with pytest.raises(InputError, match=rf"a\.nii: no voxel of {what} is inside the mask "):
        found(path, given)


def test_steps_take_their_statistics_from_the_whole_volume(image):
    path, values = image
    channel = values[..., 0].astype(np.float64)
    one = found(path, "nonzero", "zscore")
    after = (channel - channel.mean()) / channel.std()
    np.testing.assert_allclose(one.mean[0, 0], after[2:].mean(), rtol=1e-12)
    np.testing.assert_allclose(one.variance[0, 0], after[2:].var(), rtol=1e-12)


def test_a_large_mask_is_kept_in_an_eighth_of_its_voxels(write_image):
    import tracemalloc

    shape = (200, 200, 100)
    path = write_image("a.nii", np.ones(shape, np.uint8))
    mask = write_image("m.nii", np.ones(shape, np.uint8))
    found(path, mask)
    peaks = []
    for one in (">0", mask):
        tracemalloc.start()
        found(path, one)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 24e6  # a block of 2**20 float64 values with its comparison, and 0.5 MB of bits


@given(
    st.sampled_from([">", ">=", "<", "<="]),
    st.sampled_from(["f4", "f8", "i2", "u1", "i8", np.longdouble]),
    st.one_of(st.integers(-200, 200).map(float), st.floats(allow_nan=False, allow_infinity=False)),
    st.integers(0, 99),
)
def test_a_threshold_is_compared_in_float64_and_nan_is_inside(sign, dtype, limit, seed):
    values = np.random.default_rng(seed).integers(-200, 200, 50).astype(dtype)
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            values[:4] = np.nan, np.inf, -np.inf, np.asarray(limit).astype(dtype)
    exact = [float(value) for value in values]
    compare = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[sign]
    inside = [compare(value, limit) or isnan(value) for value in exact]
    assert holds(Threshold(sign, limit), values).tolist() == inside
