"""How arrays are read, by their shape and by the layout that the framework has."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

import bnstat


def values(*shape):
    return np.random.default_rng(0).normal(10, 2, shape).astype(np.float32)


def ways(tmp_path, array):
    """Return the array itself, and the files that hold it."""
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", data=array)
    return (array, tmp_path / "x.npy", tmp_path / "x.npz", f"{tmp_path / 'x.npz'}[data]")


@pytest.mark.parametrize("framework", ["keras", "torch"])
@pytest.mark.parametrize("shape", [(16, 16, 16), (2, 16, 16, 16), (16, 16, 12, 2)])
def test_an_array_that_may_be_one_volume_is_refused_by_every_command(tmp_path, shape, framework):
    for one in ways(tmp_path, values(*shape)):
        for ask in (bnstat.diagnose, bnstat.check, bnstat.compare):
            with pytest.raises(bnstat.UsageError, match=r'may be one volume.*type `batch_axis="none"`'):
                ask(one, framework=framework)


def test_a_scan_and_the_command_line_refuse_it_too(tmp_path, bnstat_run):
    np.save(tmp_path / "case.npy", values(2, 16, 16, 16))
    for command in (["inspect"], ["scan", "-o", str(tmp_path / "m.jsonl")]):
        ran = bnstat_run(*command, str(tmp_path / "case.npy"))
        assert ran.code == 2
        assert "as nnU-Net saves it (type --batch-axis none --axis 1), 2 samples with 16 channels on axis 1" in ran.err
        assert "(--axis 1), or 2 samples with 16 channels on the last axis (--axis 3)" in ran.err


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_the_channel_axis_that_the_message_adds_makes_volumes_of_one_channel(framework):
    pair = values(2, 16, 16, 16)
    (batch,) = bnstat.diagnose(np.expand_dims(pair, -1), framework=framework, batch_size=2).batches
    assert (batch.channel_count, batch.channels[0].count) == (1, pair.size)


@pytest.mark.parametrize("framework", ["keras", "torch", "onnx"])
def test_what_the_message_says_reads_the_case_of_nnunet_as_one_volume(framework):
    case = values(2, 16, 16, 16)
    found = bnstat.diagnose(case, framework=framework, batch_axis="none", axis=1)
    (batch,) = found.batches
    assert (len(found.samples), batch.channel_count, batch.channels[0].count) == (1, 2, 4096)
    assert [one.mean for one in batch.channels] == pytest.approx(case.mean(axis=(1, 2, 3)), rel=1e-6)
    samples = bnstat.diagnose(case, framework=framework, axis=3)
    assert (len(samples.samples), samples.batches[0].channel_count) == (2, 16)


@pytest.mark.parametrize("framework", ["torch", "torch-channels-last", "onnx", "keras-tensorflow-axis1"])
@pytest.mark.parametrize("shape", [(1, 4, 16, 16, 16), (2, 64, 8, 8, 8), (1, 1, 8, 8, 8), (2, 8, 8, 8, 16), (20, 5, 6)])
def test_channels_first_needs_the_axis_unless_the_shape_tells_it(shape, framework):
    last = len(shape) - 1
    said = rf"channels first, and the tensor .* type `axis=1` if they are .*, or `axis={last}` if they are last"
    for ask in (bnstat.diagnose, bnstat.check, bnstat.compare):
        with pytest.raises(bnstat.UsageError, match=said):
            ask(values(*shape), framework=framework)
    for axis in (1, last):
        batches = bnstat.diagnose(values(*shape), framework=framework, axis=axis).batches
        assert batches[0].channel_count == shape[axis]


@pytest.mark.parametrize("shape", [(2, 16, 16, 16, 3), (1, 1000, 1), (2, 1, 8, 8, 1), (32, 64)])
def test_channels_first_reads_an_array_whose_channels_are_last(shape):
    assert bnstat.diagnose(values(*shape), framework="torch").batches[0].channel_count == shape[-1]


def test_one_framework_with_channels_last_makes_the_last_axis_the_common_one():
    found = bnstat.compare_layers(values(2, 8, 8, 8, 16), by="frameworks", values=["keras", "torch"])
    assert found.reference.report.batches[0].channel_count == 16
    with pytest.raises(bnstat.UsageError, match="channels first"):
        bnstat.compare_layers(values(2, 8, 8, 8, 16), by="frameworks", values=["onnx", "torch"])


@pytest.mark.parametrize("framework", ["keras", "torch", "flax"])
@pytest.mark.parametrize(("axis", "which"), [(1, "first"), (2, "second"), (3, "third"), (-1, None), (4, None)])
def test_a_spatial_axis_of_a_volume_is_noted_with_every_framework(tmp_path, framework, axis, which):
    nib.Nifti1Image(values(5, 6, 7), np.eye(4)).to_filename(tmp_path / "x.nii")
    notes = bnstat.diagnose(tmp_path / "x.nii", framework=framework, axis=axis).notes
    told = [note for note in notes if "spatial axis" in note]
    assert len(told) == (which is not None)
    assert all(f"`axis={axis}` keeps the {which} spatial axis" in note for note in told)


def test_an_array_of_three_or_four_axes_is_noted_as_a_batch():
    for shape in ((20, 5, 6), (16, 64, 64, 3)):
        (note,) = bnstat.diagnose(values(*shape)).notes
        assert "its axis 0 is read as the batch" in note
