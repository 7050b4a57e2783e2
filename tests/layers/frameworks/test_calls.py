"""The calls that make layers: every preset has one, and a real layer that it makes gives the promised statistics."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS

# A batch of two volumes with three channels last.
VALUES = np.random.default_rng(8).normal(50, [1, 5, 20], (2, 3, 4, 5, 3))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_preset_has_a_call_without_a_field_that_is_left(name):
    preset = FRAMEWORKS[name]
    call = preset.typed((2, 3, 4, 5, 6), 4, epsilon=0.001, momentum=0.25, groups=2, renorm=None)
    assert re.fullmatch(r"[A-Za-z_.]+[A-Za-z0-9]*(\.[A-Za-z0-9_.]+)?\(.*\)", call)
    assert "{" not in call
    assert "0.001" in call
    assert preset.normalizer == "batch" or not preset.keeps_running or "0.25" in call
    assert preset.momentum is None or "0.25" in call


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_argument_that_is_unknown_is_left_out(name):
    call = FRAMEWORKS[name].typed((2, 6, 7), 2, epsilon=None, momentum=None, groups=2, renorm=None)
    assert not re.search(r"eps|momentum|decay|None|, \)|\(, ", call)


@pytest.mark.parametrize(("shape", "layer"), [((2, 3, 4, 5, 6), "3d"), ((2, 3, 4, 6), "2d"), ((2, 3, 6), "1d")])
def test_pytorchs_layer_is_the_one_for_so_many_axes(shape, layer):
    call = FRAMEWORKS["torch"].typed(shape, len(shape) - 1, epsilon=1e-3, momentum=1 - 0.99)
    assert call == f"torch.nn.BatchNorm{layer}(6, eps=0.001, momentum=0.01)"


def test_an_axis_that_is_not_the_last_is_typed_where_the_layer_has_it():
    assert "(axis=1, epsilon" in FRAMEWORKS["keras"].typed((2, 6, 4, 5, 3), 1, epsilon=1e-3, momentum=0.9)


def calls(first, second, **settings):
    found = bnstat.compare_layers(VALUES, by="frameworks", values=[first, second], batch_size=2, **settings)
    return found, {call.name: call.call for call in found.calls}


def test_pytorchs_call_gives_keras_statistics():
    torch = pytest.importorskip("torch")
    found, typed = calls("keras", "torch")
    layer = eval(typed["torch"], {"torch": torch})
    out = layer(torch.tensor(np.moveaxis(VALUES, -1, 1), dtype=torch.float32)).detach().numpy()
    for channel in found.entries[0].report.batches[0].channels:
        assert out[:, channel.channel].var() == pytest.approx(channel.output_variance, rel=1e-4)
        assert float(layer.running_mean[channel.channel]) == pytest.approx(channel.running_mean, rel=1e-4)
        bessel = channel.count / (channel.count - 1)
        own = (channel.running_variance - 0.99) * bessel + 0.99
        assert float(layer.running_var[channel.channel]) == pytest.approx(own, rel=1e-4)


def test_keras_call_gives_pytorchs_statistics():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    found, typed = calls("keras", "torch")
    layer = eval(typed["keras"], {"keras": keras})
    out = keras.ops.convert_to_numpy(layer(VALUES.astype(np.float32), training=True))
    mean = keras.ops.convert_to_numpy(layer.moving_mean)
    for channel in found.entries[1].report.batches[0].channels:
        # on PyTorch, Keras takes one pass in float32, which at mean 50 and SD 1 loses 2500 times its precision
        assert out[..., channel.channel].var() == pytest.approx(channel.output_variance, rel=1e-3)
        assert mean[channel.channel] == pytest.approx(channel.running_mean, rel=1e-4)


@pytest.mark.parametrize("normalizer", ["instance", "layer", "group:3", "rms"])
def test_pytorchs_other_layers_give_the_output_of_keras(normalizer):
    torch = pytest.importorskip("torch")
    found, typed = calls("keras", "torch", normalizer=normalizer)
    layer = eval(typed["torch"], {"torch": torch})
    out = layer(torch.tensor(np.moveaxis(VALUES, -1, 1), dtype=torch.float32)).detach().numpy()
    for group in found.entries[0].report.batches[0].groups:
        values = out[group.sample, list(group.channels)]
        square = float(np.mean(values**2)) if normalizer == "rms" else float(values.var())
        assert square == pytest.approx(group.output, rel=1e-3)
