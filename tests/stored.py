"""Checkpoints made by hand: as values, and as files of numpy, which need no framework."""

from __future__ import annotations

import numpy as np

from bnstat.networks.checkpoints.audit import audit
from bnstat.networks.checkpoints.settings import AuditSettings
from bnstat.networks.checkpoints.stored import Checkpoint, StoredNormalization


def values(numbers):
    return None if numbers is None else np.asarray(numbers, np.float64)


def layer(name="norm", mean=(0.1, -0.2), variance=(0.5, 0.7), batches=None, dtype="float32", **others):
    """A batch norm; by default nothing is wrong with it."""
    scale, shift = values(others.pop("scale", None)), values(others.pop("shift", None))
    kind = others.pop("kind", "batch")
    return StoredNormalization(name, kind, dtype, values(mean), values(variance), batches, scale, shift, **others)


def audited(*layers, form="torch", **settings):
    """The audit of a checkpoint with these layers."""
    return audit(Checkpoint("model.pt", form, layers), AuditSettings(**settings))


def saved(file="model.npz", **layers):
    """A file with batch norms of these names, each with the tensors that are given; return its name."""
    tensors = {}
    for name, given in layers.items():
        own = {"running_mean": [0.1, -0.2], "running_var": [0.5, 0.7], **given}
        tensors |= {
            f"{name.replace('__', '.')}.{key}": np.asarray(value, "i8" if key.startswith("num") else "f4")
            for key, value in own.items()
            if value is not None
        }
    np.savez(file, **tensors)
    return str(file)
