"""Flax, both of its interfaces, without jit."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

_GIVEN = {"epsilon": "epsilon", "momentum": "momentum"}


class BatchNorm:
    WHOLE_BATCH = 0.0
    options: ClassVar = {}

    def __init__(self, shape, setting, _groups):
        self.layer = linen.BatchNorm(**self.options, **setting.arguments(**_GIVEN))
        self.state = self.layer.init(jax.random.key(0), jnp.zeros(shape), use_running_average=True)

    def train(self, batch):
        output, changed = self.layer.apply(
            self.state, jnp.asarray(batch), use_running_average=False, mutable=["batch_stats"]
        )
        self.state = {**self.state, **changed}
        return np.asarray(output)

    def evaluate(self, batch):
        return np.asarray(self.layer.apply(self.state, jnp.asarray(batch), use_running_average=True))

    def buffers(self):
        kept = self.state["batch_stats"]
        return np.asarray(kept["mean"]), np.asarray(kept["var"])


class BatchNormTwoPass(BatchNorm):
    options: ClassVar = {"use_fast_variance": False}


class NnxBatchNorm:
    WHOLE_BATCH = 0.0
    options: ClassVar = {}

    def __init__(self, shape, setting, _groups):
        self.layer = nnx.BatchNorm(shape[-1], rngs=nnx.Rngs(0), **self.options, **setting.arguments(**_GIVEN))

    def train(self, batch):
        return np.asarray(self.layer(jnp.asarray(batch), use_running_average=False))

    def evaluate(self, batch):
        return np.asarray(self.layer(jnp.asarray(batch), use_running_average=True))

    def buffers(self):
        return np.asarray(self.layer.mean[...]), np.asarray(self.layer.var[...])


class NnxBatchNormTwoPass(NnxBatchNorm):
    options: ClassVar = {"use_fast_variance": False}


class _Stateless:
    WHOLE_BATCH = None

    def __init__(self, shape, setting, groups):
        self.layer = self.make(groups, setting.arguments(epsilon="epsilon"))
        self.state = self.layer.init(jax.random.key(0), jnp.zeros(shape))

    def train(self, batch):
        return np.asarray(self.layer.apply(self.state, jnp.asarray(batch)))

    def evaluate(self, _batch):
        return None

    def buffers(self):
        return None


class LayerNorm(_Stateless):
    def make(self, _groups, given):
        return linen.LayerNorm(reduction_axes=(1, 2, 3, 4), **given)


class GroupNorm(_Stateless):
    def make(self, groups, given):
        return linen.GroupNorm(groups, **given)


class InstanceNorm(_Stateless):
    def make(self, _groups, given):
        return linen.InstanceNorm(**given)


class RMSNorm(_Stateless):
    def make(self, _groups, given):
        return linen.RMSNorm(reduction_axes=(1, 2, 3, 4), **given)
