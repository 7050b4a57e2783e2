"""TensorFlow's own operations."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class FusedBatchNorm:
    """The running averages are kept by the caller and given to the operation."""

    WHOLE_BATCH = 1.0

    def __init__(self, shape, setting, _groups):
        self.kept = (np.zeros(shape[-1], "f4"), np.ones(shape[-1], "f4"))
        self.given = setting.arguments(epsilon="epsilon", momentum="exponential_avg_factor")

    def call(self, batch, **more):
        unit = tf.ones(batch.shape[-1])
        return tf.compat.v1.nn.fused_batch_norm(
            tf.constant(batch), unit, 0 * unit, mean=self.kept[0], variance=self.kept[1], data_format="NDHWC", **more
        )

    def train(self, batch):
        output, *kept = self.call(batch, is_training=True, **self.given)
        self.kept = tuple(buffer.numpy() for buffer in kept)
        return output.numpy()

    def evaluate(self, batch):
        epsilon = {name: value for name, value in self.given.items() if name == "epsilon"}
        return self.call(batch, is_training=False, **epsilon)[0].numpy()

    def buffers(self):
        return self.kept


class Moments:
    """No layer: ε is the caller's, and there are no buffers."""

    WHOLE_BATCH = None

    def __init__(self, _shape, setting, _groups):
        self.epsilon = setting.epsilon

    def train(self, batch):
        self.last = tf.nn.moments(tf.constant(batch), axes=[0, 1, 2, 3])
        return tf.nn.batch_normalization(tf.constant(batch), *self.last, None, None, self.epsilon).numpy()

    def statistics(self):
        return tuple(statistic.numpy() for statistic in self.last)

    def evaluate(self, _batch):
        return None

    def buffers(self):
        return None
