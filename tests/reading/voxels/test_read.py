"""The second pass over the voxels, against numpy on whole arrays: histograms and zeros, however files are laid out."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import strategies  # noqa: F401  (its profile)
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import masked, stepped, tensor_of
from reading.voxels.counted_by_numpy import assert_counts_of_the_table, assert_histogram, read_twice

import bnstat
from bnstat.moments import one_pass, pieces
from bnstat.preprocessing import value_counts, walk
from bnstat.preprocessing.settings import Patching
from bnstat.reading.rows import Rows
from bnstat.reading.settings import Reading
from bnstat.reading.table import read_table
from bnstat.reading.voxels.read import read_voxels

SHAPES = st.sampled_from([(6, 5, 4), (4, 3, 5, 2), (3, 4, 2, 3), (9,), (1, 1, 1)])
TYPES = st.sampled_from(["i2", "u1", "i4", "f4", "f8", ">i2", ">f4"])
SEEDS = st.integers(0, 2**32 - 1)
MASKS = st.sampled_from([None, "nonzero", ">3", "<40"])
STEPS = ["zscore", "clip:0,30|minmax", "clip:p5,p90", "zscore-nonzero", "scale:2,3|clip:,40"]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of a few values, so that small arrays have many of them, and several segments."""
    for module in (pieces, one_pass):
        monkeypatch.setattr(module, "BLOCK_VALUES", 16)
    monkeypatch.setattr(pieces, "RUN_VALUES", 8)
    monkeypatch.setattr(value_counts, "_TOGETHER", 8)
    monkeypatch.setattr(one_pass, "processors", lambda: 2)


def drawn(shape, dtype, seed, *, gaps=True):
    """Values of which some are 0, and in floats some NaN and Inf."""
    random = np.random.default_rng(seed)
    values = random.normal(20, 30, shape)
    if np.dtype(dtype).kind != "f":
        values = np.rint(values).clip(0 if np.dtype(dtype).kind == "u" else -100, 200)
    values[random.random(shape) < 0.3] = 0
    if gaps and np.dtype(dtype).kind == "f":
        for gap in (np.nan, np.inf, -np.inf):
            values[random.random(shape) < 0.1] = gap
    return values.astype(dtype)


def saved(path, stored, slope=None):
    """An image with a scale factor where there is one, and what its voxels are."""
    header = nib.Nifti1Header(endianness=">" if stored.dtype.str[0] == ">" else "<")
    header.set_data_dtype(stored.dtype)
    image = nib.Nifti1Image(stored, np.eye(4), header)
    if slope is not None:
        image.header.set_slope_inter(*slope)
    image.to_filename(path)
    values = stored.astype(np.float64)
    return values if slope is None else values * slope[0] + slope[1]


def assert_zeros(voxels, cells):
    """Assert the share of zeros of each channel of each volume."""
    assert len(voxels.zeros) == len(cells)
    for shares, own in zip(voxels.zeros, cells, strict=True):
        assert list(shares) == [np.count_nonzero(one == 0) / one.size if one.size else None for one in own]


def assert_all(table, voxels, cells):
    """Assert histograms and zeros of volumes, each a list of the values of its channels."""
    assert_counts_of_the_table(table, voxels)
    assert_zeros(voxels, cells)
    finite = [any(np.isfinite(own[channel]).any() for own in cells) for channel in range(len(cells[0]))]
    assert [one.channel for one in voxels.histograms] == [channel for channel, some in enumerate(finite) if some]
    for one in voxels.histograms:
        assert_histogram(one, [own[one.channel] for own in cells])


