"""`compare` beside the layers themselves: buffers after the same batches, and the outputs of both modes."""

from __future__ import annotations

import os
from itertools import combinations

import numpy as np
import pytest

import bnstat
from bnstat.layers import running

SAMPLES, STEPS, SEED = 9, 25, 3


class Torch:
    """BatchNorm3d; values come and go with channels last."""

    framework = "torch"

    def __init__(self, channels, dtype):
        self.torch = pytest.importorskip("torch")
        self.dtype = getattr(self.torch, dtype)
        self.layer = self.torch.nn.BatchNorm3d(channels).to(self.dtype)

    def train(self, values):
        return self._call(self.layer.train(), values)

    def evaluate(self, values):
        return self._call(self.layer.eval(), values)

    def _call(self, layer, values):
        with self.torch.no_grad():
            out = layer(self.torch.from_numpy(np.moveaxis(values, -1, 1)).to(self.dtype))
        return np.moveaxis(out.double().numpy(), 1, -1)

    @property
    def buffers(self):
        return self.layer.running_mean.double().numpy().copy(), self.layer.running_var.double().numpy().copy()

    @buffers.setter
    def buffers(self, pair):
        for buffer, values in zip((self.layer.running_mean, self.layer.running_var), pair, strict=True):
            buffer.copy_(self.torch.from_numpy(np.asarray(values)))


class Keras:
    """BatchNormalization on PyTorch."""

    framework = "keras"

    def __init__(self, channels, dtype):
        os.environ.setdefault("KERAS_BACKEND", "torch")
        keras = pytest.importorskip("keras")
        self.keras = keras
        self.layer = keras.layers.BatchNormalization(dtype=dtype)
        self.layer.build((None, None, None, None, channels))
        self.dtype = dtype

    def train(self, values):
        return self._call(values, training=True)

    def evaluate(self, values):
        return self._call(values, training=False)

    def _call(self, values, training):
        return self.keras.ops.convert_to_numpy(self.layer(values.astype(self.dtype), training=training)).astype("f8")

    @property
    def buffers(self):
        kept = (self.layer.moving_mean, self.layer.moving_variance)
        return tuple(self.keras.ops.convert_to_numpy(one).astype("f8") for one in kept)

    @buffers.setter
    def buffers(self, pair):
        for buffer, values in zip((self.layer.moving_mean, self.layer.moving_variance), pair, strict=True):
            buffer.assign(np.asarray(values, self.dtype))


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Samples of shape (5, 6, 7, 2), in float32, whose means and spreads differ; and the file that holds them."""
    random = np.random.default_rng(0)
    shape = (SAMPLES, 1, 1, 1, 2)
    values = random.normal(random.normal(2, 1, shape), random.uniform(0.5, 3, shape), (SAMPLES, 5, 6, 7, 2))
    values = values.astype(np.float32)
    path = tmp_path_factory.mktemp("volumes") / "volumes.npy"
    np.save(path, values)
    return path, values


def compared(path, framework, size):
    """The channels of one batch size, of batches of these samples and no others."""
    found = bnstat.compare(path, batch_sizes=[size], framework=framework, population="finite", steps=STEPS, seed=SEED)
    return found.batch_sizes[0].channels


def gap(layer, values, size, buffers):
    """RMS difference of the layer's outputs in both modes, over all batches, under these buffers; for each channel."""
    squares = []
    for chosen in combinations(range(SAMPLES), size):
        batch = values[list(chosen)]
        trained = layer.train(batch)
        layer.buffers = buffers
        squares.append(((trained - layer.evaluate(batch)) ** 2).mean(axis=(0, 1, 2, 3)))
    return np.sqrt(np.mean(squares, axis=0))


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("order", ["shuffled", "independent"])
@pytest.mark.parametrize(("kind", "dtype"), [(Torch, "float32"), (Torch, "float64"), (Keras, "float32")])
def test_a_simulated_run_ends_with_the_buffers_of_the_layer(volumes, kind, dtype, order, size):
    path, values = volumes
    layer = kind(2, dtype)
    for chosen in running.epochs(SAMPLES, size, STEPS, SEED, order):
        layer.train(values[chosen])
    runs = [getattr(channel.simulated, order) for channel in compared(path, kind.framework, size)]
    means, variances = layer.buffers
    np.testing.assert_allclose([run.running_mean for run in runs], means, rtol=1e-6)
    np.testing.assert_allclose([run.running_variance for run in runs], variances, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("kind", "dtype"), [(Torch, "float32"), (Torch, "float64"), (Keras, "float32")])
def test_the_gap_is_that_of_the_layers_outputs_in_both_modes(volumes, kind, dtype, size):
    path, values = volumes
    channels = compared(path, kind.framework, size)
    layer = kind(2, dtype)
    settled = [(channel.running_mean, channel.running_variance) for channel in channels]
    after = [(run.running_mean, run.running_variance) for run in (channel.simulated.shuffled for channel in channels)]
    for buffers, told in (
        (settled, [channel.train_eval_rms for channel in channels]),
        (after, [channel.simulated.shuffled.train_eval_rms for channel in channels]),
    ):
        measured = gap(layer, values, size, [np.array(column) for column in zip(*buffers, strict=True)])
        np.testing.assert_allclose(told, measured, rtol=1e-5)


@pytest.mark.parametrize("kind", [Torch, Keras])
def test_inference_gives_the_variance_that_is_said(volumes, kind):
    path, values = volumes
    channels = compared(path, kind.framework, 2)
    layer = kind(2, "float64")
    columns = zip(*[(channel.running_mean, channel.running_variance) for channel in channels], strict=True)
    layer.buffers = [np.array(column) for column in columns]
    told = [channel.eval_output_variance for channel in channels]
    np.testing.assert_allclose(told, layer.evaluate(values).var(axis=(0, 1, 2, 3)), rtol=1e-6)
