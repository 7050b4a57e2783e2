"""MLX on a CPU. The layer takes at most 4 axes, so a volume comes as (N, X·Y·Z, C)."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
from mlx import nn

mx.set_default_device(mx.cpu)


class BatchNorm:
    WHOLE_BATCH = 1.0

    def __init__(self, shape, setting, _groups):
        self.layer = nn.BatchNorm(shape[-1], **setting.arguments(epsilon="eps", momentum="momentum"))

    def run(self, batch):
        rows = mx.array(np.ascontiguousarray(batch)).reshape(batch.shape[0], -1, batch.shape[-1])
        return np.array(self.layer(rows)).reshape(batch.shape)

    def train(self, batch):
        self.layer.train()
        return self.run(batch)

    def evaluate(self, batch):
        self.layer.eval()
        return self.run(batch)

    def buffers(self):
        return np.array(self.layer.running_mean), np.array(self.layer.running_var)
