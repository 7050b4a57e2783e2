"""Findings say nothing of what a layer has not: neighbours, running statistics, a bias, a mask, channels of its own."""

from __future__ import annotations

import itertools
import math

import nibabel as nib
import numpy as np
import pytest

import bnstat

NORMALIZERS = ("batch", "instance", "layer", "group:2", "rms", "weight-init")


def volumes(tmp_path, values):
    """Return the paths of volumes, which are channels last and of several axes."""
    paths = []
    for place, one in enumerate(values):
        paths.append(tmp_path / f"case_{place:02d}.nii")
        nib.Nifti1Image(np.asarray(one, np.float32), np.eye(4)).to_filename(paths[-1])
    return paths


def cohort(tmp_path, shift=20.0):
    """Return twelve volumes of two channels whose means differ."""
    draw = np.random.default_rng(3)
    return volumes(tmp_path, [draw.normal(100 + shift * draw.normal(), 9, (6, 6, 6, 2)) for _ in range(12)])


def messages(report, *rules):
    return [one.message for one in report.findings if not rules or one.rule in rules]


def faulty(tmp_path):
    """Return two volumes of two channels that have every fault of data that a rule judges."""
    draw = np.random.default_rng(5)
    good = draw.normal(0, 1, (4, 4, 4, 2))
    bad = good.copy()
    bad[..., 1] = 3.0
    bad[0, 0, 0, 0] = 1e5
    return volumes(tmp_path, [good, bad])


@pytest.mark.parametrize(("framework", "normalizer"), list(itertools.product(("keras", "torch", "flax"), NORMALIZERS)))
@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_no_finding_speaks_of_what_the_layer_has_not(tmp_path, framework, normalizer, size, value):
    paths = faulty(tmp_path)
    if value is not None:
        image = np.asarray(nib.load(paths[1]).dataobj).copy()
        image[1, 1, 1, 0] = value
        nib.Nifti1Image(image, np.eye(4)).to_filename(paths[1])
    settings = {"framework": framework, "normalizer": normalizer, "batch_size": size, "dtype": "float16"}
    found = bnstat.check(paths, **settings, steps=10)
    text = " ".join(one.message for one in found.findings)
    layer = found.settings.layer
    if size == 1 or layer.by_sample:
        assert "all samples of the batch" not in text
        assert "share its batch" not in text
    if not layer.keeps_running:
        assert "running" not in text.replace("running statistics, so it has", "")
    if normalizer == "rms" or (framework == "torch" and normalizer == "instance"):
        assert "constant β" not in text
    if normalizer == "weight-init":
        assert "output are then NaN" not in text


def test_noise_at_batch_size_1_has_no_neighbours_to_depend_on(tmp_path):
    paths = cohort(tmp_path)
    (alone, *_) = messages(bnstat.check(paths), "BN202")
    assert "share its batch" not in alone
    assert "at batch size 1, so training subtracts from each sample its own mean" in alone
    (together, *_) = messages(bnstat.check(paths, batch_size=2), "BN202")
    assert "so the output for a sample depends on which others share its batch" in together
    (shortfall, *_) = messages(bnstat.check(paths), "BN203")
    assert "because a batch contains none of the differences between samples" in shortfall


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_mask_of_one_voxel_is_noted_and_no_layer_refuses_it(tmp_path, framework):
    values = np.zeros((8, 8, 8))
    values[3, 3, 3] = 5.5  # no whole number, which with 0 would be that of a label
    paths = volumes(tmp_path, [values])
    found = bnstat.check(
        paths, framework=framework, reading=bnstat.Reading(preparation=bnstat.Preparation(mask="nonzero"))
    )
    assert not messages(found)
    assert any("`mask` leaves a single value in channel 0" in note for note in found.notes)


def test_no_compared_layer_is_said_to_refuse_a_mask_of_one_voxel(tmp_path):
    values = np.zeros((8, 8, 8))
    values[3, 3, 3] = 5.0
    reading = bnstat.Reading(preparation=bnstat.Preparation(mask="nonzero"))
    asked = {"by": "frameworks", "values": ["keras", "torch"]}
    found = bnstat.compare_layers(volumes(tmp_path, [values]), reading=reading, **asked)
    assert not any("refuse" in sentence for sentence in found.opening)
    whole = bnstat.compare_layers(volumes(tmp_path, [values[:1, :1, :1]]), **asked)
    assert whole.opening[0] == "PyTorch refuses to train on a single value; Keras would train."


@pytest.mark.parametrize(("samples", "refused"), [(1, True), (2, False)])
def test_group_norm_counts_a_group_in_all_samples_of_the_batch(tmp_path, samples, refused):
    values = [np.full((1, 1, 1, 2), float(place)) for place in range(samples)]
    settings = {"framework": "torch", "normalizer": "group:2", "batch_size": samples}
    report = bnstat.diagnose(volumes(tmp_path, values), **settings)
    assert any("refuses to train" in one.message for one in report.findings) == refused
    assert all((part.prediction is None) == refused for batch in report.batches for part in batch.parts)


