from __future__ import annotations

import gzip
import threading

import nibabel as nib
import numpy as np
import pytest

from bnstat import InputError, Moments
from bnstat.moments import one_pass
from bnstat.sources.layout import Tensor, arrange
from bnstat.sources.opening import open_volume

# More values than a segment has, so that two threads have something to share.
SHAPE = (180, 160, 90, 2)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """The same values plain and compressed."""
    folder = tmp_path_factory.mktemp("volumes")
    values = np.random.default_rng(5).normal(1e4, 3, SHAPE).astype(">f4")
    values[:50] = 0
    nib.Nifti1Image(values, np.eye(4)).to_filename(folder / "plain.nii")
    (folder / "small.nii.gz").write_bytes(gzip.compress((folder / "plain.nii").read_bytes(), 1))
    return folder, values.astype(np.float64)


def table(path, **options):
    volume = open_volume(str(path))
    return one_pass.scan_volume(volume, arrange(volume.shape, order=volume.order, **options))


def bits(moments):
    return [getattr(moments, name).tobytes() for name in ("finite", "mean", "m2", "minimum", "maximum", "mean_tail")]


@pytest.mark.parametrize(
    "options",
    [{}, {"axis": 1}, {"axis": 3}, {"axis": 2, "batch_axis": 3}, {"batch_axis": 0}, {"batch_axis": 2, "axis": 1}],
)
def test_every_cell_equals_numpy_in_float64(volumes, options):
    folder, values = volumes
    found = table(folder / "plain.nii", **options)
    arrangement = arrange(values.shape, order="F", **options)
    samples = np.moveaxis(values, options["batch_axis"], 0) if "batch_axis" in options else values[np.newaxis]
    tensor = samples.reshape(arrangement.samples, *arrangement.tensor.sample_shape)
    cells = np.moveaxis(tensor, arrangement.tensor.axis, 1).reshape(arrangement.samples, arrangement.channels, -1)
    cells = np.ascontiguousarray(cells)  # numpy sums strided data one by one, and loses 1e-11 by it
    np.testing.assert_allclose(found.mean, cells.mean(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(found.variance, cells.var(axis=-1), rtol=1e-11)
    np.testing.assert_array_equal(found.minimum, cells.min(axis=-1))
    np.testing.assert_array_equal(found.maximum, cells.max(axis=-1))


@pytest.mark.parametrize("options", [{}, {"axis": 1}, {"batch_axis": 3, "axis": 2}])
def test_threads_and_compression_change_no_bit(volumes, options, monkeypatch):
    folder, _ = volumes
    found = []
    for processors in (1, 2, 3):
        monkeypatch.setattr(one_pass, "processors", lambda number=processors: number)
        found.append(bits(table(folder / "plain.nii", **options)))
    found.append(bits(table(folder / "small.nii.gz", **options)))
    assert all(one == found[0] for one in found)


def test_all_bytes_are_told_to_whom_it_concerns(volumes):
    folder, values = volumes
    told = []
    volume = open_volume(str(folder / "plain.nii"))
    one_pass.scan_volume(volume, arrange(volume.shape, order="F"), told.append)
    assert sum(told) == 4 * values.size


def test_a_file_that_shrinks_while_it_is_read_is_an_error(volumes, tmp_path):
    folder, _ = volumes
    copy = tmp_path / "copy.nii"
    copy.write_bytes((folder / "plain.nii").read_bytes())
    volume = open_volume(str(copy))
    copy.write_bytes(copy.read_bytes()[:4_000_000])
    with pytest.raises(InputError, match="changed while it was read"):
        one_pass.scan_volume(volume, arrange(volume.shape, order="F"))


def test_memory_does_not_grow_with_the_volume(tmp_path, monkeypatch):
    """One thread has buffers of a block each, whatever the size of the file: traced, not measured from outside."""
    monkeypatch.setattr(one_pass, "processors", lambda: 1)
    import tracemalloc

    peaks = []
    for depth in (60, 240):
        path = tmp_path / f"{depth}.nii"
        nib.Nifti1Image(np.zeros((256, 256, depth), np.float32), np.eye(4)).to_filename(path)
        volume = open_volume(str(path))
        tracemalloc.start()
        one_pass.scan_volume(volume, arrange(volume.shape, order="F"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("number", [1, 2, 4])
def test_files_side_by_side_are_channels_on_the_kept_axis_and_one_merge_on_another(number):
    shape = (number, 5, 4, 3, 2)  # files, samples, and the axes of a sample, the last of which is joined
    values = np.random.default_rng(number).normal(7, 2, shape)
    whole = np.concatenate(list(values), axis=-1)
    for axis in (1, 2, 3):
        files = [Moments.stack([Moments.from_array(sample, axis - 1) for sample in file]) for file in values]
        found = one_pass.side_by_side(files, Tensor((4, 3, 2 * number), axis))
        cells = np.moveaxis(whole, axis, 1).reshape(5, whole.shape[axis], -1)
        np.testing.assert_array_equal(found.finite, np.full(cells.shape[:2], cells.shape[2]))
        np.testing.assert_allclose(found.mean, cells.mean(axis=-1), rtol=1e-12)
        np.testing.assert_allclose(found.variance, cells.var(axis=-1), rtol=1e-12)
        np.testing.assert_array_equal(found.maximum, cells.max(axis=-1))


class Odd:
    """The change that leaves all values as they are, and keeps the odd ones of some cells alone."""

    classes = 1

    def reduced_type(self, stored):
        return stored

    def split(self, stored, piece, start):
        del piece, start
        return [(stored, stored % 2 == 1)]


@pytest.mark.parametrize("axis", [-1, 1])
def test_cells_of_which_no_value_is_chosen_are_empty_and_change_no_other(tmp_path, axis):
    values = np.random.default_rng(6).integers(0, 50, (40, 30, 20, 3)).astype(np.int16)
    values[..., 1] *= 2  # no odd value
    np.save(tmp_path / "a.npy", values[np.newaxis])
    volume = open_volume(str(tmp_path / "a.npy"))
    arrangement = arrange(volume.shape, order=volume.order, batch_axis=0, batched=True, axis=axis)
    (found,) = one_pass.scan_changed(volume, arrangement, Odd())
    cells = np.moveaxis(values, axis if axis < 0 else axis - 1, 0).reshape(found.shape[1], -1)
    for channel, own in enumerate(cells):
        odd = own[own % 2 == 1].astype(float)
        assert found.finite[0, channel] == odd.size
        assert found.nan[0, channel] == found.inf[0, channel] == 0
        assert found.m2[0, channel] == pytest.approx(((odd - odd.mean()) ** 2).sum() if odd.size else 0.0, rel=1e-12)
        assert found.mean[0, channel] == pytest.approx(odd.mean() if odd.size else 0.0, rel=1e-12)
    cell = one_pass._reduce_some(np.empty(0, np.int16), one_pass.Workspace())
    assert (cell.finite, cell.mean, cell.mean_tail, cell.m2, cell.nan, cell.inf) == (0, 0.0, 0.0, 0.0, 0, 0)


def test_after_ctrl_c_while_others_still_read_they_end_at_their_next_segment(volumes, monkeypatch):
    interrupted, told, given = threading.Event(), threading.Event(), []
    take = one_pass._PlainScan._take

    def taken(scan):
        if threading.current_thread() is threading.main_thread():
            return  # which has nothing left to do, and waits for the other
        interrupted.wait(60)
        given.append(take(scan))
        told.set()
        return

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(one_pass, "processors", lambda: 2)
    monkeypatch.setattr(one_pass._PlainScan, "_take", taken)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", interrupt)
        with pytest.raises(KeyboardInterrupt):
            table(volumes[0] / "plain.nii")
    interrupted.set()
    assert told.wait(60)
    assert given == [None]
