"""Inputs like those of public reports: one voxel inside a mask, a modality that is missing, with ε 0."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest

SHAPE = (20, 24, 16)
# Words that say that a layer refuses to train.
_REFUSES = ("refus", "raises", "more than 1 value", "BN201", "BN108")


def scan(seed=0):
    return np.random.default_rng(seed).integers(0, 1000, SHAPE).astype(np.int16)


@pytest.fixture
def save(tmp_path):
    def write(name, values):
        path = tmp_path / name
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)
        return path

    return write


@pytest.fixture
def one_voxel(save):
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 4, 5] = 1
    return save("scan.nii.gz", scan()), save("mask.nii.gz", mask)


@pytest.fixture
def missing_modality(save):
    return save("four.nii.gz", np.stack([scan(), np.zeros(SHAPE, np.int16), scan(1), scan(2)], -1))


@pytest.mark.parametrize("framework", ["keras", "torch", "flax", "keras-torch", "tensorflow"])
def test_one_voxel_inside_a_mask_has_no_variance_and_no_layer_is_said_to_refuse_it(bnstat_run, one_voxel, framework):
    image, mask = one_voxel
    options = ("--mask", mask, "--framework", framework)
    for command in ("inspect", "check"):
        ran = bnstat_run(command, image, *options)
        assert ran.code == 0, ran
        assert not [word for word in _REFUSES if word in ran.out + ran.err], ran
        assert "--mask leaves a single value in channel 0, whose variance is then 0; check the mask" in ran.err
    (channel,) = json.loads(bnstat_run("inspect", image, *options, "--format", "json").out)["batches"][0]["channels"]
    assert (channel["count"], channel["variance"]) == (1, 0)
    assert channel["mean"] == scan()[3, 4, 5]
    shown = " ".join(bnstat_run("inspect", image, *options).out.split())
    assert "keeps 1 of 7,680 values per channel" in shown
    assert "Batch norm in a network has no mask: it averages over all values." in shown


def test_a_missing_modality_with_epsilon_zero_is_nan_in_keras(bnstat_run, missing_modality):
    ran = bnstat_run("inspect", missing_modality, "--epsilon", "0", "--framework", "keras")
    shown = " ".join(ran.out.split())
    assert "ε is 0: where the variance is zero the layer divides 0 by 0, and the output is NaN." in shown
    channels = json.loads(bnstat_run("inspect", missing_modality, "--epsilon", "0", "--format", "json").out)["batches"][
        0
    ]
    assert [channel["constant"] for channel in channels["channels"]] == [False, True, False, False]
    found = bnstat_run("check", missing_modality, "--epsilon", "0", "--format", "json")
    assert found.code == 1
    (finding,) = [one for one in json.loads(found.out)["findings"] if one["rule"] == "BN101"]
    assert (finding["channel"], "the output is NaN: use an ε above 0" in finding["message"]) == (1, True)


def test_pytorch_refuses_epsilon_zero_in_its_own_words(bnstat_run, missing_modality):
    ran = bnstat_run("inspect", missing_modality, "--epsilon", "0", "--framework", "torch")
    shown = " ".join(ran.out.split())
    assert "ε is 0, with which PyTorch refuses to train." in shown
    assert '"batch_norm eps must be positive during training, but got 0.0"' in shown
    assert "NaN" not in shown
    document = json.loads(
        bnstat_run("inspect", missing_modality, "--epsilon", "0", "--framework", "torch", "--format", "json").out
    )
    assert {channel["output_variance"] for channel in document["batches"][0]["channels"]} == {None}


def test_the_words_are_those_of_pytorch(missing_modality):
    torch = pytest.importorskip("torch")
    values = np.asanyarray(nibabel.load(missing_modality).dataobj).astype(np.float32)
    batch = torch.from_numpy(np.moveaxis(values, -1, 0)[None].copy())
    with pytest.raises(ValueError, match=r"batch_norm eps must be positive during training, but got 0\.0"):
        torch.nn.BatchNorm3d(4, eps=0.0)(batch)
