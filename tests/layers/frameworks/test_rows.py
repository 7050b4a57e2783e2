"""Every preset against what was measured of its layer, and some layers again where they are installed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bnstat import Moments
from bnstat.layers.arithmetic.arithmetics import ARITHMETICS
from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS
from bnstat.layers.frameworks.framework import RUNNING_START, Framework
from bnstat.layers.normalizers.batch import normalize
from bnstat.layers.settings import Settings

# What each layer was measured to do: weighs, what its momentum is the weight of; w, the weight of a batch; ddof of the
# variance that goes into the running one; start of that; least values; –, no default or nothing kept.
MEASURED = """
# name                 normalizer ε     mom. weighs w    ddof start debiased cumul. least axis renorm arithmetic
keras                  batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    hull
torch                  batch      1e-05 0.1  batch  0.1  1    1     no       yes    2     1    no     float64
torch-channels-last    batch      1e-05 0.1  batch  0.1  1    1     no       yes    2     1    no     threads
torch-cuda             batch      1e-05 0.1  batch  0.1  1    1     no       yes    2     1    no     welford
torch-syncbn           batch      1e-05 0.1  batch  0.1  1    1     no       yes    2     1    no     welford
torch-instance         instance   1e-05 –    –      –    –    –     no       no     2     1    no     float64
torch-instance-track   instance   1e-05 0.1  batch  0.1  1    1     no       no     2     1    no     float64
torch-layer            layer      1e-05 –    –      –    –    –     no       no     1     1    no     welford
torch-group            group      1e-05 –    –      –    –    –     no       no     2     1    no     welford
torch-group-channels-last group   1e-05 –    –      –    –    –     no       no     2     1    no     one-pass-chunks
keras-jax              batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    tree
keras-torch            batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    one-pass-cascade
keras-tensorflow       batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    sequential
keras-tensorflow-axis1 batch      0.001 0.99 old    0.01 0    1     no       no     1     1    yes    blocked
keras-tensorflow-sync  batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    one-pass-plain
keras2                 batch      0.001 0.99 old    0.01 1    1     no       no     1     -1   no     sequential
keras2-nonfused        batch      0.001 0.99 old    0.01 0    1     no       no     1     -1   yes    sequential
tensorflow-fused       batch      0.001 1    batch  1    1    1     no       no     1     -1   no     sequential
tensorflow             batch      –     –    old    –    0    1     no       no     1     -1   no     sequential
flax                   batch      1e-05 0.99 old    0.01 0    1     no       no     1     -1   no     one-pass-clamped
flax-two-pass          batch      1e-05 0.99 old    0.01 0    1     no       no     1     -1   no     tree
flax-layer             layer      1e-06 –    –      –    –    –     no       no     1     -1   no     one-pass-clamped
flax-group             group      1e-06 –    –      –    –    –     no       no     1     -1   no     one-pass-clamped
flax-instance          instance   1e-06 –    –      –    –    –     no       no     1     -1   no     one-pass-clamped
keras-layer            layer      0.001 –    –      –    –    –     no       no     1     -1   no     hull-layer
keras-group            group      0.001 –    –      –    –    –     no       no     1     -1   no     hull
haiku                  batch      1e-05 –    old    –    0    0     yes      no     1     -1   no     one-pass
onnx                   batch      1e-05 0.9  old    0.1  0    1     no       no     1     1    no     lanes
mlx                    batch      1e-05 0.1  batch  0.1  1    1     no       no     2     -1   no     rows
"""
FACTS = [line.split() for line in MEASURED.strip().splitlines() if not line.startswith("#")]
NOT_MEASURED = {"keras-rms": 1e-6, "torch-rms": 2**-23, "flax-rms": 1e-6}


def said(value):
    return "–" if value is None else f"{value:g}"


def in_words(row):
    """A preset as a line of the table."""
    keeps = row.keeps_running
    return [
        *(row.name, row.normalizer, said(row.epsilon), said(row.momentum), row.momentum_weighs or "–"),
        *(said(row.default_batch_weight), said(int(row.unbiased_running_variance) if keeps else None)),
        said(row.running_start[1] if keeps else None),
        *("yes" if fact else "no" for fact in (row.debiased, row.cumulative)),
        *(str(row.least_values), str(row.channels_axis), "yes" if row.renorm else "no", row.arithmetic.name),
    ]


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: facts[0])
def test_a_preset_has_the_values_that_were_measured(facts):
    assert in_words(FRAMEWORKS[facts[0]]) == facts


def test_there_are_these_presets_and_those_of_rms_norm():
    assert set(FRAMEWORKS) == {facts[0] for facts in FACTS} | set(NOT_MEASURED)
    for name, epsilon in NOT_MEASURED.items():
        assert (FRAMEWORKS[name].normalizer, FRAMEWORKS[name].epsilon) == ("rms", epsilon)
    assert list(BATCH_NORMS) == [name for name, row in FRAMEWORKS.items() if row.normalizer == "batch"]
    assert len(BATCH_NORMS) == 19


@pytest.mark.parametrize("row", FRAMEWORKS.values(), ids=list(FRAMEWORKS))
def test_a_preset_is_whole(row):
    assert row.arithmetic is ARITHMETICS[row.arithmetic.name]
    assert row.maker in BATCH_NORMS
    assert (row.layout == "channels last") == (row.channels_axis == -1)
    assert (row.refusal is not None) == (row.least_values == 2)
    assert row.keeps_running == (row.momentum_weighs is not None)
    assert any(digit in row.source for digit in "0123456789")
    assert row.epsilon is None or row.epsilon > 0


def test_only_pytorch_tracking_instance_norm_averages_variances_of_items():
    assert [row.name for row in FRAMEWORKS.values() if row.running_variance == "item-unbiased"] == [
        "torch-instance-track"
    ]


def test_every_arithmetic_has_a_preset():
    assert {row.arithmetic.name for row in FRAMEWORKS.values()} == set(ARITHMETICS)


@pytest.mark.parametrize("row", [row for row in FRAMEWORKS.values() if row.momentum is not None], ids=lambda r: r.name)
def test_one_momentum_follows_from_the_other(row):
    weight = row.batch_weight(row.momentum)
    assert weight == pytest.approx(row.momentum if row.momentum_weighs == "batch" else 1 - row.momentum)
    assert row.weight_at(1, row.momentum) == row.weight_at(9, row.momentum) == weight


def test_a_cumulative_mean_weighs_each_batch_alike():
    torch = FRAMEWORKS["torch"]
    assert [torch.weight_at(step, None) for step in (1, 2, 4)] == [1.0, 0.5, 0.25]
    assert FRAMEWORKS["torch-instance-track"].weight_at(1, None) is None


def test_haikus_average_is_that_of_the_batch_after_one_step_and_its_own_average_later():
    haiku, values, decay = FRAMEWORKS["haiku"], (3.0, -1.0, 4.0, 10.0), 0.7
    assert haiku.weight_at(1, None) == 1.0
    assert haiku.weight_at(2, None) is None
    hidden = average = 0.0
    for step, value in enumerate(values, start=1):
        hidden = decay * hidden + (1 - decay) * value
        weight = haiku.weight_at(step, decay)
        average = (1 - weight) * average + weight * value
        assert average == pytest.approx(hidden / (1 - decay**step), rel=1e-12)


def test_a_decay_of_one_adds_nothing_so_that_haiku_divides_0_by_0():
    assert FRAMEWORKS["haiku"].weight_at(1, 1.0) is None
    assert FRAMEWORKS["haiku"].weight_at(3, 1.0) is None


def test_a_layer_without_running_statistics_has_no_weight():
    assert FRAMEWORKS["torch-layer"].weight_at(1, None) is None
    assert FRAMEWORKS["tensorflow"].weight_at(1, None) is None


def test_bessels_correction_of_one_value_is_one():
    assert [FRAMEWORKS[name].bessel(1) for name in ("keras2", "tensorflow-fused", "keras")] == [1.0, 1.0, 1.0]
    assert FRAMEWORKS["keras2"].bessel(5) == 1.25
    assert FRAMEWORKS["keras"].bessel(5) == 1.0


def after_a_step(framework, values, momentum=None, epsilon=None):
    """The only channel of one batch under a preset's defaults, or others."""
    preset = FRAMEWORKS[framework]
    settings = Settings(
        preset,
        preset.epsilon if epsilon is None else epsilon,
        preset.momentum if momentum is None else momentum,
    )
    return normalize(Moments.from_array(np.reshape(values, (-1, 1)))[np.newaxis], settings)[0]