@settings(max_examples=40)
@given(st.data())
def test_images_of_every_type_and_layout_are_counted_as_numpy_does(data):
    shape, dtype, ending = data.draw(SHAPES), data.draw(TYPES), data.draw(st.sampled_from([".nii", ".nii.gz"]))
    axes = [{"axis": -1}, {"axis": 1}, *({"batch_axis": k} for k in range(len(shape)) if len(shape) > 1)]
    layout, mask = data.draw(st.sampled_from(axes)), data.draw(MASKS)
    whole = np.dtype(dtype).kind in "iu"
    slope = data.draw(st.sampled_from([None, (-0.5, 0.0), (float(np.float32(0.3)), -3.0)])) if whole else None
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}{ending}") for name in "ab"]
        each = [saved(path, drawn(shape, dtype, data.draw(SEEDS)), slope) for path in paths]
        table, voxels = read_twice(paths, **layout, mask=mask)
    read = {row.sample.source for row in table.rows}
    tensors = [tensor_of(values, **layout) for path, values in zip(paths, each, strict=True) if path in read]
    cells = [[one[masked(one, mask)] for one in sample] for tensor in tensors for sample in tensor]
    if cells:
        assert_all(table, voxels, cells)
    else:  # no voxel is inside
        assert not voxels.histograms


@settings(max_examples=40)
@given(st.data())
def test_values_are_counted_after_the_steps_and_inside_the_mask(data):
    steps, mask = data.draw(st.sampled_from(STEPS)), data.draw(MASKS)
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.nii") for name in "ab"]
        dtype = data.draw(TYPES)
        each = [saved(path, drawn((4, 3, 5, 2), dtype, data.draw(SEEDS), gaps=False)) for path in paths]
        table, voxels = read_twice(paths, intensity=steps, mask=mask)
    assert_counts_of_the_table(table, voxels)
    cells = [
        [stepped(one, steps, masked(one, mask))[masked(one, mask)] for one in tensor_of(values)[0]] for values in each
    ]
    if len(table.rows) == len(each):
        for one in voxels.histograms:
            own = [values[one.channel] for values in cells]
            # a step rounds by the size of the values, and what is beside an edge may be on either side of it
            assert_histogram(one, own, loose=1e-12 * max(float(np.abs(values).max(initial=1)) for values in own))


@pytest.mark.parametrize("dtype", ["i2", "f4", "?"])
def test_arrays_in_memory_and_on_disk_are_counted_alike(tmp_path, dtype):
    values = drawn((3, 4, 5, 6, 2), dtype, 7)
    np.save(tmp_path / "a.npy", values)
    _, on_disk = read_twice([str(tmp_path / "a.npy")])
    table, held = read_twice(values)
    assert held == on_disk
    assert_all(table, held, [[sample[..., channel].reshape(-1) for channel in range(2)] for sample in values])


def test_channels_in_files_of_their_own_are_channels_of_one_volume(tmp_path):
    each = {}
    for case in "ab":
        for place, (name, dtype) in enumerate({"T1": "i2", "T2": "f4"}.items()):
            each[case, name] = drawn((4, 5, 6), dtype, ord(case) + place)
            saved(tmp_path / f"{case}_{name}.nii.gz", each[case, name])
    reading = Reading(channels=str(tmp_path / "*_{channel}.nii.gz"))
    table = read_table([str(tmp_path)], -1, None, reading, None, lambda _: None)
    voxels = read_voxels(table, [], -1, None, reading)
    assert [row.tensor.channels for row in table.rows] == [2, 2]
    assert_all(table, voxels, [[each[case, name].reshape(-1) for name in ("T1", "T2")] for case in "ab"])


@pytest.mark.parametrize("pad", ["zero", "edge"])
@pytest.mark.parametrize(("intensity", "per"), [(None, "volume"), ("zscore", "volume"), ("zscore", "patch")])
def test_of_patches_their_values_are_counted_with_the_padding(tmp_path, pad, intensity, per):
    for name in "ab":
        saved(tmp_path / f"{name}.nii.gz", drawn((9, 8, 4), "i2", ord(name)))
    table, voxels = read_twice(
        [str(tmp_path)], patches=Patching((6, 5, 6), number=3, pad=pad), intensity=intensity, intensity_per=per
    )
    assert len(table.rows) == 6
    assert len(voxels.zeros) == 2
    assert_counts_of_the_table(table, voxels)
    if intensity is None and pad == "zero":
        padded = [sum(one.counts) for one in voxels.histograms]
        assert padded == [6 * 6 * 5 * 6]
        assert min(shares[0] for shares in voxels.zeros) > 1 / 3  # two of six planes are padding, and more are 0


