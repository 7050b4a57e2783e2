"""From paths to what enters a network: which axes it gets, where samples are kept, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import CASES, nnunet_v2, whole

from bnstat import OutputError, Patching, Preparation, Reading, UsageError
from bnstat.preprocessing.tensors import prepared_samples
from bnstat.reading import sample_store
from bnstat.reading.feeding import Feeding
from bnstat.reading.sample_store import SampleStore
from bnstat.reading.samples import find_samples
from bnstat.sources.case import Case
from bnstat.sources.opened import plan_case
from bnstat.sources.trainings.nnunet import training_of


@pytest.fixture
def volume():
    return np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.int16)


@pytest.fixture
def plans(tmp_path):
    def write(transpose=(0, 1, 2), patch=(8, 8, 8), name="3d_fullres"):
        values = {
            "patch_size": list(patch),
            "batch_size": 2,
            "architecture": {"arch_kwargs": {"strides": [[2] * len(patch)]}},
        }
        content = {"configurations": {name: values}, "transpose_forward": list(transpose)}
        file = tmp_path / "plans.json"
        file.write_text(json.dumps(content), encoding="utf-8")
        return training_of(f"{file}:{name}")

    return write


USUAL, AS_THEY_ARE = Feeding(), Reading()


def read(paths, feeding=USUAL, reading=AS_THEY_ARE, training=None, *, channels_last=False):
    """All samples of some paths as a list of arrays, and what was told."""
    with find_samples(paths, feeding, reading, training).read(channels_last=channels_last) as found:
        assert len(found) == len(found.identities)
        return [np.array(found[place]) for place in range(len(found))], found


class TestAxes:
    def test_channels_are_first_or_last_and_axes_are_those_of_the_file(self, write_image, volume):
        path = write_image("x.nii.gz", volume)
        ((first,), told) = read([path])
        np.testing.assert_array_equal(first, volume[np.newaxis])
        assert first.dtype == np.float32
        assert told.notes[-1] == "the network gets each sample as 1 × 6 × 5 × 4 (channels, x, y, z)"
        ((last,), told) = read([path], channels_last=True)
        np.testing.assert_array_equal(last, volume[..., np.newaxis])
        assert told.notes[-1] == "the network gets each sample as 6 × 5 × 4 × 1 (x, y, z, channels)"

    @pytest.mark.parametrize("order", ["zyx", "yxz", "xyz"])
    def test_they_come_in_any_order(self, write_image, volume, order):
        ((found,), _) = read([write_image("x.nii.gz", volume)], Feeding(order=order))
        np.testing.assert_array_equal(found[0], volume.transpose(["xyz".index(axis) for axis in order]))

    def test_the_channels_of_several_files_are_one_axis(self, tmp_path):
        root = nnunet_v2(tmp_path / "ds")
        found, told = read([str(root)])
        for case, sample in zip(CASES, found, strict=True):
            np.testing.assert_array_equal(sample, np.moveaxis(whole(case), -1, 0))
        assert [one.source for one in told.identities] == [one.title for one in told.identities]

    @pytest.mark.parametrize("transpose", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
    def test_a_training_of_nnunet_gets_its_arrays(self, write_image, volume, plans, transpose):
        """nnU-Net reads z, y, x and then permutes by `transpose_forward`."""
        ((found,), _) = read([write_image("x.nii.gz", volume)], training=plans(transpose))
        np.testing.assert_array_equal(found[0], volume.transpose(2, 1, 0).transpose(transpose))

    def test_an_order_that_is_given_is_stronger_than_that_of_the_training(self, write_image, volume, plans):
        ((found,), _) = read([write_image("x.nii.gz", volume)], Feeding(order="xyz"), training=plans())
        np.testing.assert_array_equal(found[0], volume)

    def test_slices_of_nnunet_have_two_axes(self, write_image, volume, plans):
        training = plans((0, 1, 2), (4, 4), "2d")
        patches = Reading(preparation=Preparation(patches=Patching((4, 5, 1), 2)))
        found, told = read([write_image("x.nii.gz", volume)], reading=patches, training=training)
        for sample, identity in zip(found, told.identities, strict=True):
            x, y, z = identity.patch.start
            np.testing.assert_array_equal(sample[0], volume[x : x + 4, y : y + 5, z].T)

    def test_a_preprocessed_array_is_in_the_order_of_its_training_already(self, tmp_path, plans, volume):
        case = tmp_path / "nnUNetPlans_3d_fullres"
        case.mkdir()
        stored = np.stack([volume, volume + 1]).astype(np.float32)
        np.savez(case / "a.npz", data=stored, seg=np.zeros((1, *volume.shape), np.int8))
        for name in ("a.pkl",):
            (case / name).write_bytes(b"")
        ((found,), _) = read([str(case / "a.npz")], training=plans((2, 0, 1)))
        np.testing.assert_array_equal(found, stored)

    def test_arrays_stay_as_they_are_in_a_training_of_nnunet(self, plans, volume):
        array = np.stack([volume, volume])[..., np.newaxis]
        found, _ = read([array], training=plans())
        np.testing.assert_array_equal(found[1][0], volume)

    @pytest.mark.parametrize("order", ["", "xx", "abc", "xyzc"])
    def test_an_order_of_other_axes_is_refused(self, order):
        with pytest.raises(UsageError, match="`order` must name axes of the files once each, as in zyx"):
            Feeding(order=order)

    def test_an_order_that_leaves_out_voxels_is_refused(self, write_image, volume):
        with pytest.raises(UsageError, match=r"has 4 voxels along axis z, which `order=yx` leaves out.*\(6, 5, 1\)"):
            read([write_image("x.nii.gz", volume)], Feeding(order="yx"))

    def test_an_order_of_more_axes_than_there_are_is_refused(self):
        with pytest.raises(UsageError, match=r"array 1 has the axes x, y, and the network gets z too"):
            read([np.zeros((2, 9, 9, 1))], Feeding(order="zyx"))

    def test_samples_of_different_shapes_are_said(self, write_image, volume):
        paths = [write_image("a.nii", volume), write_image("b.nii", volume[:5]), write_image("c.nii", volume[:, :4])]
        _, told = read(paths)
        assert told.notes[-1].endswith("as 1 × 6 × 5 × 4 (channels, x, y, z), and in 2 other shapes")


class TestRefused:
    def test_a_moments_file_has_no_voxels(self, write_image, volume, tmp_path, bnstat_run):
        image, kept = write_image("x.nii.gz", volume), tmp_path / "m.jsonl"
        assert bnstat_run("scan", image, "-o", kept).code == 0
        with pytest.raises(UsageError, match=r"m\.jsonl keeps the moments of samples, and a network needs"):
            read([image, str(kept)])

    def test_a_mask_that_counts_voxels_means_nothing_to_a_network(self, write_image, volume):
        image = write_image("x.nii.gz", volume)
        with pytest.raises(UsageError, match=r"`mask=>5` chooses the voxels that are counted"):
            read([image], reading=Reading(preparation=Preparation(mask=">5")))

    def test_a_cluster_runs_no_network(self, write_image, volume):
        with pytest.raises(UsageError, match="`dask` reads moments on a cluster"):
            read([write_image("x.nii.gz", volume)], reading=Reading(dask="tcp://host:1"))

    def test_steps_for_other_channels_are_refused_before_reading(self, write_image, volume):
        with pytest.raises(UsageError, match=r"which .* does not have"):
            find_samples([write_image("x.nii.gz", volume)], Feeding(), Reading(preparation=Preparation("CT=zscore")))

    def test_what_cannot_be_read_is_a_failure_and_the_others_are_read(self, write_image, volume, tmp_path):
        good, bad = write_image("a.nii.gz", volume), write_image("b.nii.gz", volume)
        content = Path(bad).read_bytes()
        Path(bad).write_bytes(content[:-20])
        missing = str(tmp_path / "c.nii.gz")
        found, told = read([bad, good, missing])
        assert len(found) == 1
        assert {failure.source for failure in told.failures} == {missing, bad}
        assert told.identities[0].source == good


class TestStore:
    def test_beyond_the_limit_samples_are_in_a_file_and_the_same(self, monkeypatch, write_image, volume):
        paths = [write_image(f"{name}.nii.gz", volume + place) for place, name in enumerate("abcd")]
        expected, _ = read(paths)
        monkeypatch.setattr(sample_store, "HELD_BYTES", expected[0].nbytes)
        with find_samples(paths, Feeding(), Reading()).read(channels_last=False) as found:
            assert isinstance(found[3], np.memmap)
            assert not isinstance(found[0], np.memmap)
            for place in (2, 0, 3, 1, 2):
                np.testing.assert_array_equal(found[place], expected[place])

    def test_the_file_is_gone_afterwards_and_after_an_exception(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sample_store, "HELD_BYTES", 0)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        for failure in (None, KeyboardInterrupt):
            with suppress(KeyboardInterrupt), SampleStore() as store:
                store.add(np.ones((2, 3), np.float32))
                assert store[0].sum() == 6
                if failure is not None:
                    raise failure
            assert list(tmp_path.iterdir()) == []

    def test_nothing_is_left_over_if_the_process_is_killed(self, tmp_path):
        code = (
            "import os, numpy as np, tempfile\n"
            "from bnstat.reading import sample_store\n"
            "sample_store.HELD_BYTES = 0\n"
            "store = sample_store.SampleStore()\n"
            "store.add(np.ones((4, 4), np.float32))\n"
            "assert store[0].sum() == 16\n"
            "os._exit(9)\n"
        )
        found = subprocess.run([sys.executable, "-c", code], env=_with_temporary(tmp_path), check=False)
        assert found.returncode == 9
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_is_one_line_with_what_to_do(self, monkeypatch):
        monkeypatch.setattr(sample_store, "HELD_BYTES", 0)

        class Full:
            def write(self, _):
                raise OSError(28, "No space left on device")

            def close(self):
                pass

        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
        with (
            SampleStore() as store,
            pytest.raises(OutputError, match=r"No space left on device.*set TMPDIR to a folder"),
        ):
            store.add(np.ones((2, 3), np.float32))


def _with_temporary(folder):
    return {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}


def test_progress_counts_the_bytes_of_all_passes(write_image, volume):
    class Meter:
        def __init__(self):
            self.total, self.read, self.files = 0, 0, 0

        def begin(self, source, files, nbytes):
            assert source
            self.total, self.expected = nbytes, files

        def advance(self, nbytes):
            self.read += nbytes

        def done(self, files):
            self.files += files

    paths = [write_image("a.nii.gz", volume), write_image("b.nii", volume)]
    for steps, passes in ((None, 1), ("zscore", 2), ("clip:p1,p99|zscore", 3)):
        meter = Meter()
        reading = Reading(preparation=Preparation(steps))
        with find_samples(paths, Feeding(), reading).read(channels_last=False, progress=meter):
            assert meter.read == meter.total == passes * 2 * volume.nbytes
            assert meter.files == meter.expected == 2


def test_they_are_what_is_prepared(write_image, volume):
    path = write_image("a.nii.gz", volume)
    preparation = Preparation("zscore", patches=Patching((4, 4, 4), 3, seed=9))
    found, told = read([path], reading=Reading(preparation=preparation))
    prepared = list(prepared_samples(plan_case(Case.of(path), -1, None), preparation))
    assert told.identities == tuple(one.sample for one in prepared)
    assert told.preparation == preparation
    for own, other in zip(found, prepared, strict=True):
        np.testing.assert_array_equal(own, np.moveaxis(other.values, -1, 0))
