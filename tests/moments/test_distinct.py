"""Tests of the count of distinct values while a file is read: exact, and the same however the file is read."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnstat.moments import one_pass
from bnstat.moments.counting import Counting
from bnstat.moments.distinct import DistinctValues
from bnstat.preprocessing.samples import rows_of
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.case import Case
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.opened import plan_case

TYPES = ["u1", "i1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", "<i8", ">u8", "<f4", ">f4", "<f8", ">f8"]


def distinct(path, preparation=None, **layout):
    """Return the distinct values of each channel of a file."""
    plan = plan_case(Case.of(str(path)), layout.get("axis", -1), layout.get("batch_axis"))
    return rows_of(plan, preparation or Preparation())[0].distinct


def counted(array, *, thorough=False, axis=-1, batch_axis="none"):
    """Return the distinct values of each channel of an array in memory."""
    (part,) = plan_case(Case.holding(InMemory("array 1", array)), axis, batch_axis).parts
    counting = Counting(part.volume, part.arrangement, thorough=thorough)
    one_pass.scan_volume(part.volume, part.arrangement, None, counting)
    return counting.found()


def regions(shape, number, seed=0):
    """Return numbers that lie in regions: the nearest of random points."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    points = rng.uniform(0, shape, (number, len(shape)))
    return np.argmin(((grid[..., None, :] - points) ** 2).sum(-1), -1)


def saved(path, array, slope=None, intercept=0.0, **header):
    image = nib.Nifti1Image(array, np.eye(4))
    if slope is not None:
        image.header.set_slope_inter(slope, intercept)
    for name, value in header.items():
        image.header[name] = value
    nib.save(image, path)
    return path


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_count_of_whole_values_is_that_of_numpy(data):
    dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
    least, most = (-(2**20), 2**20) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    pool = data.draw(st.lists(st.integers(int(least), int(most)), min_size=1, max_size=30, unique=True))
    shape = data.draw(st.sampled_from([(1, 1, 1), (7, 5, 3), (16, 16, 2), (40, 33, 5)]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = np.array(pool, dtype)[rng.integers(0, len(pool), shape)]
    if data.draw(st.booleans()):
        values = np.repeat(values, 4, axis=0)
    if dtype.kind == "f" and data.draw(st.booleans()):
        values[rng.random(values.shape) < 0.1] = rng.choice([np.nan, np.inf])
    values = np.asfortranarray(values) if data.draw(st.booleans()) else values
    (found,) = counted(values, thorough=True)
    finite = np.unique(values[np.isfinite(values)]) if dtype.kind == "f" else np.unique(values)
    if not finite.size:
        assert found is None
        return
    assert (found.count, found.values) == (finite.size, values.size)
    assert (found.least, found.greatest) == (float(finite[0]), float(finite[-1]))


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "f4"])
def test_a_label_of_one_voxel_in_millions_is_counted(tmp_path, dtype):
    values = (regions((32, 32, 16), 20) % 20).astype(dtype)
    values = np.tile(values, (4, 4, 8))  # four pieces
    values[100, 100, 100] = 101
    expected = np.unique(values).size
    assert expected == 21
    plain, packed = (distinct(saved(tmp_path / f"a{ending}", values)) for ending in (".nii", ".nii.gz"))
    assert plain[0].count == expected
    assert plain == packed  # threads share the plain file


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_all_values_of_a_type_may_be_labels(dtype):
    values = np.repeat(np.arange(256 if dtype == "u1" else 3000), 64).astype(dtype).reshape(-1, 64, 1)
    (found,) = counted(values)
    assert found.count == np.unique(values).size
    assert found.alike > 0.9


def test_scans_are_given_up_in_their_first_piece():
    rng = np.random.default_rng(0)
    whole = np.cumsum(rng.integers(-9, 10, (64, 64, 64)), axis=2)
    for values in (rng.normal(size=(32, 32, 32)), rng.random((64, 64, 64), np.float32), whole.astype("i2")):
        assert counted(values) == (None,)