def test_volumes_of_other_channels_are_counted_where_they_have_a_channel(tmp_path):
    one, other = drawn((4, 5, 6, 2), "f4", 1), drawn((4, 5, 6, 3), "f4", 2)
    saved(tmp_path / "a.nii", one)
    saved(tmp_path / "b.nii", other)
    table, voxels = read_twice([str(tmp_path / "a.nii"), str(tmp_path / "b.nii")])
    assert_counts_of_the_table(table, voxels)
    assert [len(counts) > 0 for counts in voxels.histograms[2].volumes] == [False, True]
    assert [len(shares) for shares in voxels.zeros] == [2, 3]


def test_processes_count_as_this_one_does(tmp_path):
    for name in "abcd":
        saved(tmp_path / f"{name}.nii.gz", drawn((24, 20, 16), "f4", ord(name)))
    _, alone = read_twice([str(tmp_path)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bnstat.reading.workers.processes._WORTH_BYTES", 0)
        patch.setattr("bnstat.reading.workers.processes._SMALL_BYTES", 0)
        _, shared = read_twice([str(tmp_path)], jobs=2)
    assert shared == alone
    assert shared.slices


def test_a_moments_file_has_no_voxels_and_the_reason_is_said(tmp_path):
    saved(tmp_path / "a.nii", drawn((4, 5, 6), "i2", 1))
    bnstat.collect(tmp_path / "a.nii", tmp_path / "m.jsonl")
    _, voxels = read_twice([str(tmp_path / "m.jsonl")])
    assert (voxels.histograms, voxels.zeros, voxels.slices, voxels.typical) == ((), (), (), None)
    assert "give the volumes in place of the moments file" in voxels.missing


def test_beside_a_moments_file_the_volumes_are_counted(tmp_path):
    for name in "ab":
        saved(tmp_path / f"{name}.nii", drawn((4, 5, 6), "i2", ord(name)))
    bnstat.collect(tmp_path / "a.nii", tmp_path / "m.jsonl")
    _, voxels = read_twice([str(tmp_path / "m.jsonl"), str(tmp_path / "b.nii")])
    assert voxels.missing is None
    assert [len(counts) > 0 for counts in voxels.histograms[0].volumes] == [False, True]
    assert voxels.zeros[0] == (None,)
    assert voxels.typical == 1
    (note,) = voxels.notes
    assert note.startswith(f"the volume {tmp_path / 'a.nii'} comes from a moments file")


def cut(path):
    path.write_bytes(path.read_bytes()[:-50])


def rewritten(path):
    saved(path, np.full((4, 5, 6), np.nan, np.float32))


def other_channels(path):
    saved(path, drawn((4, 5, 6, 2), "f4", 3))


def far_away(path):
    """Put a volume of the same shape in its place, whose values are all beyond those of the first pass."""
    saved(path, 5000 + drawn((4, 5, 6), "f4", 3, gaps=False))


@pytest.mark.parametrize("change", [Path.unlink, cut, rewritten, other_channels, far_away])
def test_a_volume_that_cannot_be_read_again_is_left_out_with_a_note(tmp_path, change):
    for name in "ab":
        saved(tmp_path / f"{name}.nii", drawn((4, 5, 6), "f4", ord(name), gaps=False))
    paths = [str(tmp_path / f"{name}.nii") for name in "ab"]
    table = read_table(paths, -1, None, Reading(), None, lambda _: None)
    change(tmp_path / "a.nii")
    for reading in (Reading(), Reading(jobs=2)):
        voxels = read_voxels(table, [], -1, None, reading)
        assert [len(counts) > 0 for counts in voxels.histograms[0].volumes] == [False, True]
        assert (voxels.zeros[0], len(voxels.notes)) == ((None,), 1)
        assert voxels.notes[0].startswith(f"an input is in no histogram and no slice: {paths[0]}: ")
    change(tmp_path / "b.nii")
    voxels = read_voxels(table, [], -1, None, Reading())
    assert voxels.missing is not None
    assert voxels.missing.startswith("no input could be read a second time")


def test_many_volumes_that_cannot_be_read_again_are_named_up_to_a_dozen(tmp_path):
    for number in range(15):
        saved(tmp_path / f"{number:02}.nii", drawn((4, 5, 6), "i2", number))
    kept = tmp_path / "14.nii"
    table = read_table([str(tmp_path)], -1, None, Reading(), None, lambda _: None)
    for path in sorted(tmp_path.iterdir()):
        if path != kept:
            path.unlink()
    notes = read_voxels(table, [], -1, None, Reading()).notes
    assert len(notes) == 13
    assert notes[-1] == "2 more inputs could not be read a second time"


def test_the_second_pass_is_told_to_progress(tmp_path):
    class Told:
        def __init__(self):
            self.begun, self.read, self.files = [], 0, 0

        def begin(self, _, files, nbytes):
            self.begun.append((files, nbytes))

        def advance(self, nbytes):
            self.read += nbytes

        def done(self, files):
            self.files += files

    saved(tmp_path / "a.nii", drawn((4, 5, 6), "i2", 1))
    told = Told()
    read_twice([str(tmp_path / "a.nii")], progress=told)
    assert told.begun == [(1, 240), (1, 240)]
    assert (told.read, told.files) == (480, 2)


@pytest.mark.parametrize("steps", ["zscore", "clip:p5,p90|minmax", "zscore-nonzero-filled", "0=zscore;*=clip:0,30"])
@pytest.mark.parametrize("batch_axis", [None, 0])
def test_the_numbers_of_the_steps_are_not_searched_again(tmp_path, monkeypatch, steps, batch_axis):
    saved(tmp_path / "a.nii.gz", drawn((4, 5, 6, 2), "f4", 3))
    asked = {"intensity": steps, "batch_axis": batch_axis}
    if batch_axis is not None and "0=" in steps:
        asked["intensity"] = "zscore"
    table, voxels = read_twice([str(tmp_path / "a.nii.gz")], **asked)
    assert all(row.operations for row in table.rows)
    assert_counts_of_the_table(table, voxels)
    # as from the file alone
    unknown = dataclasses.replace(table, rows=Rows.of(dataclasses.replace(row, operations=()) for row in table.rows))
    reading = Reading(preparation=table.preparation)
    assert read_voxels(unknown, [], -1, batch_axis, reading) == voxels
    with monkeypatch.context() as patch:
        patch.setattr(walk.Walk, "counted", None)
        assert read_voxels(table, [], -1, batch_axis, reading) == voxels


def test_of_very_many_channels_the_first_ones_have_histograms():
    table, voxels = read_twice(drawn((1, 3, 3, 3, 40), "f4", 5))
    assert len(voxels.histograms) == 32
    assert len(voxels.zeros[0]) == 40
    assert "only the first 32 of 40 channels have histograms" in voxels.notes
    assert_counts_of_the_table(table, voxels)


def test_voxels_without_a_finite_value_have_no_histogram():
    _, voxels = read_twice(np.full((1, 3, 3, 3, 1), np.nan))
    assert (voxels.histograms, voxels.slices, voxels.zeros) == ((), (), ((0.0,),))


def test_an_empty_table_says_that_nothing_was_read(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"no image")
    _, voxels = read_twice([str(tmp_path / "a.nii")])
    assert voxels.missing == "no input could be read, so there are no histograms and no slices"
