"""Arrays and images in memory have the numbers of the files that they are saved to, bit for bit."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

import bnstat
from bnstat import InputError, Patching, Preparation, Reading, UsageError
from bnstat.reading.settings import FILES_AS_THEY_ARE
from bnstat.reading.table import read_table

RNG = np.random.default_rng(4)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def rows(inputs, axis=-1, batch_axis=None, reading=FILES_AS_THEY_ARE):
    table = read_table(inputs, axis, batch_axis, reading, None, lambda _: None)
    assert table.failures == ()
    return table.rows


def bits(found):
    """All that is known of samples but their names, as bytes."""
    return [
        (
            row.sample.index,
            row.sample.shape,
            row.sample.dtype,
            row.sample.repetition,
            row.tensor,
            row.types,
            *((values.dtype.str, values.tobytes()) for values in vars(row.moments).values()),
        )
        for row in found
    ]


def assert_same(content, path, **asked):
    assert bits(rows(content, **asked)) == bits(rows(path, **asked))


ARRAYS = nps.arrays(
    dtype=st.sampled_from(["u1", "i1", "<i2", ">i2", "u4", "i8", "u8", "f2", "<f4", ">f4", "f8", ">f8", "?"]),
    shape=nps.array_shapes(min_dims=2, max_dims=5, max_side=4),
)


@settings(deadline=None)
@given(array=ARRAYS, order=st.sampled_from(["C", "F", "cut", "turned"]), whole=st.booleans())
def test_an_array_has_the_numbers_of_its_npy(tmp_path_factory, array, order, whole):
    if order == "cut":
        array = np.repeat(array, 2, axis=0)[::2]
    elif order == "turned":
        array = array[..., ::-1].T
    else:
        array = np.asarray(array, order=order)
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    np.save(path, array)
    assert_same(array, path, batch_axis="none" if whole else None)


def test_a_large_array_has_the_bits_of_its_npy(tmp_path):
    array = RNG.normal(3.0, 2.0, (2, 130, 121, 111, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", array)
    assert_same(array, tmp_path / "x.npy")
    assert_same(np.load(tmp_path / "x.npy", mmap_mode="r"), tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
@pytest.mark.parametrize(
    "kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.MGHImage, nibabel.Spm99AnalyzeImage]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32])
def test_an_image_has_the_numbers_of_its_file_before_and_after_it_is_loaded(tmp_path, kind, dtype, name):
    if kind is nibabel.Spm99AnalyzeImage:
        pytest.importorskip("scipy")  # nibabel writes the affine of such an image with it
    image = kind((RNG.normal(50.0, 20.0, (6, 5, 4))).astype(dtype), AFFINE)
    path = tmp_path / (name if "Nifti" in kind.__name__ else "x.mgz" if kind is nibabel.MGHImage else "x.img")
    nibabel.save(image, path)
    assert_same(image, path)
    assert_same(nibabel.load(path), path)


@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("stored", [np.int16, np.uint8, np.float32])
def test_values_are_scaled_as_the_file_has_them(tmp_path, stored, endianness):
    header = nibabel.Nifti1Header(endianness=endianness)
    header.set_data_dtype(stored)
    image = nibabel.Nifti1Image(RNG.normal(0.0, 0.01, (6, 5, 4, 3)), AFFINE, header)
    path = tmp_path / "x.nii"
    nibabel.save(image, path)
    (first, *_) = rows(image)
    assert first.sample.dtype == np.dtype(stored).name
    assert_same(image, path, batch_axis=3)
    loaded = nibabel.load(path)
    loaded.get_fdata()  # which is kept beside the proxy
    assert_same(loaded, path, batch_axis=3)


def test_scale_factors_that_were_set_are_those_of_the_file(tmp_path):
    image = nibabel.Nifti1Image(RNG.integers(0, 99, (6, 5, 4)).astype(np.int16), AFFINE)
    image.header.set_slope_inter(0.25, -3.0)
    nibabel.save(image, tmp_path / "x.nii")
    assert_same(image, tmp_path / "x.nii")


def test_a_series_says_its_repetition_time_and_colours_are_channels(tmp_path):
    series = nibabel.Nifti1Image(RNG.normal(size=(4, 4, 4, 7)).astype(np.float32), AFFINE)
    series.header.set_zooms((1, 1, 1, 2.5))
    series.header.set_xyzt_units("mm", "sec")
    colours = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colours["G"] = RNG.integers(0, 255, (4, 4, 4))
    for name, image in (("s.nii", series), ("c.nii", nibabel.Nifti1Image(colours, AFFINE))):
        nibabel.save(image, tmp_path / name)
        assert_same(image, tmp_path / name)
        assert_same(nibabel.load(tmp_path / name), tmp_path / name)
    assert len(rows(image)[0].moments.finite) == 3


def test_an_image_of_bytes_or_of_an_open_file_is_read_too(tmp_path):
    image = nibabel.Nifti1Image(RNG.normal(size=(6, 5, 4)).astype(np.float32), AFFINE)
    nibabel.save(image, tmp_path / "x.nii")
    stored = (tmp_path / "x.nii").read_bytes()
    assert_same(nibabel.Nifti1Image.from_bytes(stored), tmp_path / "x.nii")
    stream = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(stored)))
    assert_same(nibabel.Nifti1Image.from_stream(stream), tmp_path / "x.nii")


@pytest.mark.parametrize("intensity", [None, "zscore|clip:-1,1"])
@pytest.mark.parametrize("mask", [None, "nonzero"])
def test_what_is_prepared_is_that_of_the_file(tmp_path, intensity, mask):
    image = nibabel.Nifti1Image(RNG.normal(size=(6, 5, 4)).clip(0).astype(np.float32), AFFINE)
    nibabel.save(image, tmp_path / "x.nii")
    assert_same(image, tmp_path / "x.nii", reading=Reading(preparation=Preparation(intensity, mask)))


def test_patches_are_drawn_under_the_name_of_the_array():
    array = RNG.normal(size=(3, 9, 9, 9, 1))
    reading = Reading(preparation=Preparation(patches=Patching((4, 4, 4), 2)))
    report = bnstat.diagnose(array, batch_size=2, reading=reading)
    assert [sample.source for sample in report.samples] == ["array 1"] * 6
    (first, *_) = report.samples
    cut = array[first.index][tuple(slice(at, at + 4) for at in first.patch.start)]
    alone = bnstat.diagnose(array, reading=reading).batches[0].channels[0]
    assert alone.mean == pytest.approx(cut.mean(), rel=1e-12)


@pytest.mark.parametrize("jobs", [1, 2, None])
def test_a_list_may_mix_paths_arrays_and_images(tmp_path, jobs):
    values = [RNG.normal(size=(4, 5, 6)).astype(np.float32) for _ in range(5)]
    image = nibabel.Nifti1Image(values[0], AFFINE)
    nibabel.save(nibabel.Nifti1Image(values[1], AFFINE), tmp_path / "x.nii")
    inputs = [image, tmp_path / "x.nii", values[2], nibabel.load(tmp_path / "x.nii"), values[3]]
    report = bnstat.diagnose(inputs, batch_axis="none", batch_size=5, reading=Reading(jobs=jobs))
    names = ["image 1", str(tmp_path / "x.nii"), "array 1", "image 2", "array 2"]
    assert [sample.source for sample in report.samples] == names
    whole = np.stack([values[place] for place in (0, 1, 2, 1, 3)])
    assert report.batches[0].channels[0].variance == pytest.approx(whole.astype(np.float64).var(), rel=1e-12)


def test_every_function_takes_an_array(tmp_path):
    array = RNG.normal(5.0, 1.0, (6, 4, 4, 4, 2))
    np.save(tmp_path / "x.npy", array)
    for function, asked in (
        (bnstat.diagnose, {"batch_size": 2, "framework": "keras-tensorflow"}),
        (bnstat.compare, {}),
        (bnstat.compare_layers, {"by": "epsilons", "values": [1e-3, 1e-5]}),
        (bnstat.check, {"batch_size": 2}),
    ):
        here, there = (function(one, **asked).to_dict() for one in (array, str(tmp_path / "x.npy")))
        assert str(here).replace("array 1", str(tmp_path / "x.npy")) == str(there)


def test_moments_of_an_array_are_kept_and_read_anew_when_a_scan_goes_on(tmp_path):
    target = tmp_path / "m.jsonl"
    assert bnstat.collect(np.ones((3, 4, 4)), target).samples == 3
    assert bnstat.collect(np.zeros((3, 4, 4)), target, resume=True).unchanged == 0
    report = bnstat.diagnose(target)
    assert [(sample.source, sample.index) for sample in report.samples] == [("array 1", k) for k in range(3)]
    assert report.batches[0].channels[0].mean == 0.0


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ma.masked_array(np.ones((2, 3)), [[True, False, False]] * 2), "a masked array has no values"),
        (np.array([["a", "b"]]), "have the type <U1, which is not a number"),
        (np.array([[None, 1]]), "contains Python objects"),
        (np.ones((2, 3), complex), r"complex numbers \(complex128\)"),
        (np.zeros((2, 0, 3)), "and so no values"),
        (np.zeros((2, 3), [("a", "f4"), ("b", "f4")]), "which is not a number"),
        (np.array([["2020-01-01"]], "datetime64[D]"), "which is not a number"),
    ],
)
def test_an_array_without_real_numbers_is_one_line_that_names_it(array, said):
    with pytest.raises(InputError, match=f"^array 1: .*{said}") as caught:
        bnstat.diagnose(array)
    assert "\n" not in str(caught.value)
    report = bnstat.diagnose([np.ones((2, 3)), array])
    assert [failure.source for failure in report.errors] == ["array 2"]


def test_an_image_that_cannot_be_saved_or_read_is_one_line(tmp_path):
    complex_image = nibabel.Nifti1Image(np.ones((3, 3, 3), np.complex64), AFFINE)
    with pytest.raises(InputError, match=r"^image 1: its voxels are complex"):
        bnstat.diagnose(complex_image)
    nibabel.save(nibabel.Nifti1Image(np.ones((3, 3, 3), np.float32), AFFINE), tmp_path / "x.nii")
    loaded = nibabel.load(tmp_path / "x.nii")
    (tmp_path / "x.nii").unlink()
    with pytest.raises(InputError, match=r"^image 1: the file that it was loaded from, .*x\.nii, no longer exists"):
        bnstat.diagnose(loaded)


class Tensor:
    """Something that has rows, as a tensor has."""

    shape, dtype = (2, 3), "float32"

    def __iter__(self):
        return iter(np.ones((2, 3)))


class Frame:
    """Something that has names of columns, as a data frame has."""

    shape = (2, 3)

    def __iter__(self):
        return iter(["x.nii"])

    def __array__(self):
        return np.ones((2, 3))


WRONG = [Tensor(), [Tensor()], Frame(), [Frame()], 3, [3], [None], None, [["x.nii"]], b"x.nii", {"x.nii": 1}]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_input_is_refused(wrong):
    with pytest.raises(UsageError, match=r"^an input has the type \w+; give .*numpy\.?( array|asarray)"):
        bnstat.diagnose(wrong)
