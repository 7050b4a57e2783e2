"""PyTorch's layers on a CPU."""

from __future__ import annotations

import os
import tempfile

import numpy as np
import torch


def _to_torch(batch):
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(batch, -1, 1)))


def _from_torch(tensor):
    return np.moveaxis(tensor.detach().contiguous().numpy(), 1, -1)


class _Layer:
    WHOLE_BATCH = 1.0
    tracking = True

    def __init__(self, shape, setting, groups):
        self.layer = self.make(shape, groups, setting)

    def make(self, shape, _groups, setting):
        return self.kind(shape[-1], **setting.arguments(epsilon="eps", momentum="momentum"))

    def prepared(self, batch):
        return _to_torch(batch)

    def train(self, batch):
        return _from_torch(self.layer.train()(self.prepared(batch)))

    def evaluate(self, batch):
        return _from_torch(self.layer.eval()(self.prepared(batch))) if self.tracking else None

    def buffers(self):
        if not self.tracking:
            return None
        return self.layer.running_mean.numpy().copy(), self.layer.running_var.numpy().copy()


class BatchNorm(_Layer):
    kind = torch.nn.BatchNorm3d


class BatchNormChannelsLast(BatchNorm):
    def prepared(self, batch):
        return _to_torch(batch).contiguous(memory_format=torch.channels_last_3d)


class SyncBatchNorm(_Layer):
    kind = torch.nn.SyncBatchNorm

    def __init__(self, shape, setting, groups):
        super().__init__(shape, setting, groups)
        if not torch.distributed.is_initialized():
            meeting = os.path.join(tempfile.mkdtemp(), "store")  # noqa: PTH118
            torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)


class InstanceNorm(_Layer):
    WHOLE_BATCH = None
    kind = torch.nn.InstanceNorm3d
    tracking = False


class InstanceNormTracking(_Layer):
    def make(self, shape, _groups, setting):
        given = setting.arguments(epsilon="eps", momentum="momentum")
        return torch.nn.InstanceNorm3d(shape[-1], track_running_stats=True, **given)


class LayerNorm(_Layer):
    WHOLE_BATCH = None
    tracking = False

    def make(self, shape, _groups, setting):
        return torch.nn.LayerNorm([shape[-1], *shape[1:-1]], **setting.arguments(epsilon="eps"))


class GroupNorm(_Layer):
    WHOLE_BATCH = None
    tracking = False

    def make(self, shape, groups, setting):
        return torch.nn.GroupNorm(groups, shape[-1], **setting.arguments(epsilon="eps"))


class GroupNormChannelsLast(GroupNorm):
    def prepared(self, batch):
        return _to_torch(batch).contiguous(memory_format=torch.channels_last_3d)


class RMSNorm(_Layer):
    WHOLE_BATCH = None
    tracking = False

    def make(self, shape, _groups, setting):
        return torch.nn.RMSNorm([shape[-1], *shape[1:-1]], **setting.arguments(epsilon="eps"))