@pytest.mark.parametrize(("framework", "kept"), [("torch", None), ("keras", 0.99), ("keras2", None)])
def test_one_value_inside_a_mask_has_no_unbiased_variance_to_keep(tmp_path, framework, kept):
    values = np.zeros((1, 4, 4, 4, 1))
    values[0, 1, 1, 1] = 7
    np.save(tmp_path / "one.npy", values)
    reading = bnstat.Reading(preparation=bnstat.Preparation(mask="nonzero"))
    report = bnstat.diagnose(tmp_path / "one.npy", framework=framework, axis=4, reading=reading)
    assert report.batches[0].channels[0].running_variance == kept


def test_a_channel_that_is_constant_inside_a_mask_is_not_constant_for_the_layer(tmp_path):
    values = np.random.default_rng(0).normal(0, 1, (8, 8, 8))
    values[2:4, 2:4, 2:4] = 9.0
    paths = volumes(tmp_path, [values])
    reading = bnstat.Reading(preparation=bnstat.Preparation(mask=">8"))
    (message,) = messages(bnstat.check(paths, reading=reading), "BN101")
    assert "is constant inside the mask: all 8 values are 9" in message
    assert "The layer has no mask, and reduces the voxels outside of it too." in message
    assert "β" not in message


@pytest.mark.parametrize(
    ("normalizer", "expected"), [("batch", True), ("instance", True), ("layer", False), ("rms", False)]
)
def test_channels_first_matters_to_layers_that_keep_an_axis(normalizer, expected):
    values = np.random.default_rng(0).normal(0, 1, (1, 4, 16, 16, 16)).astype(np.float32)
    found = bnstat.diagnose(values, normalizer=normalizer)
    assert bool(messages(found, "BN402")) == expected


@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_two_kinds_of_data_mix_only_where_samples_share_a_batch(tmp_path, normalizer):
    draw = np.random.default_rng(7)
    scale = [1.0] * 16 + [40.0] * 4
    paths = volumes(tmp_path, [one * (100 + draw.normal(0, 9, (6, 6, 6, 2))) for one in scale])
    for size in (1, 2):
        (message, *_) = messages(bnstat.check(paths, normalizer=normalizer, batch_size=size), "BN207")
        shares = normalizer in ("batch", "weight-init") and size > 1
        assert ("share a batch" in message) == shares


@pytest.mark.parametrize("framework", ["keras", "flax", "onnx", "haiku", "tensorflow-fused"])
def test_a_single_value_without_epsilon_is_nan(framework):
    given = {"axis": 4, "momentum": 0.9} if framework == "haiku" else {"axis": 4}
    found = bnstat.diagnose(np.ones((1, 1, 1, 1, 2), np.float32), framework=framework, epsilon=0, **given)
    (message,) = messages(found, "BN201")
    assert "the output is NaN, because 0 is divided by 0 without ε" in message
    assert "β" not in message


def test_a_batch_norm_of_pytorch_raises_without_epsilon_whatever_the_data_are():
    values = np.random.default_rng(0).normal(0, 1, (2, 6, 6, 6, 1)).astype(np.float32)
    found = bnstat.check(values, framework="torch", epsilon=0.0, axis=4)
    (message,) = messages(found, "BN108")
    assert '"batch_norm eps must be positive during training, but got 0.0"' in message
    assert found.failed
    assert not messages(bnstat.check(values, framework="torch", normalizer="instance", epsilon=0.0, axis=4), "BN108")
    assert not messages(bnstat.check(values, framework="torch", epsilon=1e-12, axis=4), "BN108")


@pytest.mark.parametrize(("epsilon", "told"), [(1e-3, False), (1e-12, True)])
def test_a_tiny_epsilon_lets_rounding_take_a_constant_away_from_its_bias(epsilon, told):
    values = np.full((2, 6, 6, 6, 1), 1000.3, np.float32)
    message, _ = messages(bnstat.diagnose(values, framework="torch", epsilon=epsilon), "BN101")
    assert ("give or take" in message) == told


@pytest.mark.parametrize("epsilon", [0.0, 1e-50])
def test_values_whose_variance_float64_cannot_hold_are_nan_without_epsilon(epsilon):
    values = (1e-170 * np.tile([-1.0, 1.0], 500)).reshape(1, -1, 1)
    (finding,) = [one for one in bnstat.diagnose(values, epsilon=epsilon).findings if one.rule == "BN102"]
    assert "the output is NaN: use an ε above 0" in finding.message
