"""Laws: whatever the steps, the mask, the type and the layout, blocks give what numpy gives on the whole array."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import assert_same, masked, tensor_of

from bnstat.errors import InputError
from bnstat.moments import one_pass, pieces
from bnstat.preprocessing.intensity import prepared_moments, resolve
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import passes
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

NUMBERS = st.sampled_from(["-7", "0", "0.5", "3", "40", "1e2"])


def joined(name, *numbers):
    return st.tuples(*numbers).map(lambda given: f"{name}:{','.join(given)}")


def ordered(low, high):
    return sorted((low, high), key=float)


STEPS = st.one_of(
    st.sampled_from(["none", "minmax", "minmax:-1,1", "minmax:5,2", "zscore", "zscore-nonzero", "zscore-nonzero-all"]),
    st.sampled_from(["rescale_to_0_1", "noNorm"]),
    joined("scale", st.sampled_from(["2", "-0.25", "1e3"]), NUMBERS),
    st.tuples(NUMBERS, NUMBERS).map(lambda ends: f"clip:{','.join(ordered(*ends))}"),
    st.sampled_from(["clip:0,", "clip:,20", "ct:-5,60,20,11", "ct:0,0.5,0.1,0"]),
    st.sampled_from(["clip:p0.5,p99.5", "clip:p5,", "clip:0,p90", "clip:p10,p60,nonzero"]),
    st.sampled_from([f"scale-percentile:{given}" for given in ("1,99,0,1", "5,80,1,-2,nonzero", "20,95,0,1,clip")]),
)
INTENSITIES = st.lists(STEPS, min_size=1, max_size=4).map("|".join)
MASKS = st.sampled_from([None, None, "nonzero", ">3", ">=3", "<40", "<=0.5"])
SHAPES = st.sampled_from([(6, 5, 4), (4, 3, 5, 2), (3, 4, 2, 3), (2, 3, 4, 1, 3), (9,), (1, 1, 1)])
TYPES = st.sampled_from(["i2", "u1", "f4", "f8", ">i2", ">f4"])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few values, so that small arrays have many of them, and several segments."""
    for module in (pieces, one_pass):
        monkeypatch.setattr(module, "BLOCK_VALUES", 16)
    monkeypatch.setattr(pieces, "RUN_VALUES", 8)
    monkeypatch.setattr(one_pass, "processors", lambda: 2)


def drawn(shape, dtype, seed, gaps):
    """Values of which some are 0, and in floats some NaN and Inf."""
    random = np.random.default_rng(seed)
    values = random.normal(20, 30, shape)
    if np.dtype(dtype).kind != "f":
        values = np.rint(values).clip(0 if np.dtype(dtype).kind == "u" else -100, 200)
    values[random.random(shape) < 0.3] = 0
    if gaps and np.dtype(dtype).kind == "f":
        values[random.random(shape) < 0.1] = np.nan
        values[random.random(shape) < 0.1] = np.inf
        values[random.random(shape) < 0.1] = -np.inf
    return values.astype(dtype)


def layouts(dims):
    """Kept axis and batch axis for a file of so many axes."""
    axes = [{"axis": -1, "batch_axis": None}, {"axis": 1, "batch_axis": None}]
    return st.sampled_from([*axes, *({"axis": -1, "batch_axis": k} for k in range(dims) if dims > 1)])


def saved(folder, stored, slope):
    """An image with a scale factor where there is one, and what nibabel reads of it."""
    path = Path(folder) / "a.nii"
    header = nib.Nifti1Header(endianness=">" if stored.dtype.str[0] == ">" else "<")
    header.set_data_dtype(stored.dtype)
    image = nib.Nifti1Image(stored, np.eye(4), header)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    image.to_filename(path)
    values = stored.astype(np.float64)
    return str(path), values if slope is None else values * slope[0] + slope[1]


def found_of(path, intensity, mask, axis=-1, batch_axis=None):
    """Moments, or None where nothing is inside."""
    planned = plan_case(Case.of(path), axis, batch_axis)
    try:
        return prepared_moments(planned, Preparation(intensity, mask))
    except InputError as error:
        if "no voxel of" not in str(error):
            raise
        return None


