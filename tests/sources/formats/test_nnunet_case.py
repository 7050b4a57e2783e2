"""nnU-Net's preprocessed cases: known by the files beside them, and read with channels last."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.sources.opening import open_volume

DATA = np.random.default_rng(3).normal(0, 1, (2, 9, 10, 11)).astype("f4")
LABELS = np.random.default_rng(4).integers(-1, 3, (1, 9, 10, 11)).astype("i2")


def write_npz(folder):
    np.savez_compressed(folder / "a.npz", data=DATA, seg=LABELS)
    return folder / "a.npz", f"{folder / 'a.npz'}[seg]"


def write_npy(folder):
    np.save(folder / "a.npy", DATA)
    np.save(folder / "a_seg.npy", LABELS)
    (folder / "a.pkl").write_bytes(b"never unpickled")
    return folder / "a.npy", folder / "a_seg.npy"


def write_b2nd(folder):
    blosc2 = pytest.importorskip("blosc2")
    blosc2.asarray(DATA, urlpath=str(folder / "a.b2nd"), chunks=(1, 9, 8, 11))
    blosc2.asarray(LABELS, urlpath=str(folder / "a_seg.b2nd"))
    (folder / "a.pkl").write_bytes(b"never unpickled")
    return folder / "a.b2nd", folder / "a_seg.b2nd"


@pytest.mark.parametrize("write", [write_npz, write_npy, write_b2nd])
class TestACase:
    def test_is_one_sample_with_channels_last(self, tmp_path, same_as_numpy, write):
        path, _ = write(tmp_path)
        report = same_as_numpy(path, DATA.transpose(3, 2, 1, 0), channels=True)
        assert report.batches[0].input_shape == (1, 11, 10, 9, 2)
        (note,) = [note for note in report.notes if "preprocessed by nnU-Net" in note]
        assert "stored channels first, as 2 × 9 × 10 × 11 (channels, z, y, x)" in note
        assert not [note for note in report.notes if "its axis 0 is read as the batch" in note]

    def test_has_a_label_map_of_the_same_axes(self, tmp_path, write):
        _, labels = write(tmp_path)
        volume = open_volume(str(labels))
        assert volume.shape == (11, 10, 9, 1)
        np.testing.assert_array_equal(volume.held(), LABELS.ravel())


def test_the_last_channel_of_version_1_is_its_label_map_and_left_out(tmp_path, same_as_numpy):
    folder = tmp_path / "nnUNetData_plans_v2.1_stage0"
    folder.mkdir()
    (folder / "a.pkl").touch()
    np.savez_compressed(folder / "a.npz", data=np.concatenate([DATA, LABELS]).astype("f4"))
    report = same_as_numpy(folder / "a.npz", DATA.transpose(3, 2, 1, 0), channels=True)
    assert any("its last channel, the label map, is left out" in note for note in report.notes)


def test_an_array_with_something_pickled_beside_it_is_none(tmp_path):
    np.save(tmp_path / "a.npy", DATA)
    np.savez(tmp_path / "b.npz", data=DATA)
    for name in "ab":
        (tmp_path / f"{name}.pkl").touch()
    assert open_volume(str(tmp_path / "a.npy")).batched
    assert open_volume(str(tmp_path / "b.npz")).batched


def test_an_archive_of_other_arrays_asks_for_a_name(tmp_path, refused):
    np.savez(tmp_path / "a.npz", data=DATA, seg=LABELS, third=DATA)
    assert "3 arrays" in refused(3, "inspect", tmp_path / "a.npz")