VALUES = np.random.default_rng(3).normal(5, 2, 1000)


def test_one_value_leaves_a_running_variance_in_keras_2():
    found = after_a_step("keras2", [4.0])
    assert (found.running_mean, found.running_variance) == (pytest.approx(0.04), pytest.approx(0.99))
    assert after_a_step("torch-syncbn", [4.0]).running_variance is None


def test_the_fused_operation_replaces_the_running_statistics():
    found = after_a_step("tensorflow-fused", VALUES)
    assert found.running_mean == pytest.approx(VALUES.mean())
    assert found.running_variance == pytest.approx(VALUES.var(ddof=1))


@pytest.mark.parametrize("momentum", [None, 0.0, 0.7])
def test_haiku_has_the_statistics_of_the_batch_after_one_step(momentum):
    found = after_a_step("haiku", VALUES, momentum)
    assert found.running_mean == pytest.approx(VALUES.mean(), rel=1e-12)
    assert found.running_variance == pytest.approx(VALUES.var(), rel=1e-12)


def test_what_depends_on_an_epsilon_or_momentum_that_is_not_known_is_undefined():
    found = after_a_step("tensorflow", VALUES)
    for name in ("gain", "output_variance", "output_std", "epsilon_share", "running_mean", "running_variance"):
        assert getattr(found, name) is None
    assert found.variance == pytest.approx(VALUES.var(), rel=1e-12)
    known = after_a_step("tensorflow", VALUES, momentum=0.9, epsilon=1e-3)
    assert known.gain == pytest.approx(1 / math.sqrt(VALUES.var() + 1e-3))
    assert known.running_mean == pytest.approx(0.1 * VALUES.mean())