@settings(max_examples=80)
@given(st.data())
def test_images_of_every_type_and_layout_equal_numpy(data):
    stored = drawn(data.draw(SHAPES), data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)), data.draw(st.booleans()))
    layout = data.draw(layouts(stored.ndim))
    intensity, mask = data.draw(INTENSITIES), data.draw(MASKS)
    slope = data.draw(st.sampled_from([None, (-0.5, 0.0), (0.25, -3.0)])) if stored.dtype.kind in "iu" else None
    with tempfile.TemporaryDirectory() as folder:
        path, values = saved(folder, stored, slope)
        found = found_of(path, intensity, mask, **layout)
    if found is not None:
        assert_same(found, tensor_of(values, **layout), intensity, mask)


@settings(max_examples=40)
@given(st.data())
def test_a_zscore_by_the_values_inside_the_mask_changes_all_values(data):
    stored = drawn(data.draw(SHAPES), data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)), data.draw(st.booleans()))
    layout = data.draw(layouts(stored.ndim))
    before, after = data.draw(st.sampled_from(["", "scale:2,3|", "clip:0,30|"])), data.draw(INTENSITIES)
    mask = data.draw(MASKS.filter(bool))
    intensity = f"{before}zscore:mask|{after}"
    with tempfile.TemporaryDirectory() as folder:
        path, values = saved(folder, stored, None)
        found = found_of(path, intensity, mask, **layout)
    if found is not None:
        assert_same(found, tensor_of(values, **layout), intensity, mask)


@settings(max_examples=40)
@given(st.data())
def test_arrays_in_both_orders_equal_numpy(data):
    stored = drawn(data.draw(SHAPES), data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)), data.draw(st.booleans()))
    axis = data.draw(st.sampled_from([-1, 1])) if stored.ndim > 1 else None
    intensity, mask = data.draw(INTENSITIES), data.draw(MASKS)
    if axis is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npy"
        np.save(path, np.asfortranarray(stored) if data.draw(st.booleans()) else stored)
        found = found_of(str(path), intensity, mask, axis=axis)
    if found is not None:
        assert_same(found, tensor_of(stored, axis=axis, batch_axis=0, batched=True), intensity, mask)


@given(INTENSITIES, MASKS, st.integers(0, 2**32 - 1))
def test_colours_are_channels(intensity, mask, seed):
    stored = np.random.default_rng(seed).integers(0, 60, (4, 5, 3, 3)).astype(np.uint8)
    stored[stored < 15] = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rgb.nii"
        kind = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
        nib.Nifti1Image(stored.view(kind).reshape(4, 5, 3), np.eye(4)).to_filename(path)
        found = found_of(str(path), intensity, mask)
    if found is not None:
        assert_same(found, tensor_of(stored), intensity, mask)


@settings(max_examples=50)
@given(st.data())
def test_an_image_as_mask_is_the_same_for_all_channels_and_samples_however_it_lies_in_memory(data):
    spatial = data.draw(st.sampled_from([(6, 5, 4), (3, 2, 4), (1, 5, 1), (17, 3, 90)]))
    seed = data.draw(st.integers(0, 2**32 - 1))
    channels_at = data.draw(st.sampled_from([None, 0, 1, 2, 3]))  # where the batch axis or the channels are
    stored = np.random.default_rng(seed).normal(5, 3, spatial)
    if channels_at is not None:
        stored = np.stack([stored, stored * 2, stored - 9], axis=channels_at)
    batch_axis = channels_at if channels_at is not None and (channels_at < 3 or data.draw(st.booleans())) else None
    marked = np.random.default_rng(seed + 1).random(spatial) < data.draw(st.sampled_from([0.2, 0.9]))
    marked[0, 0, 0] = True
    intensity = data.draw(st.one_of(st.none(), INTENSITIES))
    with tempfile.TemporaryDirectory() as folder:
        path, mask = Path(folder) / "a.nii", Path(folder) / data.draw(st.sampled_from(["m.nii.gz", "m.npy", "f.npy"]))
        nib.Nifti1Image(stored, np.eye(4)).to_filename(path)
        if mask.suffix == ".npy":
            np.save(mask, np.asfortranarray(marked) if mask.name == "f.npy" else marked)
        else:
            nib.Nifti1Image(marked.astype(np.uint8), np.eye(4)).to_filename(mask)
        found = found_of(str(path), intensity, str(mask), batch_axis=batch_axis)
    cells = tensor_of(stored, batch_axis=batch_axis)
    assert found is not None
    assert_same(found, cells, intensity, inside=np.broadcast_to(marked.reshape(-1), cells.shape))


