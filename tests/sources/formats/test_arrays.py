"""`.npy` and `.npz` against numpy; what is not an array of numbers is refused, and nothing is unpickled."""

from __future__ import annotations

import os
import warnings
import zipfile

import numpy as np
import pytest
from inspected import inspected

import bnstat
from bnstat import Patching, Preparation, Reading, diagnose

DTYPES = (
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "longdouble"),
)


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def save_npy(path, array, order="C"):
    np.save(path, np.asarray(array, order=order))
    return path


def with_header(path, header, data=b"\0" * 64):
    """An .npy file with a header of any text."""
    text = header.encode("latin1") + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data)
    return path


def message_of(path):
    report = inspected(path)
    assert report.batches == ()
    (failure,) = report.errors
    assert failure.source == str(path)
    return failure.message


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_gives_the_numbers_of_numpy(tmp_path, same_as_numpy, voxels, dtype, endianness, order):
    array = (voxels / 120).round() if dtype == "bool" else voxels
    array = array.astype(np.dtype(dtype).newbyteorder(endianness))
    report = same_as_numpy(save_npy(tmp_path / "x.npy", array, order), array, batch_axis="none")
    assert report.samples[0].dtype == np.dtype(dtype).name


def test_bool_is_0_and_1(tmp_path):
    (channel,) = bnstat.diagnose(save_npy(tmp_path / "x.npy", [[[True, False, True]]])).batches[0].channels[:1]
    assert (channel.minimum, channel.maximum) == (1, 1)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ndim", [2, 3, 4, 5])
def test_an_array_is_a_batch_along_its_axis_0_with_channels_last(tmp_path, ndim, order):
    array = np.random.default_rng(ndim).normal(3, 2, (4, 3, 5, 2, 3)[:ndim])
    report = bnstat.diagnose(save_npy(tmp_path / "x.npy", array, order), batch_size=2)
    assert [batch.input_shape for batch in report.batches] == [(2, *array.shape[1:])] * 2
    for batch in report.batches:
        values = array[list(batch.samples)].reshape(-1, array.shape[-1])
        np.testing.assert_allclose([channel.mean for channel in batch.channels], values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose([channel.variance for channel in batch.channels], values.var(axis=0), rtol=1e-11)
        assert [channel.minimum for channel in batch.channels] == values.min(axis=0).tolist()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_up_to_three_axes_are_one_sample_of_one_channel_where_there_is_no_batch_axis(
    tmp_path, same_as_numpy, ndim, order
):
    array = np.random.default_rng(ndim).normal(3, 2, (4, 3, 5)[:ndim])
    report = same_as_numpy(save_npy(tmp_path / "x.npy", array, order), array, batch_axis="none")
    assert report.batches[0].input_shape == (1, *array.shape, 1)


@pytest.mark.parametrize("order", ["C", "F"])
def test_four_axes_are_one_sample_with_channels_where_there_is_no_batch_axis(tmp_path, same_as_numpy, order):
    array = np.random.default_rng(0).normal(3, 2, (4, 3, 5, 2))
    same_as_numpy(save_npy(tmp_path / "x.npy", array, order), array, channels=True, batch_axis="none")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("axis", [1, 2, 3, 4, -1, -2])
def test_any_axis_but_the_first_can_be_kept(tmp_path, order, axis):
    array = np.random.default_rng(1).normal(3, 2, (4, 3, 5, 2, 6))
    (batch,) = bnstat.diagnose(save_npy(tmp_path / "x.npy", array, order), axis=axis, batch_size=4).batches
    others = tuple(place for place in range(5) if place != axis % 5)
    np.testing.assert_allclose([channel.mean for channel in batch.channels], array.mean(axis=others), rtol=1e-12)
    np.testing.assert_allclose([channel.variance for channel in batch.channels], array.var(axis=others), rtol=1e-12)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_archive_of_one_array_needs_no_key(tmp_path, same_as_numpy, voxels, save, order):
    save(tmp_path / "x.npz", a=np.asarray(voxels, order=order))
    same_as_numpy(tmp_path / "x.npz", voxels, batch_axis="none")
    same_as_numpy(f"{tmp_path}/x.npz[a]", voxels, batch_axis="none")


@pytest.mark.parametrize("key", ["images", "a b", "x[0]", "größe", "deep/down"])
def test_a_key_in_brackets_names_one_of_several_arrays(tmp_path, same_as_numpy, voxels, key):
    np.savez(tmp_path / "x.npz", **{key: voxels, "other": voxels + 1})
    same_as_numpy(f"{tmp_path}/x.npz[{key}]", voxels, batch_axis="none")


def test_several_arrays_without_a_key_are_an_error_that_lists_them(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.ones(3), labels=np.ones(3))
    message = message_of(tmp_path / "x.npz")
    assert "x.npz[images]" in message
    assert "x.npz[labels]" in message


def test_a_key_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.ones(3))
    message = message_of(f"{tmp_path}/x.npz[image]")
    assert "'image'" in message
    assert "x.npz[images]" in message


