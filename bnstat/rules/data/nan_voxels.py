"""A channel contains NaN.

What it does: reports a channel, or a group of channels, with at least one NaN (not a number) among the values that are
reduced.

Why it matters: one NaN makes the mean and the variance of its channel NaN, in every framework. The output, the
gradients and the running statistics follow. All samples of the batch share them; other channels are not affected. A
scan that was resampled often has NaN outside its field of view.

Example:
    >>> import numpy as np
    >>> np.save("hole.npy", np.array([[[0.5], [1.5], [np.nan]]]))
    $ bnstat inspect hole.npy
    error BN104 nan-voxels
      channel 0 contains 1 NaN among 3 values. Its mean, variance and output
      are then NaN in every framework. Its running statistics stay NaN from
      then on, so evaluation mode returns NaN too. To find these voxels:
      numpy.argwhere(numpy.isnan(volume)). Replace NaN before training:
      numpy.nan_to_num(volume, nan=0).

What to do: find the voxels with `numpy.argwhere(numpy.isnan(volume))`. Replace NaN before training, for example with
`numpy.nan_to_num(volume, nan=0)`, or mask these voxels when you resample.

Threshold: none. One NaN is enough.

Sources: IEEE 754 arithmetic, in which every sum with a NaN is NaN. All real layers that were run return NaN for such a
channel and leave the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import plural


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    parts = evidence.report.parts
    for batch, part in parts.where(parts.number("nan") > 0):
        message = (
            f"{part.title} contains {part.nan:,} NaN among {plural(part.count, 'value')}. "
            f"{_consequence(evidence.settings, batch)} To find these voxels: numpy.argwhere(numpy.isnan(volume)). "
            "Replace NaN before training: numpy.nan_to_num(volume, nan=0)."
        )
        yield rule.finding(evidence, batch, part, message, value=float(part.nan), threshold=0.0)


def _consequence(settings: Settings, batch: Batch) -> str:
    """Say what becomes of the statistics, of the output and of later batches."""
    if settings.kind == "weight-init":
        return START_UNDEFINED
    statistics = "mean square" if settings.kind == "rms" else "mean, variance"
    return f"Its {statistics} and output are then NaN in every framework{shared(settings, batch)}.{later(settings)}"


# What weight norm makes of a batch whose statistics are NaN.
START_UNDEFINED = "If training starts from this batch, weight norm's scale g and bias b are NaN, and stay so."


def shared(settings: Settings, batch: Batch) -> str:
    """Say whom else it harms: the other samples of the batch, if there are any and they share its statistics."""
    return "" if settings.by_sample or len(batch.samples) == 1 else ", for all samples of the batch"


def later(settings: Settings) -> str:
    """Say what becomes of the running statistics after one batch with NaN statistics."""
    if not settings.keeps_running:
        return ""
    if settings.framework.name == "tensorflow-fused" and settings.batch_weight == 1.0:  # it replaces what it had
        return " Its running statistics are NaN until the next batch."
    return " Its running statistics stay NaN from then on, so evaluation mode returns NaN too."


RULE = Rule("BN104", "nan-voxels", "error", _check)