@settings(max_examples=40)
@given(st.data())
def test_what_is_resolved_gives_on_crops_what_the_whole_volume_gives(data):
    stored = drawn((5, 6, 4, 2), "f4", data.draw(st.integers(0, 2**32 - 1)), gaps=False)
    intensity, mask = data.draw(INTENSITIES), data.draw(MASKS)
    batch_axis = data.draw(st.sampled_from([None, 0]))
    with tempfile.TemporaryDirectory() as folder:
        path, values = saved(folder, stored, None)
        planned = plan_case(Case.of(path), -1, batch_axis)
        preparation = Preparation(intensity, mask)
        resolved = resolve(planned, preparation)
        found = found_of(path, intensity, mask, batch_axis=batch_axis)
    if found is None:
        return
    samples = [values] if batch_axis is None else list(values[..., np.newaxis])
    assert len(resolved) == len(samples) == planned.samples
    for sample, (one, whole) in enumerate(zip(resolved, samples, strict=True)):
        before = whole.copy()
        spatial = whole.shape[:-1]
        kept = [[] for _ in range(planned.tensor.channels)]
        for first in np.ndindex(*(2,) * len(spatial)):
            place = tuple(slice(0, 2) if at == 0 else slice(2, None) for at in first)
            crop = whole[place]
            chosen = masked(crop, mask)
            changed = one.apply(crop)
            for channel, values_of in enumerate(kept):
                values_of.append(changed[..., channel][chosen[..., channel]])
        np.testing.assert_array_equal(whole, before)
        for channel, parts in enumerate(kept):
            together = np.concatenate(parts)
            assert together.size == found.count[sample, channel]
            np.testing.assert_allclose(together.mean(), found.mean[sample, channel], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(together.min(), found.minimum[sample, channel], rtol=1e-12, atol=1e-12)


@given(INTENSITIES, st.sampled_from([None, "nonzero", ">3"]), st.sampled_from(["u1", "i2", "f4", "f8"]))
def test_passes_are_as_many_as_are_said(intensity, mask, dtype):
    told = []
    with tempfile.TemporaryDirectory() as folder:
        stored = drawn((6, 5, 4), dtype, 1, gaps=False)
        path, _ = saved(folder, stored, None)
        planned = plan_case(Case.of(path), -1, None)
        preparation = Preparation(intensity, mask)
        with suppress(InputError):  # nothing is inside
            prepared_moments(planned, preparation, told.append)
    assert sum(told) == passes(preparation.steps, 1 if dtype in ("u1", "i2") else 2) * planned.nbytes


@given(st.sampled_from(["i2", "u1", "f4", "f8", ">i2"]), st.integers(0, 2**32 - 1))
def test_a_mask_that_leaves_nothing_out_changes_no_bit(dtype, seed):
    with tempfile.TemporaryDirectory() as folder:
        path, _ = saved(folder, drawn((6, 5, 4, 2), dtype, seed, gaps=True), None)
        planned = plan_case(Case.of(path), -1, None)
        plain = one_pass.scan_volume(planned.volume, planned.parts[0].arrangement)
        found = prepared_moments(planned, Preparation(None, ">=-1e308"))
        if np.isinf(plain.minimum).any() or plain.inf.any():
            return  # −Inf is below every number
    for name in ("finite", "mean", "m2", "minimum", "maximum", "nan", "mean_tail", "varies"):
        one, other = getattr(found, name), getattr(plain, name)
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name


@given(
    st.sampled_from(["zscore", "minmax", "zscore-nonzero", "zscore|minmax:2,3"]), st.floats(-1e6, 1e6), st.booleans()
)
def test_a_constant_stays_one_and_is_the_lower_end_or_zero(intensity, value, scaled):
    with tempfile.TemporaryDirectory() as folder:
        stored = np.full((4, 4, 4), round(value) % 100 + 1, np.int16) if scaled else np.full((4, 4, 4), value)
        path, _ = saved(folder, stored, (0.1, 0.3) if scaled else None)
        found = found_of(path, intensity, None)
    assert found.constant.all()
    expected = 2.0 if intensity.endswith("2,3") else 0.0
    assert (found.minimum[0, 0], found.maximum[0, 0], found.mean[0, 0], found.m2[0, 0]) == (
        expected,
        expected,
        expected,
        0,
    )


@given(st.floats(1e-3, 1e3), st.floats(-1e12, 1e12))
def test_what_varies_as_stored_varies_after_every_affine_step(spread, offset):
    with tempfile.TemporaryDirectory() as folder:
        stored = np.zeros((4, 4, 4))
        stored[0] = spread
        path, _ = saved(folder, stored, None)
        found = found_of(path, f"scale:1e-9,{offset!r}", None)
    assert found.varies.all()
    assert not found.constant.any()
