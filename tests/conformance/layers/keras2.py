"""Keras 2, as tf_keras."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import tf_keras


class BatchNorm:
    WHOLE_BATCH = 0.0
    options: ClassVar = {}

    def __init__(self, _shape, setting, _groups):
        given = setting.arguments(epsilon="epsilon", momentum="momentum")
        self.layer = tf_keras.layers.BatchNormalization(**self.options, **given)

    def train(self, batch):
        return np.asarray(self.layer(batch, training=True))

    def evaluate(self, batch):
        return np.asarray(self.layer(batch, training=False))

    def buffers(self):
        return self.layer.moving_mean.numpy(), self.layer.moving_variance.numpy()


class BatchNormNotFused(BatchNorm):
    options: ClassVar = {"fused": False}