def test_a_value_that_is_not_whole_ends_the_count_wherever_it_is():
    values = np.zeros((100, 100, 100), np.float32)
    values[50:, 40:, 30:] = 2
    assert counted(values)[0].count == 2
    values[99, 99, 99] = 0.5
    assert counted(values) == (None,)


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "expected"),
    [
        ([0, 2, 4], 0.5, 0.0, (3, 0, 2)),
        ([0, 2, 4], -0.5, 2.0, (3, 0, 2)),
        ([0, 1, 2], 0.5, 0.0, None),
        ([0, 1, 2], 2.0, -2.0, (3, -2, 2)),
        ([0, 1, 2], 1.5, 0.0, None),
        ([0, 127, 255], 1 / 255, 0.0, None),  # a probability map
        ([0, 8192, 16384, 32767], 4 / 32767, 0.0, (4, 0, 4)),  # labels as floats, which nibabel squeezed into integers
    ],
)
def test_scaled_values_are_judged(tmp_path, stored, slope, intercept, expected):
    values = np.array(stored, "i2")[regions((16, 16, 8), 12) % len(stored)]
    (found,) = distinct(saved(tmp_path / "a.nii.gz", values, slope, intercept))
    assert expected == (None if found is None else (found.count, found.least, found.greatest))


def test_float_labels_that_nibabel_saves_as_integers_stay_labels(tmp_path):
    labels = np.array([0.0, 1.0, 2.0, 4.0])[regions((16, 16, 8), 12) % 4]
    image = nib.Nifti1Image(labels, np.eye(4))
    for dtype in (np.uint8, np.int16):
        image.set_data_dtype(dtype)
        nib.save(image, tmp_path / "a.nii")
        assert distinct(tmp_path / "a.nii")[0].count == 4


def test_what_the_header_declares_is_known(tmp_path):
    values = np.random.default_rng(0).integers(0, 900, (20, 20, 20)).astype("i2")
    assert distinct(saved(tmp_path / "a.nii", values)) == (None,)
    (found,) = distinct(saved(tmp_path / "b.nii", values, intent_code=1002))
    assert found.declared
    assert found.count == np.unique(values).size
    assert distinct(saved(tmp_path / "c.nii", values / np.float32(7), intent_code=1002)) == (None,)


@pytest.mark.parametrize("order", ["C", "F"])
def test_channels_are_counted_apart_up_to_eight(order):
    scan = np.random.default_rng(0).normal(size=(24, 20, 16))
    labels = (regions((24, 20, 16), 6) % 3).astype(float)
    found = counted(np.array(np.stack([scan, labels, labels > 1], -1), order=order))
    assert [one and one.count for one in found] == [None, 3, 2]
    found = counted(np.array(np.stack([labels == k % 3 for k in range(12)], -1), order=order))
    assert [one.count for one in found] == [2] * 12
    assert counted(np.array(np.stack([labels] * 11 + [scan], -1), order=order)) == (None,) * 12


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [-1, 1])
def test_all_samples_of_a_file_are_counted_together(order, axis):
    values = np.zeros((3, 8, 8, 8, 2), "i2")
    values[0, 2:4, 2:, 3:, 0], values[2, 1:5, 1:5, 4:, 0], values[1, 3:, 3:, 3:, 1] = 5, 7, 9
    values = np.array(values if axis == -1 else np.moveaxis(values, -1, 1), order=order)
    found = counted(values, axis=axis, batch_axis=0)
    assert [one.count for one in found] == [3, 2]
    assert [one.greatest for one in found] == [7, 9]


@pytest.mark.parametrize(
    "preparation", [{"intensity": "zscore"}, {"mask": "nonzero"}, {"intensity": "clip:0,1|zscore"}]
)
def test_the_stored_values_are_counted_also_if_they_are_changed(tmp_path, preparation):
    labels = (regions((24, 20, 16), 9) % 4).astype("u1")
    (found,) = distinct(saved(tmp_path / "a.nii.gz", labels), Preparation(**preparation))
    assert found.count == 4


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("intensity", [None, "zscore"])
def test_of_patches_their_own_values_are_counted(tmp_path, ending, intensity):
    labels = np.zeros((32, 32, 32), "i2")
    labels[:16], labels[16:20] = 3, 40
    patches = Patching((16, 16, 16), number=30)
    (found,) = distinct(saved(tmp_path / f"a{ending}", labels), Preparation(intensity, patches=patches))
    assert found.count == 3
    assert found.values == 30 * 16**3


