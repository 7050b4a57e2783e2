"""Steps by channel: each channel is what it would be by itself, and files are read no more often than needed."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preprocessing.plain import assert_same, stepped, tensor_of
from preprocessing.test_laws import INTENSITIES, MASKS, TYPES, drawn, found_of, saved, small_blocks  # noqa: F401

from bnstat import diagnose
from bnstat.errors import InputError, UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.by_channel import step_lists
from bnstat.preprocessing.channel_steps import bytes_read
from bnstat.preprocessing.intensity import prepared_moments, resolve
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import passes
from bnstat.reading.settings import Reading
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case

NAMES = ("CT", "PET", "T1")


def written(lists, keys):
    return ";".join(f"{key}={steps}" for key, steps in zip(keys, lists, strict=True))


def joined(folder, stored, names=NAMES):
    """A case of a file for each channel."""
    for channel, name in enumerate(names):
        nib.Nifti1Image(stored[..., channel], np.eye(4)).to_filename(Path(folder) / f"a_{name}.nii")
    return Case("a", tuple(str(Path(folder) / f"a_{name}.nii") for name in names), names)


def assert_each(found, cells, lists, mask=None):
    """Assert the moments of each channel after its own steps."""
    for channel, steps in enumerate(lists):
        one = slice(channel, channel + 1)
        assert_same(found[:, one], cells[:, one], steps, mask)


@settings(max_examples=40)
@given(st.data())
def test_channels_of_one_file_take_their_own_steps_whatever_its_type_and_layout(data):
    shape = data.draw(st.sampled_from([(4, 3, 5, 3), (6, 2, 3, 3), (1, 1, 1, 3)]))
    stored = drawn(shape, data.draw(TYPES), data.draw(st.integers(0, 2**32 - 1)), data.draw(st.booleans()))
    lists = [data.draw(INTENSITIES) for _ in range(3)]
    mask = data.draw(MASKS)
    last = data.draw(st.booleans())  # channels last, which are slow in a file and fast in an array, or first
    if not last:
        stored = np.moveaxis(stored, -1, 0)
    with tempfile.TemporaryDirectory() as folder:
        if data.draw(st.booleans()):
            path, values = saved(folder, stored, None)
            layout = {"axis": -1 if last else 1}
        else:
            path, values = str(Path(folder) / "a.npy"), stored.astype(np.float64)
            np.save(path, stored)
            layout = {"axis": -1 if last else 1, "batch_axis": "none"}
        found = found_of(path, written(lists, "012"), mask, **layout)
    if found is not None:
        assert_each(found, tensor_of(values, axis=layout["axis"]), lists, mask)


@settings(max_examples=20)
@given(st.data())
def test_files_of_a_case_take_the_steps_of_their_channels_and_are_read_as_often_as_these_need(data):
    stored = drawn((4, 3, 5, 3), "f4", data.draw(st.integers(0, 2**32 - 1)), gaps=False)
    lists = [data.draw(INTENSITIES) for _ in NAMES]
    told = []
    with tempfile.TemporaryDirectory() as folder:
        planned = plan_case(joined(folder, stored), -1, None)
        preparation = Preparation(written(lists, NAMES))
        found = prepared_moments(planned, preparation, told.append)
        each = [passes(Preparation(steps).steps) for steps in lists]
        assert sum(told) == bytes_read(planned, preparation) == sum(each) * planned.nbytes // 3
    assert_each(found, tensor_of(stored), lists)


@settings(max_examples=20)
@given(st.lists(INTENSITIES, min_size=3, max_size=3))
def test_channels_of_one_file_share_its_passes(lists):
    told = []
    with tempfile.TemporaryDirectory() as folder:
        path, _ = saved(folder, drawn((4, 3, 5, 3), "i2", 1, gaps=False), None)
        planned = plan_case(Case.of(path), -1, None)
        preparation = Preparation(written(lists, "012"))
        with suppress(InputError):
            prepared_moments(planned, preparation, told.append)
    most = max(passes(Preparation(steps).steps, 1) for steps in lists)
    assert sum(told) == bytes_read(planned, preparation) == most * planned.nbytes


@settings(max_examples=20)
@given(INTENSITIES, st.integers(0, 2**32 - 1))
def test_the_same_steps_for_each_channel_are_those_steps_to_the_bit(intensity, seed):
    with tempfile.TemporaryDirectory() as folder:
        path, _ = saved(folder, drawn((4, 3, 5, 3), "f4", seed, gaps=True), None)
        planned = plan_case(Case.of(path), -1, None)
        one = prepared_moments(planned, Preparation(intensity))
        same = prepared_moments(planned, Preparation(written([intensity] * 3, "012")))
        alone = prepared_moments(planned, Preparation(f"1={intensity};*=none"))[:, 1:2]
    for name in Moments.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(same, name), getattr(one, name), strict=True)
        np.testing.assert_array_equal(getattr(alone, name), getattr(one, name)[:, 1:2])


@settings(max_examples=20)
@given(st.data())
def test_crops_of_a_case_take_the_steps_of_their_channels(data):
    stored = drawn((5, 6, 4, 3), "f4", data.draw(st.integers(0, 2**32 - 1)), gaps=False).astype(np.float64)
    lists = [data.draw(INTENSITIES) for _ in NAMES]
    with tempfile.TemporaryDirectory() as folder:
        planned = plan_case(joined(folder, stored), -1, None)
        (resolved,) = resolve(planned, Preparation(written(lists, NAMES)))
    crop = resolved.apply(stored[1:4, :2])
    for channel, steps in enumerate(lists):
        whole = stepped(stored[..., channel].reshape(-1), steps).reshape(stored.shape[:-1])
        size = np.abs(whole[np.isfinite(whole)]).max(initial=1e-300)
        np.testing.assert_allclose(crop[..., channel], whole[1:4, :2], rtol=1e-9, atol=1e-10 * size)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PET=zscore;0=minmax;*=none", ["minmax", "zscore", "none"]),
        ("PET=zscore;none", ["none", "zscore", "none"]),
        ("zscore ; 2 = clip:0,9|minmax", ["zscore", "zscore", "clip:0,9|minmax"]),
        ("*=zscore", ["zscore"] * 3),
        ("002=zscore;*=none", ["none", "none", "zscore"]),
        ("none", ["none"] * 3),
    ],
)
def test_a_key_is_a_name_or_a_number_and_the_rest_is_a_star_or_nothing(text, expected):
    found = step_lists(text).of("a", 3, NAMES)
    assert found == tuple(step_lists(one).of("a", 1, ())[0] for one in expected)


def test_a_name_is_looked_for_before_a_number():
    assert len(step_lists("1=zscore;*=none").of("a", 2, ("1", "0"))[0]) == 1


def test_a_file_of_numbers_may_have_an_equals_sign_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = {"percentile_00_5": -5.0, "percentile_99_5": 60.0, "mean": 20.0, "std": 11.0}
    text = str({"foreground_intensity_properties_per_channel": {"0": one}}).replace("'", '"')
    Path("a=b.json").write_text(text, encoding="utf-8")
    (taken,) = step_lists("CT=ct:a=b.json;*=none").of("a", 1, ("CT",))
    assert taken[0].channels == ((-5.0, 60.0, 20.0, 11.0),)
    assert step_lists("ct:a=b.json").lists[0][0] == "*"


def test_a_file_of_numbers_is_of_all_channels_of_the_case_or_of_those_that_take_it(tmp_path):
    stored = drawn((4, 3, 5, 3), "f4", 5, gaps=False)
    rows = [(-5, 60, 20, 11), (0, 40, 10, 3), (-50, 90, 30, 20)]
    keys = ("percentile_00_5", "percentile_99_5", "mean", "std")

    def file(name, some):
        found = {str(place): dict(zip(keys, row, strict=True)) for place, row in enumerate(some)}
        text = str({"foreground_intensity_properties_per_channel": found}).replace("'", '"')
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    planned = plan_case(joined(tmp_path, stored), -1, None)
    cells = tensor_of(stored)
    for some in (rows, rows[1:2]):
        found = prepared_moments(planned, Preparation(f"PET=ct:{file('f.json', some)};*=none"))
        assert_each(found, cells, ["none", "ct:0,40,10,3", "none"])
    with pytest.raises(InputError, match=r"has 3 channels, and .* has the intensities of 2"):
        prepared_moments(planned, Preparation(f"PET=ct:{file('f.json', rows[:2])};*=none"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CT=zscore;CT=none", "two lists of steps for channel 'CT'"),
        ("none;*=zscore", "two lists of steps for all other channels"),
        ("=zscore", "'=zscore' has no channel before the equals sign"),
        ("CT=zscore;", "step '' is not known"),
        ("CT=", "step '' is not known"),
        ("CT=zscor", "did you mean 'zscore'"),
    ],
)
def test_a_text_that_says_nothing_clear_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        Preparation(text)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("PT=zscore;*=none", NAMES, r"channel 'PT', which a does not have; did you mean 'PET'\? Its channels are CT"),
        ("pet=zscore;*=none", NAMES, "did you mean 'PET'"),
        ("3=zscore;*=none", NAMES, r"channel '3', which a does not have; its channels are CT, PET, T1 \(0 to 2\)"),
        ("CT=zscore;*=none", (), "its 3 channels have no names; use 0 to 2"),
        ("CT=zscore;0=none;*=none", NAMES, "two lists of steps for channel 0 of a"),
        ("CT=zscore", NAMES, r"no steps for channel PET \(nor for 1 other\) of a; add 'PET=…'.*'\*=none'"),
        ("0=zscore;1=none", (), "no steps for channel 2 of a"),
    ],
)
def test_steps_that_do_not_fit_the_channels_are_refused(text, names, message):
    with pytest.raises(UsageError, match=message):
        step_lists(text).of("a", 3, names)


def test_steps_for_other_channels_are_refused_before_a_voxel_is_read(tmp_path):
    path = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.random.default_rng(1).random((30, 40, 50, 2)), np.eye(4)).to_filename(path)
    path.write_bytes(path.read_bytes()[:500_000])  # the header is whole, and the voxels are not
    with pytest.raises(UsageError, match="no steps for channel 1"):
        diagnose(path, reading=Reading(preparation=Preparation("0=zscore")))
