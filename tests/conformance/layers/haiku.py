"""Haiku, without jit."""

from __future__ import annotations

import haiku
import jax
import jax.numpy as jnp
import numpy as np


class BatchNorm:
    WHOLE_BATCH = 0.0

    def __init__(self, shape, setting, _groups):
        given = setting.arguments(epsilon="eps", momentum="decay_rate")

        def forward(batch, training):
            layer = haiku.BatchNorm(create_scale=True, create_offset=True, **given)
            return layer(batch, is_training=training)

        self.forward = haiku.transform_with_state(forward)
        self.parameters, self.state = self.forward.init(jax.random.key(0), jnp.zeros(shape), True)

    def train(self, batch):
        output, self.state = self.forward.apply(self.parameters, self.state, None, jnp.asarray(batch), True)
        return np.asarray(output)

    def evaluate(self, batch):
        return np.asarray(self.forward.apply(self.parameters, self.state, None, jnp.asarray(batch), False)[0])

    def buffers(self):
        kept = (self.state[f"batch_norm/~/{name}_ema"]["average"] for name in ("mean", "var"))
        return tuple(np.asarray(buffer).reshape(-1) for buffer in kept)