def test_an_archive_without_arrays_is_an_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    assert "no array" in message_of(tmp_path / "x.npz")


def test_objects_are_refused_and_never_unpickled(tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    np.save(tmp_path / "x.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "x.npz", a=trap)
    for path in (tmp_path / "x.npy", tmp_path / "x.npz", f"{tmp_path}/x.npz[a]"):
        assert "never unpickled" in message_of(path)
    assert not (tmp_path / "sprung").exists()
    np.load(tmp_path / "x.npy", allow_pickle=True)
    assert (tmp_path / "sprung").exists(), "the trap itself must work"


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_a_bare_pickle_is_refused_and_never_unpickled(tmp_path, name):
    np.array([Trap(tmp_path / "sprung")], dtype=object).dump(tmp_path / name)
    assert message_of(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.ones((2, 3), np.complex64), "complex"),
        (np.array([["a", "b"]]), "numbers"),
        (np.array(["2020-01-01"], "datetime64[D]"), "numbers"),
        (np.zeros(3, [("x", "f4"), ("y", "i2")]), "numbers"),
        (np.zeros(3, [("größe", "f4"), ("名", "i2")]), "records"),
        (np.zeros((0, 4)), "no values"),
    ],
)
def test_what_is_not_an_array_of_real_numbers_is_refused(tmp_path, array, word):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of numpy, on the version of its format
        np.save(tmp_path / "x.npy", array)
    assert word in message_of(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "header",
    [
        "__import__('os').mkdir('sprung')",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,)}",
        "{'descr': '<f4', 'fortran_order': 'maybe', 'shape': (4,)}",
        "{'descr': '(2,)<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (4,)}",
        "(" * 3000,
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}" + " " * 20_000,
    ],
)
def test_a_header_that_numpy_would_not_write_is_an_error(tmp_path, monkeypatch, header):
    monkeypatch.chdir(tmp_path)
    path = with_header(tmp_path / "x.npy", header)
    assert message_of(path)
    assert not (tmp_path / "sprung").exists()


def test_an_array_that_is_a_single_number_has_no_axis_to_keep(tmp_path):
    with pytest.raises(bnstat.UsageError):
        bnstat.diagnose(save_npy(tmp_path / "x.npy", np.float64(3)))


@pytest.mark.parametrize("missing", [1, 8, 100])
def test_a_truncated_array_is_an_error(tmp_path, missing):
    path = save_npy(tmp_path / "x.npy", np.arange(24.0).reshape(2, 3, 4))
    path.write_bytes(path.read_bytes()[:-missing])
    assert "truncated" in message_of(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_archive_is_an_error_and_never_a_number(tmp_path, save):
    path = tmp_path / "x.npz"
    save(path, a=np.random.default_rng(0).normal(size=(8, 8, 8, 1, 1)))
    whole = path.read_bytes()
    for place in (len(whole) // 4, len(whole) // 2, 3 * len(whole) // 4):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert message_of(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert message_of(path)


def test_a_claim_of_more_values_than_there_are_is_an_error(tmp_path):
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000, 1)}"
    message = message_of(with_header(tmp_path / "x.npy", header))
    assert "declares 1,000,000,000,000 bytes of values, and the file has" in message


@pytest.mark.parametrize(
    "preparation",
    [
        Preparation(),
        Preparation(mask="nonzero"),
        Preparation(intensity="clip:p5,p95|zscore"),
        Preparation(patches=Patching((2, 2, 2), number=3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("save", [np.save, np.savez])
def test_any_byte_of_a_true_value_is_1(tmp_path, save, preparation):
    stored = np.random.default_rng(5).choice(np.array([0, 0, 1, 2, 89, 255], np.uint8), (2, 4, 3, 3, 1))
    reading = Reading(preparation=preparation)
    found = []
    for values in (stored.view(np.bool_), stored != 0):
        save(tmp_path / "x", values)  # patches are drawn by the name
        (path,) = tmp_path.iterdir()
        report = diagnose(str(path), reading=reading)
        found.append([channel for batch in report.batches for channel in batch.channels])
    assert found[0] == found[1]
    assert all(channel.maximum <= 1 for channel in found[0] if preparation.intensity is None)