def test_settings_say_whether_the_mean_is_cumulative():
    torch, haiku = FRAMEWORKS["torch"], FRAMEWORKS["haiku"]
    assert Settings(torch, 1e-5, None).cumulative
    assert not Settings(torch, 1e-5, 0.1).cumulative
    assert not Settings(haiku, 1e-5, None).cumulative


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def tensor(torch):
    """Values of shape (3, 1, 4, 5, 6)."""
    return torch.from_numpy(np.random.default_rng(5).normal(5, 2, (3, 1, 4, 5, 6)))


def buffers(layer):
    return float(layer.running_mean), float(layer.running_var)


@pytest.mark.parametrize("momentum", [0.1, 0.25, None])
def test_pytorch_keeps_what_is_predicted(torch, tensor, momentum):
    layer = torch.nn.BatchNorm3d(1, momentum=momentum).double()
    layer(tensor)
    preset = FRAMEWORKS["torch"]
    settings = Settings(preset, preset.epsilon, momentum)
    (found,) = normalize(Moments.from_array(tensor.numpy().reshape(-1, 1))[np.newaxis], settings)
    assert buffers(layer) == pytest.approx((found.running_mean, found.running_variance), rel=1e-10)


def test_pytorchs_defaults_are_those_of_its_presets(torch):
    kinds = {
        "torch": torch.nn.BatchNorm3d(2),
        "torch-syncbn": torch.nn.SyncBatchNorm(2),
        "torch-instance-track": torch.nn.InstanceNorm3d(2, track_running_stats=True),
    }
    for name, layer in kinds.items():
        assert (layer.eps, layer.momentum) == (FRAMEWORKS[name].epsilon, FRAMEWORKS[name].momentum)
        assert (float(layer.running_mean[0]), float(layer.running_var[0])) == FRAMEWORKS[name].running_start
    for name, layer in (
        ("torch-instance", torch.nn.InstanceNorm3d(2)),
        ("torch-layer", torch.nn.LayerNorm(2)),
        ("torch-group", torch.nn.GroupNorm(1, 2)),
    ):
        assert layer.eps == FRAMEWORKS[name].epsilon
        assert getattr(layer, "running_mean", None) is None
    rms = torch.nn.RMSNorm(2)
    assert rms.eps is None
    assert FRAMEWORKS["torch-rms"].epsilon == torch.finfo(torch.float32).eps


