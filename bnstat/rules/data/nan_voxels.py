"""A channel contains NaN.

What it does: reports a channel, or a group of channels, with at least one NaN (not a number) among the values that are
reduced.

Why it matters: one NaN makes the mean and the variance of its channel NaN, in every framework. The output, the
gradients and the running statistics follow. Other channels are not affected. A scan that was resampled often has NaN
outside its field of view.

Example:
    >>> import numpy as np
    >>> np.save("hole.npy", np.array([[[0.5], [1.5], [np.nan]]]))
    $ bnstat inspect hole.npy
    error BN104 nan-voxels
      channel 0 contains 1 NaN among 3 values. Its mean and variance are NaN
      in every framework, and its running statistics stay NaN from then on.
      Replace NaN before training: numpy.nan_to_num(volume, nan=0).

What to do: replace NaN before training, for example with `numpy.nan_to_num(volume, nan=0)`, or mask these voxels when
you resample.

Threshold: none. One NaN is enough.

Sources: IEEE 754 arithmetic, in which every sum with a NaN is NaN. All real layers that were run return NaN for such a
channel and leave the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    are = "mean square is" if evidence.settings.kind == "rms" else "mean and variance are"
    running = ", and its running statistics stay NaN from then on" if evidence.settings.keeps_running else ""
    for batch, part in each_part(evidence):
        if part.nan:
            message = (
                f"{part.title} contains {part.nan:,} NaN among {plural(part.count, 'value')}. "
                f"Its {are} NaN in every framework{running}. "
                "Replace NaN before training: numpy.nan_to_num(volume, nan=0)."
            )
            yield rule.finding(evidence, batch, part, message, value=float(part.nan), threshold=0.0)


RULE = Rule("BN104", "nan-voxels", "error", _check)
