"""Layers beside each other: each entry against a report of its own, outputs against numpy, and the sentences."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat import compare_layers
from bnstat.layers.frameworks import BATCH_NORMS
from bnstat.preprocessing import samples
from bnstat.reports.compare_layers import LayerComparison


@pytest.fixture
def cohort(tmp_path):
    """Five samples of 6 × 5 voxels and 4 channels of different scales; channel 2 is constant, sample 1 is shifted."""
    values = np.random.default_rng(3).normal(size=(5, 6, 5, 4)) * [1.0, 0.03, 0.0, 40.0] + [0.0, 1.0, 7.0, 100.0]
    values[1, ..., 0] += 2.0
    np.save(tmp_path / "x.npy", values)
    return tmp_path / "x.npy"


def same(entry, path, **settings):
    report = bnstat.diagnose(path, **settings)
    assert (entry.report.settings, entry.report.batches) == (report.settings, report.batches)
    assert (entry.report.findings, entry.report.synchronized) == (report.findings, report.synchronized)


@pytest.mark.parametrize("normalizer", [None, "instance", "group:2", "weight-init"])
def test_each_framework_is_what_inspect_tells_of_it(cohort, normalizer):
    names = ["all"] if normalizer in (None, "weight-init") else ["torch", "keras", "flax"]
    settings = {"batch_size": 2, "normalizer": normalizer, "shuffle": True, "seed": 3}
    found = compare_layers(cohort, by="frameworks", values=names, **settings)
    assert [entry.name for entry in found.entries] == (list(BATCH_NORMS) if names == ["all"] else names)
    for entry in found.entries:
        same(entry, cohort, framework=entry.name, **settings)


def test_each_normalizer_is_what_inspect_tells_of_it(cohort):
    names = ["batch", "instance", "layer", "group:2", "rms", "renorm", "weight-init"]
    found = compare_layers(cohort, by="normalizers", values=names, batch_size=2, drop_last=True)
    assert [entry.name for entry in found.entries] == names
    for entry in found.entries:
        same(entry, cohort, normalizer=entry.name, batch_size=2, drop_last=True)


def test_each_epsilon_is_what_inspect_tells_of_it(cohort):
    found = compare_layers(cohort, by="epsilons", values=[1e-3, 1e-5, 1e-8], framework="torch", ranks=2)
    assert [entry.name for entry in found.entries] == ["0.001", "1e-05", "1e-08"]
    for entry in found.entries:
        same(entry, cohort, epsilon=float(entry.name), framework="torch", ranks=2)


def test_every_file_is_read_once(cohort, monkeypatch):
    read = []
    scan = samples.scan_volume
    monkeypatch.setattr(samples, "scan_volume", lambda volume, *rest: read.append(volume.source) or scan(volume, *rest))
    compare_layers(cohort, by="frameworks", values=["all"], emulate=False)
    assert read == [str(cohort)]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_the_output_of_each_channel_is_what_the_layer_gives(cohort, batch_size):
    names = ["batch", "instance", "layer", "group:2", "rms"]
    found = compare_layers(cohort, by="normalizers", values=names, framework="torch", batch_size=batch_size)
    values = np.load(cohort)
    for entry in found.entries:
        for batch, outputs in zip(entry.report.batches, entry.outputs, strict=True):
            given = normalized(values[list(batch.samples)], entry.name, entry.report.settings.epsilon)
            np.testing.assert_allclose(outputs, given.var(axis=(0, 1, 2)), rtol=1e-9, atol=1e-15)


def normalized(x, name, epsilon):
    """A batch of shape (samples, 6, 5, 4) after a layer."""
    if name == "rms":
        return x / np.sqrt((x**2).mean(axis=(1, 2, 3), keepdims=True) + epsilon)
    axes = {"batch": (0, 1, 2), "instance": (1, 2), "layer": (1, 2, 3), "group:2": (1, 2, 4)}[name]
    cut = x.reshape(*x.shape[:3], 2, 2) if name == "group:2" else x
    mean, variance = cut.mean(axis=axes, keepdims=True), cut.var(axis=axes, keepdims=True)
    return ((cut - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)


def test_names_are_resolved_and_count_once(cohort):
    found = compare_layers(cohort, by="frameworks", values=["PyTorch", "torch", "tf", "pytorch"])
    assert [entry.name for entry in found.entries] == ["torch", "tensorflow"]
    found = compare_layers(cohort, by="frameworks", values=["flax", "all"])
    assert [entry.name for entry in found.entries] == ["flax", *(name for name in BATCH_NORMS if name != "flax")]


def test_values_may_be_an_array_or_a_text_alone(cohort):
    found = compare_layers(cohort, by="epsilons", values=np.array([1e-3, 1e-5]))
    assert [entry.name for entry in found.entries] == ["0.001", "1e-05"]
    assert [entry.name for entry in compare_layers(cohort, by="frameworks", values="torch").entries] == ["torch"]


def saved(path, data):
    np.save(path, data)
    return path


def said(path, by, *values, **settings):
    found = compare_layers(path, by=by, values=values, **settings)
    assert isinstance(found, LayerComparison)
    return " ".join(found.differences)


def two_valued(spread):
    """Two channels of mean 0: one of variance 1, one of this variance, in a batch of one sample."""
    signs = np.tile([-1.0, 1.0], 50).reshape(1, 10, 10)
    return np.stack([signs, signs * np.sqrt(spread)], axis=-1)


def test_the_sentence_names_the_channel_that_epsilon_matters_for(tmp_path):
    path = saved(tmp_path / "x.npy", two_valued(0.005))
    text = said(path, "frameworks", "keras", "torch", "flax")
    assert "Moving from Keras to PyTorch or Flax changes channel 1's output variance from 0.8333 to 0.9980" in text
    assert "(ε 0.001 → 1e-05)." in text
    assert "Moving from ε 0.001 to ε 1e-05 changes channel 1's output" in said(path, "epsilons", 1e-3, 1e-5)


def test_where_nothing_differs_it_says_so(tmp_path):
    path = saved(tmp_path / "x.npy", two_valued(900.0))
    for by, values in (("frameworks", ("keras", "flax")), ("epsilons", (1e-3, 1e-8))):
        assert said(path, by, *values).startswith("No channel's output variance differs by more than 1 %.")
    assert said(path, "normalizers", "batch", "instance").startswith("No channel's output variance differs")
    assert said(path, "frameworks", "keras", "torch", normalizer="layer").startswith("No group's output variance")


def test_one_that_does_not_differ_is_told_beside_one_that_does(tmp_path):
    text = said(saved(tmp_path / "x.npy", two_valued(0.005)), "frameworks", "keras", "torch", "keras2")
    assert "With Keras 2 no channel's output variance differs by more than 1 % from that with Keras." in text


def test_running_statistics_differ_by_momentum_and_bessel(tmp_path):
    text = said(saved(tmp_path / "x.npy", two_valued(9.0)), "frameworks", "keras", "torch", "haiku")
    assert "the weight of a batch in them is 0.01 with Keras; 0.1 with PyTorch; 1 with Haiku." in text
    assert "After one training step, channel 1's running variance is 1.080 with Keras and 9.000 with Haiku." in text
    assert "The running variance of Keras and Haiku is biased, and that of PyTorch is n/(n − 1) times as large" in text


def test_what_has_no_epsilon_is_undefined_and_the_others_are_compared(tmp_path):
    text = said(saved(tmp_path / "x.npy", two_valued(0.005)), "frameworks", "tensorflow", "keras", "torch")
    assert "Moving from Keras to PyTorch changes channel 1's" in text
    assert "The output of TensorFlow's tf.nn.moments is undefined without ε" in text
    alone = said(tmp_path / "x.npy", "frameworks", "tensorflow", "keras")
    assert "Fewer than two of these layers have a defined output" in alone
    given = said(tmp_path / "x.npy", "frameworks", "tensorflow", "keras", epsilon=1e-3)
    assert "undefined" not in given


def test_whose_own_sums_are_off_is_said(tmp_path):
    values = np.random.default_rng(2).normal(3000.0, 1.0, (1, 40, 50, 50, 2)).astype("f4")
    path = saved(tmp_path / "x.npy", values)
    text = said(path, "frameworks", "keras-jax", "keras-tensorflow", "tensorflow")
    own = bnstat.diagnose(path, framework="keras-tensorflow").batches[0].channels
    most = max(own, key=lambda channel: abs(channel.prediction.variance - channel.variance))
    assert (
        f"Keras on TensorFlow and TensorFlow's tf.nn.moments compute {most.prediction.variance:.4g} for channel "
        f"{most.channel}'s variance, which is {most.variance:.4g}"
    ) in text
    assert "compute" not in said(path, "frameworks", "keras-jax", "keras-tensorflow", emulate=False)


def test_who_refuses_one_value_is_named(tmp_path):
    text = said(saved(tmp_path / "x.npy", np.ones((1, 1, 1, 3))), "frameworks", "keras", "torch", "torch-cuda", "flax")
    assert "PyTorch refuses to train on a single value; Keras and Flax would train." in text


def test_what_is_normalized_together_is_said(tmp_path):
    text = said(saved(tmp_path / "x.npy", two_valued(0.25)), "normalizers", "batch", "layer", framework="torch")
    assert "changes channel 0's output variance from 1.000 to 1.600 (channels 0–1 are normalized together)" in text
    assert "Batch norm depends on which samples share a batch; layer norm normalizes each sample by itself, so" in text


def test_where_variance_is_zero_with_some_is_said(cohort):
    text = said(cohort, "normalizers", "batch", "instance", "layer", batch_size=5)
    assert text.startswith(
        "Channel 2 is constant: with batch norm its variance is zero. "
        "Channel 2 of sample 0 and 4 more are constant: with instance norm their variance is zero. "
        "Layer norm hides that: channel 2 shares a group with channels 0, 1, 3."
    )


def test_a_sample_that_is_constant_alone_is_not_in_its_batch(tmp_path):
    values = np.random.default_rng(7).normal(size=(3, 4, 5, 2))
    values[1, ..., 0] = 2.0
    text = said(saved(tmp_path / "x.npy", values), "normalizers", "batch", "instance", batch_size=3)
    assert text.startswith("Channel 0 of sample 1 is constant: with instance norm its variance is zero. ")
    assert "With batch norm no variance is zero, because other samples of the batch have other values." in text


def test_the_greatest_difference_comes_first(tmp_path):
    found = compare_layers(saved(tmp_path / "x.npy", two_valued(0.005)), by="frameworks", values=["keras", "torch"])
    assert found.order == ((0, 1), (0, 0))


def test_nan_leaves_an_output_undefined(cohort, tmp_path):
    values = np.load(cohort)
    values[0, 0, 0, 1] = np.nan
    path = saved(tmp_path / "n.npy", values)
    found = compare_layers(path, by="normalizers", values=["batch", "instance", "layer"], batch_size=5)
    assert [entry.outputs[0][1] for entry in found.entries] == [None, None, None]
    assert found.entries[1].outputs[0][0] is not None


def test_one_layer_has_nothing_to_be_compared_with(cohort):
    assert said(cohort, "frameworks", "torch") == ""


@pytest.mark.parametrize(
    ("by", "values", "settings", "message"),
    [
        (
            "layers",
            ["keras"],
            {},
            "`by` must be one of frameworks, normalizers, epsilons, intensities, and is 'layers'",
        ),
        ("frameworks", [], {}, "no frameworks to compare"),
        ("frameworks", ["kears"], {}, "did you mean 'keras'"),
        ("frameworks", ["torch", "haiku"], {"normalizer": "layer"}, "haiku has no layer for layer norm; choose one of"),
        (
            "frameworks",
            ["keras", "torch-layer"],
            {},
            "keras is a layer of batch norm and torch-layer",
        ),
        ("frameworks", ["keras", "torch"], {"momentum": 0.9}, "the old value in keras and of the batch in torch"),
        (
            "normalizers",
            ["batch", "layer"],
            {"framework": "onnx"},
            "onnx has no layer for layer norm; choose one of keras",
        ),
        ("normalizers", ["batch", "group:3"], {}, "group:3 does not divide the 4 channels"),
        ("normalizers", ["instance", "layer"], {"momentum": 0.9}, "none of these normalizers keeps running"),
        ("normalizers", ["batch", "renorm"], {"batch_size": 5}, "renorm needs at least two batches"),
        ("epsilons", [1e-3, -1.0], {}, "`epsilons` must all be 0 or more, and one is -1; Keras would return NaN"),
        ("epsilons", [1e-3], {"batch_size": 9}, "9"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_reading(cohort, monkeypatch, by, values, settings, message):
    monkeypatch.setattr(samples, "scan_volume", None)
    with pytest.raises(bnstat.UsageError, match=message.replace("(", r"\(")):
        compare_layers(cohort, by=by, values=values, **settings)


def test_a_momentum_goes_to_the_normalizers_that_have_one(cohort):
    found = compare_layers(cohort, by="normalizers", values=["batch", "instance"], momentum=0.5)
    assert [entry.report.settings.momentum for entry in found.entries] == [0.5, None]