def test_a_scan_is_told_from_regions_of_as_many_values():
    numbers = regions((40, 40, 20), 60, seed=1)
    (labels,) = counted(np.random.default_rng(0).permutation(60)[numbers].astype("i2"))
    assert labels.alike > 0.5
    assert labels.steps < 0.5
    waves = np.stack(np.meshgrid(*(np.linspace(0, 2, size) for size in (40, 40, 20)), indexing="ij")).sum(0)
    (smooth,) = counted(np.rint(9 * np.sin(waves) + 9).astype("i2"))
    assert smooth.steps > 0.9


@pytest.mark.parametrize(("dtype", "bits", "pattern"), [("f2", "u2", 0x7D01), ("f4", "u4", 0x7FA00001)])
@pytest.mark.filterwarnings("error")
def test_a_signaling_nan_is_not_warned_of(dtype, bits, pattern):
    values = (np.arange(54) % 4).astype(dtype)
    values.view(bits)[7] = pattern
    counting = DistinctValues(np.dtype(dtype), thorough=False, whole=True)
    counting.add(values, 0.0, 3.0, 0)
    found = counting.found(1.0, 0.0, declared=False)
    assert found is not None
    assert found.count == 4


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.filterwarnings("error")
def test_infinite_values_and_nan_are_neither_labels_nor_warned_of(dtype, labels):
    values = (regions((16, 16, 8), 12) % 4).astype(dtype)
    values[::5, 3], values[::7, 4], values[::3, 5] = np.inf, -np.inf, np.nan
    if not labels:
        values[9, 9, 5] = 0.5
    (part,) = plan_case(Case.holding(InMemory("array 1", values)), -1, "none").parts
    counting = Counting(part.volume, part.arrangement, thorough=False)
    counting.add_crop(values[..., None], 0)
    (found,) = counting.found()
    assert (found and found.count) == (4 if labels else None)
    assert counted(values) == (found,)


@pytest.mark.filterwarnings("error")
def test_values_that_a_scale_factor_takes_beyond_float64_are_no_labels(tmp_path):
    values = np.where(regions((16, 16, 8), 6) % 2, 1e308, 0.0)
    assert distinct(saved(tmp_path / "a.nii", values, 1000.0)) == (None,)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u8", "f4"])
def test_values_that_come_in_pieces_are_those_of_all_together(dtype):
    """Of numbers that lie close only the few that were not seen yet are looked for in a piece, on both sides of 0."""
    kind = np.dtype(dtype)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        low = int(rng.integers(0, 40)) if kind.kind == "u" else int(rng.integers(-40, 40))
        pool = np.arange(low, low + int(rng.integers(2, 16))).astype(kind)
        counting, seen = DistinctValues(kind, thorough=True, whole=True), []
        for place in range(6):
            some = rng.choice(pool, int(rng.integers(1, pool.size + 1)), replace=False)
            values = rng.choice(some, 200)
            seen.append(values)
            counting.add(values, values.min(), values.max(), place)
        expected = np.unique(np.concatenate(seen))
        found = counting.found(1.0, 0.0, declared=False)
        assert (found.count, found.least, found.greatest) == (expected.size, expected[0], expected[-1]), seed


def test_labels_that_a_scale_factor_makes_whole_are_judged_as_the_labels(tmp_path):
    labels = (regions((24, 20, 16), 90) % 45).astype("f4")
    whole, halves = distinct(saved(tmp_path / "a.nii", labels)), distinct(saved(tmp_path / "b.nii", labels / 2, 2.0))
    assert whole[0].count == 45
    assert whole[0].alike is not None
    assert halves == whole


@pytest.mark.parametrize(("beyond", "label"), [(0.0999995, True), (0.1000005, False)])
def test_a_scaled_value_is_whole_to_a_tenth_at_most(beyond, label):
    """A float32 of a million has steps of 0.06. What is farther from a whole number is none, however large it is."""
    counting = DistinctValues(np.dtype("f8"), thorough=True, whole=False)
    values = np.array([0.0, 5e5 + beyond / 2])
    counting.add(values, values[0], values[1], 0)
    assert (counting.found(2.0, 0.0, declared=False) is not None) == label


def test_regions_that_only_touch_the_background_have_no_steps_and_no_jumps():
    labels = np.zeros((12, 12, 400), "i2")
    for number in range(40):
        labels[2:10, 2:10, 10 * number + 2 : 10 * number + 8] = number + 1
    (found,) = counted(labels)
    assert (found.count, found.steps, found.jumps) == (41, 0.0, 0.0)
    assert found.alike > 0.5
