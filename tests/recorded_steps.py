"""Made-up training steps, and recordings of them."""

from __future__ import annotations

import numpy as np

from bnstat.moments.moments import Moments
from bnstat.networks.recordings.entered import Described, Entered
from bnstat.networks.recordings.file import RecordingFile

SETTINGS = {"framework": "pytorch", "model": "Net", "parameters": 10, "rank": 0, "ranks": 1, "first_step": 0}


def entered(batch, layer="norm", *, kind="batch", running=None, frozen=False, dtype="float32"):
    """What enters a layer: an array of samples and channels."""
    mean, variance = (None, None) if running is None else map(np.asarray, running)
    moments = Moments.stack([Moments.from_array(sample, axis=0) for sample in batch])
    return Entered(layer, kind, batch.shape, 1, dtype, frozen, moments, mean, variance)


def write(path, steps, *, every=1, momentum=0.1, layers=("norm",), batch_size=None, close=True):
    """Write a recording of (step, layers that were entered)."""
    file = RecordingFile(path)
    file.start({**SETTINGS, "every": every}, [Described(name, "batch", 1e-5, momentum, None) for name in layers])
    for step, listed in steps:
        file.step(step, batch_size or listed[0].shape[0], listed)
    if close:
        file.close(steps[-1][0] + 1 if steps else 0)
    return str(path)


def training(steps, samples, *, between=0.5, lag=0.0, seed=0, channels=2, values=64, every=1):
    """Steps of independent batches with mean 10, and running statistics that are right but for a lag in SD."""
    rng = np.random.default_rng(seed)
    total = 1 + between**2
    for step in range(0, steps * every, every):
        offsets = between * rng.normal(size=(samples, channels, 1))
        batch = (10 + offsets + rng.normal(size=(samples, channels, values))).astype("f4")
        running = np.full(channels, 10 + lag * total**0.5), np.full(channels, total)
        yield step, [entered(batch, running=running)]
