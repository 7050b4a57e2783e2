"""A channel contains infinite values.

What it does: reports a channel, or a group of channels, with at least one positive or negative infinity among the
values that are reduced.

Why it matters: one infinite value makes the variance of its channel NaN, in every framework. The output, the gradients
and the running statistics follow. Such values come from divisions by zero, as by an empty mask, and from overflows of
float16.

Example:
    >>> import numpy as np
    >>> np.save("ratio.npy", np.array([[[0.5], [1.5], [np.inf]]]))
    $ bnstat inspect ratio.npy
    error BN105 inf-voxels
      channel 0 contains 1 infinite value among 3. Its mean is then infinite,
      and its variance and output are NaN in every framework. Its running
      statistics stay NaN from then on, so evaluation mode returns NaN too. To
      find this voxel: numpy.argwhere(numpy.isinf(volume)). The cause is often
      a division by zero or an overflow; correct that step, or limit the
      values before training: numpy.clip(volume, low, high).

What to do: find the step that divides by zero or overflows, or limit the values before training with
`numpy.clip(volume, low, high)`.

Threshold: none. One infinite value is enough.

Sources: IEEE 754 arithmetic. A sum with an infinite value is infinite, and the variance takes Inf − Inf, which is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.data.nan_voxels import START_UNDEFINED, later, shared
from bnstat.rules.rule import Rule
from bnstat.text import plural


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    parts = evidence.report.parts
    for batch, part in parts.where(parts.number("inf") > 0):
        message = (
            f"{part.title} contains {plural(part.inf, 'infinite value')} among {part.count:,}. "
            f"{_consequence(part, batch, evidence.settings)} "
            f"To find {'this voxel' if part.inf == 1 else 'these voxels'}: numpy.argwhere(numpy.isinf(volume)). "
            "The cause is often a division by zero or an overflow; correct that step, or limit the values before "
            "training: numpy.clip(volume, low, high)."
        )
        yield rule.finding(evidence, batch, part, message, value=float(part.inf), threshold=0.0)


def _consequence(part: Channel | Group, batch: Batch, settings: Settings) -> str:
    """Say what becomes of the statistics: +Inf and −Inf together, or a NaN beside them, make the mean NaN too."""
    if settings.kind == "rms":
        if part.nan:
            return "Its mean square and output are then NaN in every framework."
        return (
            "Its mean square is then infinite in every framework, so the output is 0, and NaN where the values are "
            "infinite."
        )
    if settings.kind == "weight-init":
        return START_UNDEFINED
    if part.nan:
        statistics = "Its mean, variance and output are then NaN"
    else:
        statistics = (
            f"Its mean is then infinite{' or NaN' if part.inf > 1 else ''}, and its variance and output are NaN"
        )
    return f"{statistics} in every framework{shared(settings, batch)}.{later(settings)}"


RULE = Rule("BN105", "inf-voxels", "error", _check)