@pytest.mark.parametrize("momentum", [0.1, None])
def test_pytorchs_instance_norm_averages_items_and_has_no_cumulative_mean(torch, tensor, momentum):
    layer = torch.nn.InstanceNorm3d(1, momentum=momentum, track_running_stats=True).double()
    layer(tensor)
    items = tensor.numpy().reshape(3, -1)
    weight = FRAMEWORKS["torch-instance-track"].weight_at(1, momentum) or 0.0
    expected = (weight * items.mean(), 1 - weight + weight * items.var(axis=1, ddof=1).mean())
    assert buffers(layer) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("name", "kind", "shape", "seen"),
    [
        ("torch", "BatchNorm3d", (1, 2, 1, 1, 1), [1, 2, 1, 1, 1]),
        ("torch-instance", "InstanceNorm3d", (2, 2, 1, 1, 1), [2, 2, 1, 1, 1]),
        ("torch-group", "GroupNorm", (1, 2, 1, 1, 1), [1, 2, 1, 1, 1]),
        ("torch-layer", "LayerNorm", (1, 1, 1, 1, 1), None),
        ("torch-group", "GroupNorm", (2, 2, 1, 1, 1), None),
    ],
)
def test_pytorch_refuses_in_the_words_of_its_preset(torch, name, kind, shape, seen):
    made = {"GroupNorm": lambda: torch.nn.GroupNorm(2, 2), "LayerNorm": lambda: torch.nn.LayerNorm(shape[1:])}
    layer = made.get(kind, lambda: getattr(torch.nn, kind)(shape[1]))()
    if seen is None:
        layer(torch.zeros(shape))
        return
    with pytest.raises(ValueError, match="Expected more than 1") as raised:
        layer(torch.zeros(shape))
    assert str(raised.value) == FRAMEWORKS[name].refusal.format(shape=seen)


def test_keras_defaults_are_those_of_its_presets(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    layers = pytest.importorskip("keras").layers
    batch = layers.BatchNormalization()
    preset = FRAMEWORKS["keras"]
    assert (batch.epsilon, batch.momentum) == (preset.epsilon, preset.momentum)
    assert layers.LayerNormalization().epsilon == FRAMEWORKS["keras-layer"].epsilon
    assert layers.GroupNormalization().epsilon == FRAMEWORKS["keras-group"].epsilon
    if hasattr(layers, "RMSNormalization"):
        assert layers.RMSNormalization().epsilon == FRAMEWORKS["keras-rms"].epsilon


def test_a_preset_is_named_in_full_and_cannot_be_changed():
    keras = FRAMEWORKS["keras"]
    with pytest.raises(AttributeError):
        keras.epsilon = 1.0
    with pytest.raises(TypeError):
        Framework("mine")
    assert replace(keras, epsilon=1.0) != keras
    assert keras.running_start == RUNNING_START
