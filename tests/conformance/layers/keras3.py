"""Keras 3 on the backend that KERAS_BACKEND names."""

from __future__ import annotations

from typing import ClassVar

import keras
import numpy as np
from keras import layers

_GIVEN = {"epsilon": "epsilon", "momentum": "momentum"}


class BatchNorm:
    WHOLE_BATCH = 0.0
    options: ClassVar = {}
    axis = -1

    def __init__(self, _shape, setting, _groups):
        self.layer = layers.BatchNormalization(axis=self.axis, **self.options, **setting.arguments(**_GIVEN))

    def call(self, batch, training):
        moved = np.ascontiguousarray(np.moveaxis(batch, -1, self.axis))
        return np.moveaxis(keras.ops.convert_to_numpy(self.layer(moved, training=training)), self.axis, -1)

    def train(self, batch):
        return self.call(batch, training=True)

    def evaluate(self, batch):
        return self.call(batch, training=False)

    def buffers(self):
        kept = (self.layer.moving_mean, self.layer.moving_variance)
        return tuple(keras.ops.convert_to_numpy(buffer).copy() for buffer in kept)


class BatchNormAxis1(BatchNorm):
    axis = 1


class BatchNormSynchronized(BatchNorm):
    options: ClassVar = {"synchronized": True}


class _Stateless:
    WHOLE_BATCH = None

    def __init__(self, _shape, setting, groups):
        self.layer = self.make(groups, setting.arguments(epsilon="epsilon"))

    def train(self, batch):
        return keras.ops.convert_to_numpy(self.layer(batch))

    def evaluate(self, _batch):
        return None

    def buffers(self):
        return None


class GroupNorm(_Stateless):
    def make(self, groups, given):
        return layers.GroupNormalization(groups, **given)


class InstanceNorm(_Stateless):
    def make(self, _groups, given):
        return layers.GroupNormalization(-1, **given)


class LayerNorm(_Stateless):
    def make(self, _groups, given):
        return layers.LayerNormalization(axis=(1, 2, 3, 4), **given)


class RMSNorm(_Stateless):
    def make(self, _groups, given):
        return layers.RMSNormalization(axis=(1, 2, 3, 4), **given)
