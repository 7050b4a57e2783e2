"""Where patches are cut, and that their statistics are numpy's on the same crops."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from math import prod, sqrt
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bnstat
from bnstat import InputError, Patching, Preparation, Reading, UsageError
from bnstat.layers.batches import steps_of
from bnstat.layers.loader import loader_order
from bnstat.layers.settings import Batching
from bnstat.preprocessing.foreground import Foreground
from bnstat.preprocessing.labels import Labels
from bnstat.preprocessing.patch_positions import PatchedVolume, patches_of
from bnstat.preprocessing.patch_size import require_patches
from bnstat.preprocessing.patches import draw
from bnstat.preprocessing.samples import rows_of
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case
from bnstat.sources.sample import Patch, Sample

SHAPE = (9, 12, 7)


@pytest.fixture
def labels():
    """Two classes: a voxel at a corner and one inside, and a block at the other corner."""
    found = np.zeros(SHAPE, np.uint8)
    found[0, 0, 0] = found[4, 5, 3] = 1
    found[7:9, 9:12, 5:7] = 2
    return found


def patching(size=(4, 5, 3), number=8, **more):
    return Patching(size, number, **more)


def starts(volume, asked):
    return [patch.start for patch in patches_of(volume, asked, asked.size)]


def reading(asked):
    return Reading(preparation=Preparation(patches=asked))


def crop(whole, patch, mode="constant"):
    """What numpy has for a patch: zeros, or the border, where it reaches beyond."""
    widths = [
        (max(-at, 0), max(at + size - length, 0))
        for at, size, length in zip(patch.start, patch.size, whole.shape, strict=False)
    ]
    inside = whole[tuple(slice(max(at, 0), at + size) for at, size in zip(patch.start, patch.size, strict=True))]
    return np.pad(inside, widths + [(0, 0)] * (whole.ndim - len(patch.size)), mode=mode)


def assert_as_numpy(report, wholes, mode="constant"):
    """Mean, variance and extremes of each batch of one patch; `wholes` by source, channels last."""
    for batch in report.batches:
        (place,) = batch.samples
        sample = report.samples[place]
        whole = wholes[sample.source]
        whole = whole if sample.index is None else whole[sample.index]
        values = crop(whole, sample.patch, mode)
        assert batch.input_shape == (1, *sample.patch.size, values.shape[-1])
        for channel, column in zip(batch.channels, values.reshape(-1, values.shape[-1]).T, strict=True):
            assert channel.count == prod(sample.patch.size)
            np.testing.assert_allclose(channel.mean, column.mean(), rtol=1e-12, atol=1e-12 * column.std())
            np.testing.assert_allclose(channel.variance, column.var(), rtol=1e-12)
            assert (channel.minimum, channel.maximum) == pytest.approx((column.min(), column.max()), rel=1e-15)
            assert channel.constant == (column.min() == column.max())


# Laws of the choice


@given(
    shape=st.tuples(*[st.integers(1, 12)] * 3),
    size=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
    foreground=st.sampled_from([None, "0.5"]),
)
def test_a_patch_lies_in_its_volume_or_has_all_of_it_with_the_smaller_half_first(shape, size, seed, foreground):
    labels = Labels((np.arange(prod(shape)) % 3 == 0).reshape(shape)) if foreground else None
    for start in starts(
        PatchedVolume("a.nii", None, shape, labels), Patching(size, 4, foreground=foreground, seed=seed)
    ):
        for at, wanted, length in zip(start, size, shape, strict=True):
            assert 0 <= at <= length - wanted if wanted <= length else at == -((wanted - length) // 2)


def test_every_start_is_equally_likely():
    number = 24_000
    for seed in range(3):
        counted = Counter(starts(PatchedVolume("a.nii", None, SHAPE), patching(number=number, seed=seed)))
        expected = number / (6 * 8 * 5)
        assert len(counted) == 6 * 8 * 5
        chi_squared = sum((count - expected) ** 2 / expected for count in counted.values())
        assert abs(chi_squared - 239) < 5 * sqrt(2 * 239)


def test_the_choice_depends_on_the_seed_the_name_the_index_and_the_number_alone(labels):
    asked = patching(foreground="nnunet:0.5")
    volume = PatchedVolume("a/b.nii.gz", None, SHAPE, Labels(labels))
    first = patches_of(volume, asked, asked.size)
    assert patches_of(volume, asked, asked.size) == first
    assert patches_of(replace(volume, name="a/b.nii"), asked, asked.size) == first
    more = patches_of(volume, replace(asked, number=20), asked.size)
    assert (*more[:8], *more[20:28]) == first
    for other in (replace(volume, name="b/b.nii.gz"), replace(volume, index=1)):
        assert patches_of(other, asked, asked.size) != first
    assert patches_of(volume, replace(asked, seed=1), asked.size) != first


@pytest.mark.parametrize("share", [0.0, 0.1, 0.33, 1.0])
def test_the_share_around_the_foreground_is_the_one_that_was_asked_for(labels, share):
    number = 4000
    asked = patching(number=number, foreground=str(share))
    found = sum(p.foreground for p in patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), asked, asked.size))
    assert abs(found - share * number) <= 5 * sqrt(number * share * (1 - share))


@pytest.mark.parametrize("foreground", ["0.5", "nnunet:0.5"])
def test_a_foreground_patch_holds_a_voxel_of_the_foreground(labels, foreground):
    asked = patching(number=50, foreground=foreground)
    found = [p for p in patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), asked, asked.size) if p.foreground]
    assert found
    assert all(crop(labels, patch).any() for patch in found)


def test_a_voxel_is_drawn_from_all_of_its_kind_and_no_other(labels):
    known, draw_one = Labels(labels), np.random.default_rng(0)
    for kind, mask in (("foreground", labels > 0), ("background", labels == 0), (1.0, labels == 1), (2.0, labels == 2)):
        counted = Counter(known.voxel(kind, draw_one) for _ in range(40 * int(mask.sum())))
        assert set(counted) == {tuple(int(at) for at in voxel) for voxel in np.argwhere(mask)}


def test_nnunet_draws_the_class_first_and_then_the_voxel(labels):
    asked = patching(number=4000, foreground="nnunet:1")
    forced = patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), asked, asked.size)[4000:]
    alone = sum(patch.start == (0, 0, 0) for patch in forced)  # the corner, a half of one class of two
    assert abs(alone - 1000) < 5 * sqrt(4000 * 0.25 * 0.75)


def test_nnunet_keeps_the_lower_end_of_a_forced_patch_in_the_volume_and_not_the_upper(labels):
    asked = patching(number=200, foreground="nnunet:1")
    forced = patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), asked, asked.size)[200:]
    assert max(patch.start[0] for patch in forced) == 8 - 2
    assert min(min(patch.start) for patch in forced) == 0
    held = patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), replace(asked, pad="none"), asked.size)[200:]
    assert all(at + size <= length for p in held for at, size, length in zip(p.start, p.size, SHAPE, strict=True))


def test_nnunet_puts_the_odd_voxel_of_padding_on_either_side(labels):
    asked = Patching((12, 12, 8), 40, foreground="nnunet:0")
    anywhere = patches_of(PatchedVolume("a", None, SHAPE, Labels(labels)), asked, asked.size)[:40]
    assert {patch.start for patch in anywhere} == {(x, 0, z) for x in (-2, -1) for z in (-1, 0)}


def test_without_any_foreground_all_patches_are_around_the_background():
    empty = Labels(np.zeros(SHAPE, np.uint8))
    for foreground, number in (("1", 8), ("nnunet:1", 16)):
        asked = patching(foreground=foreground)
        found = patches_of(PatchedVolume("a", None, SHAPE, empty), asked, asked.size)
        assert len(found) == number
        assert not any(patch.foreground for patch in found)


def test_where_all_is_foreground_every_patch_is_around_it():
    asked = patching(foreground="0")
    assert all(
        p.foreground for p in patches_of(PatchedVolume("a", None, SHAPE, Labels(np.ones(SHAPE))), asked, asked.size)
    )


@pytest.mark.parametrize(
    ("share", "size", "forced"),
    [
        (0.33, 2, [1]),
        (0.33, 1, []),
        (0.5, 1, [0]),
        (0.5, 3, [2]),
        (0.33, 12, [8, 9, 10, 11]),
        (1, 3, [0, 1, 2]),
        (0, 3, []),
        (0.25, 2, []),
    ],
)
def test_the_last_slots_of_a_batch_are_forced_with_pythons_rounding(share, size, forced):
    assert [slot for slot in range(size) if Foreground(share, True).forces(slot, size)] == forced


@pytest.mark.parametrize("text", ["", "half", "-0.1", "1.1", "nan", "nnunet", "nnunet:", "nnunet:2", "monai:0.5"])
def test_a_foreground_that_is_no_share_is_refused(text):
    with pytest.raises(UsageError, match=r"as in 0\.33"):
        Foreground.of(text)


# The order of a loader


def drawn(volumes, number, kinds=(False,)):
    return [
        Sample(name, None, (1,), "int8", patch=Patch((k,), (1,), kind))
        for name in volumes
        for kind in kinds
        for k in range(number)
    ]


def test_each_volume_in_turn_gives_what_a_batch_takes_of_one():
    samples = drawn("ab", 5)
    order = loader_order(samples, Patching((1,), 5, per_volume=2), Batching(2))
    assert [(samples[one].source, samples[one].patch.start[0]) for one in order] == [
        *(("a", 0), ("a", 1), ("b", 0), ("b", 1), ("a", 2), ("a", 3), ("b", 2), ("b", 3), ("a", 4), ("b", 4))
    ]


@given(
    volumes=st.integers(1, 5),
    number=st.integers(1, 7),
    per_volume=st.integers(1, 7),
    batch_size=st.integers(1, 6),
    share=st.sampled_from([0.0, 0.33, 0.5, 1.0]),
    shuffle=st.booleans(),
)
def test_exactly_the_forced_slots_have_forced_patches(volumes, number, per_volume, batch_size, share, shuffle):
    samples = drawn("abcde"[:volumes], number, (False, True))
    asked = Patching((1,), number, min(per_volume, number), f"nnunet:{share}")
    batch_size = min(batch_size, volumes * number)
    batching = Batching(batch_size, shuffle=shuffle, seed=3)
    order = loader_order(samples, asked, batching)
    assert Counter((samples[one].source, samples[one].patch.start) for one in order) == Counter(
        (name, (k,)) for name in "abcde"[:volumes] for k in range(number)
    )
    for batch in steps_of(len(order), batching):
        for slot, place in enumerate(batch):
            assert samples[order[place]].patch.foreground == Foreground(share, True).forces(slot, batch_size)


# Statistics, beside numpy


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "u2", "i4", "u4", "i8", "u8", "f4", ">f4", "f8"])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_patches_of_every_type_are_as_numpy_has_them(write_image, voxels, dtype, name):
    path = write_image(name, voxels.astype(dtype), nibabel.Nifti1Image if "8" not in dtype else nibabel.Nifti2Image)
    report = bnstat.diagnose(path, reading=reading(patching((3, 4, 2))))
    assert report.samples[0].dtype == np.dtype(dtype).name
    assert_as_numpy(report, {path: nibabel.load(path).get_fdata()[..., np.newaxis]})


def test_a_negative_slope_swaps_the_extremes_and_compressing_changes_no_bit(write_image, voxels):
    reports = []
    for name in ("x.nii", "x.nii.gz"):
        path = write_image(name, voxels.astype(np.int16), scale=(-0.5, 10))
        reports.append(bnstat.diagnose(path, reading=reading(patching((3, 4, 2)))))
        assert_as_numpy(reports[-1], {path: nibabel.load(path).get_fdata()[..., np.newaxis]})
    assert [batch.channels for batch in reports[0].batches] == [batch.channels for batch in reports[1].batches]


def test_extremes_of_whole_numbers_stay_whole_numbers(small_image):
    report = bnstat.diagnose(small_image(), reading=reading(patching((9, 4, 2))))
    for batch in report.batches:
        assert all(isinstance(value, int) for one in batch.channels for value in (one.minimum, one.maximum))


@pytest.mark.parametrize("scale", [None, (-0.5, 10)])
@pytest.mark.parametrize(("pad", "mode"), [("zero", "constant"), ("edge", "edge")])
def test_what_reaches_beyond_a_volume_is_zero_after_scaling_or_the_border(write_image, voxels, scale, pad, mode):
    path = write_image("x.nii.gz", voxels.astype(np.int16), scale=scale)
    report = bnstat.diagnose(path, reading=reading(patching((10, 4, 6), pad=pad)))
    assert {sample.patch.start[0] for sample in report.samples} == {-1}
    assert {sample.patch.start[2] for sample in report.samples} == {0}
    assert_as_numpy(report, {path: nibabel.load(path).get_fdata()[..., np.newaxis]}, mode)
    assert sum("8 of 8 patches are larger than their volume (1 volume)" in note for note in report.notes) == 1


def test_colours_are_channels(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (6, 5, 4, 3), dtype=np.uint8)
    path = str(tmp_path / "rgb.nii")
    structured = values.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nibabel.save(nibabel.Nifti1Image(structured, np.eye(4)), path)
    assert_as_numpy(bnstat.diagnose(path, reading=reading(patching((3, 3, 3)))), {path: values.astype(float)})


def test_a_fourth_dimension_is_channels_or_samples(write_image):
    values = np.random.default_rng(0).normal(5, 2, (6, 5, 4, 3)).astype(np.float32)
    path = write_image("x.nii.gz", values)
    assert_as_numpy(bnstat.diagnose(path, reading=reading(patching((3, 3, 3)))), {path: values.astype(float)})
    report = bnstat.diagnose(path, batch_axis=3, reading=reading(patching((3, 3, 3), 2)))
    assert [sample.index for sample in report.samples] == [0, 1, 2, 0, 1, 2]
    assert_as_numpy(report, {path: np.moveaxis(values.astype(float), 3, 0)[..., np.newaxis]})


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_a_batch_of_volumes(tmp_path, order):
    values = np.asarray(np.random.default_rng(0).normal(5, 2, (2, 6, 5, 4, 3)), order=order)
    path = str(tmp_path / "x.npy")
    np.save(path, values)
    report = bnstat.diagnose(path, reading=reading(patching((3, 3, 3), 4)))
    assert len(report.samples) == 8
    assert_as_numpy(report, {path: values})


def test_files_of_a_case_are_cut_at_one_place(write_image):
    values = np.random.default_rng(0).normal(5, 2, (6, 5, 4, 2))
    files = tuple(write_image(f"{k}.nii.gz", values[..., k].astype(np.float32)) for k in range(2))
    plan = plan_case(Case("one", files), -1, None)
    rows = rows_of(plan, Preparation(patches=patching((8, 3, 3))))
    assert len(rows) == 8
    whole = values.astype(np.float32).astype(float)
    for row in rows:
        assert row.parts == ()
        assert row.tensor.sample_shape == (8, 3, 3, 2)
        assert row.sample.volume == ("one", None)
        columns = crop(whole, row.sample.patch).reshape(-1, 2)
        np.testing.assert_allclose(row.moments.mean, columns.mean(0), rtol=1e-12)
        np.testing.assert_allclose(row.moments.variance, columns.var(0), rtol=1e-12)


def test_nan_is_counted_where_it_is(write_image, voxels):
    values = voxels.astype(np.float32)
    values[3, 3, 3] = np.nan
    path = write_image("x.nii.gz", values)
    report = bnstat.diagnose(path, reading=reading(patching((3, 4, 2), 30)))
    for batch in report.batches:
        patch = report.samples[batch.samples[0]].patch
        assert batch.channels[0].nan == np.isnan(crop(values, patch)).sum()


def test_one_size_is_a_cube(small_image):
    report = bnstat.diagnose(small_image(), reading=reading(patching((3,))))
    assert {sample.patch.size for sample in report.samples} == {(3, 3, 3)}


# Labels


def labelled(write_image, voxels, labels, **case):
    path = write_image("x.nii.gz", voxels.astype(np.int16))
    return plan_case(Case(path, (path,), labels=write_image("seg.nii.gz", labels), **case), -1, None)


def test_the_labels_of_a_data_set_are_used(write_image, voxels):
    labels = np.zeros(voxels.shape, np.uint8)
    labels[5, 4, 3] = 1
    plan = labelled(write_image, voxels, labels)
    preparation = Preparation(patches=patching((2, 2, 2), foreground="1"))
    require_patches([plan], preparation)
    assert {one.patch.start for one in draw(plan, preparation)} == {(4, 3, 2)}


def test_labels_of_another_shape_are_an_error_of_their_case(write_image, voxels):
    plan = labelled(write_image, voxels, np.ones((7, 6, 4), np.uint8))
    with pytest.raises(InputError, match=r"7 × 6 × 5, and its labels .*seg\.nii\.gz are 7 × 6 × 4"):
        draw(plan, Preparation(patches=patching((2, 2, 2), foreground="1")))


def test_labels_may_have_an_axis_of_one_or_one_for_each_sample(write_image):
    values = np.random.default_rng(0).normal(5, 2, (6, 5, 4, 2)).astype(np.float32)
    path = write_image("x.nii", values)
    each = np.zeros((6, 5, 4, 2), np.uint8)
    each[1, 1, 1, 0] = each[4, 3, 2, 1] = 3
    for labels, expected in ((each, {0: (0, 0, 0), 1: (3, 2, 1)}), (each[..., :1], {0: (0, 0, 0), 1: (0, 0, 0)})):
        plan = plan_case(Case(path, (path,), labels=write_image("seg.nii", labels)), -1, 3)
        found = draw(plan, Preparation(patches=patching((2, 2, 2), foreground="1")))
        assert {(one.index, one.patch.start) for one in found} == set(expected.items())


# Settings that are not possible


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"size": (0, 4, 4)}, "`size` must be at least 1 along each axis, as in `size=(96, 96, 96)`, and is 0x4x4"),
        ({"size": ()}, "and is empty"),
        ({"number": 0}, "`number` must be at least 1, and is 0"),
        ({"number": 2, "per_volume": 3}, "raise `number` to 3, or lower `per_volume`"),
        ({"per_volume": 0}, "`per_volume` must be at least 1, and is 0"),
        ({"seed": -1}, "`seed` must be at least 0, and is -1"),
        ({"pad": "mirror"}, "`pad` must be one of zero, edge, none, and is 'mirror'"),
        ({"foreground": "x"}, "or nnunet:0.33 for forced slots, and is 'x'"),
        ({"labels": "x.nii"}, "`labels` needs `foreground`"),
    ],
)
def test_patches_that_no_volume_has_cannot_be_asked_for(asked, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        Patching(**{"size": (4, 4, 4), **asked})


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Patching((10**6,)), "larger than any memory"),
        (Patching((4, 4)), r"give one size for each axis, as in `size=\(96, 96, 96\)`"),
        (patching(foreground="0.5"), "has no label map, which `foreground=0.5` needs"),
    ],
)
def test_what_cannot_be_is_refused_before_any_voxel_is_read(small_image, asked, message):
    with pytest.raises(UsageError, match=message):
        bnstat.diagnose(small_image(), reading=reading(asked))


def test_only_the_last_axis_can_be_kept(write_image):
    path = write_image("x.nii", np.ones((4, 4, 4, 2), np.float32))
    with pytest.raises(UsageError, match="is not the last, and patches keep the last axis"):
        bnstat.diagnose(path, axis=1, reading=reading(patching((2, 2, 2))))


def test_a_volume_that_is_too_small_is_an_error_where_nothing_is_padded(small_image):
    with pytest.raises(InputError, match="7 × 6 × 5, smaller than the patch of 8 × 4 × 4"):
        bnstat.diagnose(small_image(), reading=reading(patching((8, 4, 4), pad="none")))


def test_padding_costs_no_memory(small_image):
    report = bnstat.diagnose(small_image(), reading=reading(patching((9999, 9999, 9999), 1)))
    (channel,) = report.batches[0].channels
    assert channel.count == 9999**3
    assert channel.minimum == 0
    values = nibabel.load(small_image()).get_fdata()
    np.testing.assert_allclose(channel.mean, values.sum() / 9999**3, rtol=1e-12)


def test_a_border_that_no_memory_holds_is_an_error_of_its_file(small_image):
    with pytest.raises(InputError, match="does not fit into memory"):
        bnstat.diagnose(small_image(), reading=reading(patching((9999, 9999, 9999), 1, pad="edge")))


@pytest.mark.parametrize("steps", ["zscore", "clip:4,7", "zscore|clip:-1,1", "zscore-nonzero|scale:2,1"])
def test_steps_of_intensity_are_those_of_the_whole_volume_and_zeros_come_after(write_image, steps):
    values = np.random.default_rng(0).normal(5, 2, (6, 5, 4, 2))
    values[:2] = 0
    files = tuple(write_image(f"{k}.nii.gz", values[..., k]) for k in range(2))
    plan = plan_case(Case("one", files), -1, None)
    inside = values[2:]
    zscored = (values - values.mean((0, 1, 2))) / values.std((0, 1, 2))
    expected = {
        "zscore": zscored,
        "clip:4,7": np.clip(values, 4, 7),
        "zscore|clip:-1,1": np.clip(zscored, -1, 1),
        "zscore-nonzero|scale:2,1": 2 * (values - inside.mean((0, 1, 2))) / inside.std((0, 1, 2)) * (values != 0) + 1,
    }[steps]
    for one in draw(plan, Preparation(steps, patches=patching((8, 3, 3)))):
        columns = crop(expected, one.patch).reshape(-1, 2)
        np.testing.assert_allclose(one.moments.mean, columns.mean(0), rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(one.moments.variance, columns.var(0), rtol=1e-11)


def test_a_truncated_file_is_an_error(small_image, tmp_path):
    path = tmp_path / "cut.nii.gz"
    whole = Path(small_image("x.nii.gz")).read_bytes()
    path.write_bytes(whole[:-60])
    with pytest.raises(InputError, match=r"truncated|damaged"):
        bnstat.diagnose(str(path), reading=reading(patching((2, 2, 2))))
