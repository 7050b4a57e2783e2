"""The kept axis looks like space, and axis 1 like the channels.

What it does: reports a tensor of at least four axes whose last axis is kept, if axis 1 has at most 4 entries, and if
the last axis has at least 8, at least four times as many as axis 1, and is about as long as the axis before it. A
tensor (N, C, D, H, W) that is read as (N, D, H, W, C) looks like this.

Why it matters: PyTorch's tensors have their channels first. If the last axis is kept, each column of voxels along the
width is normalized by itself, with every channel mixed into it. All numbers then describe a layer that nobody builds.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(0, 1, (1, 4, 32, 32, 32))
    >>> np.save("saved.npy", values.astype("float32"))
    $ bnstat inspect saved.npy
    warning BN402 channels-first-suspected
      the tensor 1 × 4 × 32 × 32 × 32 looks like channels first: axis 1 has 4
      entries, and axis 4, which is taken for the channels, has 32. All
      numbers then describe slices along that axis. If axis 1 holds the
      channels, use --axis 1.

What to do: if axis 1 holds the channels, use `--axis 1`. If a file has its time points there, as MINC has, use
`--batch-axis 0`. If the last axis does hold the channels, ignore the rule (`--ignore BN402`).

Threshold: at most 4 entries on axis 1, because inputs seldom have more modalities, and with more features channels
cannot be told from space. At least 8 entries on the last axis, because a shorter one may as well hold channels. A
factor of 2 between the last two axes, because height and width are alike. A tensor such as (1, 4, 4, 4, 320), the
bottom of an encoder with channels last, is therefore not reported. Neither are volumes such as (1, 240, 240, 155, 1),
nor series whose header says that they are a time series. Layer norm and RMS norm reduce all axes of a sample, whichever
holds the channels, so the rule says nothing of them.

Sources: the layouts that layers expect: PyTorch's `BatchNorm3d` (N, C, D, H, W), Keras' `BatchNormalization` axis -1.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.sources.layout import MOST_CHANNELS, look_spatial
from bnstat.text import by, plural

# With fewer axes, space cannot be told from channels: (N, C, H, W).
LEAST_AXES = 4
# How many times more entries than the channels a spatial axis has at least.
TIMES = 4


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    if evidence.settings.kind in ("layer", "rms"):  # which reduce all axes, whichever holds the channels
        return
    from bnstat.layers.batch_columns import of_each_layout  # noqa: PLC0415  (numpy, not for explaining a rule)

    if not any(map(_suspected, of_each_layout(evidence.report.batches))):
        return
    for batch in evidence.report.batches:
        if _suspected(batch) and not any(evidence.report.samples[index].repetition for index in batch.samples):
            first, last = batch.input_shape[1], batch.input_shape[-1]
            message = (
                f"the tensor {by(batch.input_shape)} looks like channels first: axis 1 has "
                f"{plural(first, 'entry', 'entries')}, and axis {batch.axis}, which is taken for the channels, has "
                f"{last}. All numbers then describe slices along that axis. If axis 1 holds the channels, use --axis 1"
                f"{_or_times(batch, evidence)}."
            )
            yield rule.finding(evidence, batch, None, message, value=float(last))


def _or_times(batch: Batch, evidence: Evidence) -> str:
    """Say what else axis 1 may hold if each file is one sample: the tensor then has one axis more than the file."""
    whole_file = len(batch.input_shape) == len(evidence.report.samples[batch.samples[0]].shape) + 1
    return "; if it holds time points, use --batch-axis 0" if whole_file else ""


def _suspected(batch: Batch) -> bool:
    shape = batch.input_shape
    if len(shape) < LEAST_AXES or batch.axis != len(shape) - 1:
        return False
    first, before, last = shape[1], shape[-2], shape[-1]
    return first <= MOST_CHANNELS and last >= TIMES * first and look_spatial(before, last)


RULE = Rule("BN402", "channels-first-suspected", "warning", _check)
