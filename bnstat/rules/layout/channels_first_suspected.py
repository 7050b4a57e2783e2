"""The kept axis looks like space, and axis 1 like the channels.

What it does: reports a tensor of at least four axes whose last axis is kept, where axis 1 has at most 4 entries and the
last has at least 8, four times as many as axis 1, and is about as long as the one before it: so looks a tensor
(N, C, D, H, W) that is read as (N, D, H, W, C).

Why it matters: PyTorch's tensors have their channels first. With the last axis kept, each column of voxels along the
width is normalized by itself, every channel is mixed into it, and all numbers describe a layer that nobody builds.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(0, 1, (1, 4, 32, 32, 32))
    >>> np.save("saved.npy", values.astype("float32"))
    $ bnstat inspect saved.npy
    warning BN402 channels-first-suspected
      axis 4 of the tensor 1 × 4 × 32 × 32 × 32 is kept and has 32 entries,
      axis 1 has 4: this looks like channels first. If axis 1 holds the
      channels, use --axis 1.

What to do: where axis 1 holds the channels, use `--axis 1`. Where a file has its times there, as MINC has, use
`--batch-axis 0`. Where the last axis does hold the channels, ignore the rule.

Threshold: 4 entries of axis 1, since inputs seldom have more modalities, and with more features than that channels
cannot be told from space; 8 entries of the last axis, below which it may as well be channels; a factor of 2 between the
last two axes, since height and width are alike. A tensor like (1, 4, 4, 4, 320), the bottom of an encoder with channels
last, is left alone for that, as are volumes like (1, 240, 240, 155, 1), and series, whose time is told by their header.

Sources: the layouts that layers expect: PyTorch's `BatchNorm3d` (N, C, D, H, W), Keras' `BatchNormalization` axis -1.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import by

# Axes of a tensor below which space cannot be told from channels: (N, C, H, W).
LEAST_AXES = 4
# Entries that axis 1 has at most where it holds the channels of an input: four modalities, or RGBA.
MOST_CHANNELS = 4
# Entries that an axis of space has at least, and how many times those of the channels.
LEAST_VOXELS, TIMES = 8, 4
# How many times longer one of the last two axes may be where both are space.
ALIKE = 2


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch in evidence.report.batches:
        if _suspected(batch) and not any(evidence.report.samples[index].repetition for index in batch.samples):
            first, last = batch.input_shape[1], batch.input_shape[-1]
            message = (
                f"axis {batch.axis} of the tensor {by(batch.input_shape)} is kept and has {last} entries, axis 1 has "
                f"{first}: this looks like channels first. If axis 1 holds the channels, use --axis 1"
                f"{_or_times(batch, evidence)}."
            )
            yield rule.finding(evidence, batch, None, message, value=float(last))


def _or_times(batch: Batch, evidence: Evidence) -> str:
    """What else axis 1 may hold where each file is one sample: the tensor then has one axis more than the file."""
    whole_file = len(batch.input_shape) == len(evidence.report.samples[batch.samples[0]].shape) + 1
    return "; if it holds times, --batch-axis 0" if whole_file else ""


def _suspected(batch: Batch) -> bool:
    shape = batch.input_shape
    if len(shape) < LEAST_AXES or batch.axis != len(shape) - 1:
        return False
    first, before, last = shape[1], shape[-2], shape[-1]
    space = last >= max(LEAST_VOXELS, TIMES * first) and max(before, last) <= ALIKE * min(before, last)
    return first <= MOST_CHANNELS and space


RULE = Rule("BN402", "channels-first-suspected", "warning", _check)
