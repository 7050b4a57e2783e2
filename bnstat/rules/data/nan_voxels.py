"""A channel holds NaN.

What it does: reports a channel (or a group of channels) with at least one NaN among the values that are reduced.

Why it matters: one NaN makes mean and variance of its channel NaN, in every framework, then the running statistics,
the output and the gradients. Other channels are not touched. A resampled scan often has NaN outside of its field of
view.

Example:
    >>> import numpy as np
    >>> np.save("hole.npy", np.array([[[0.5], [1.5], [np.nan]]]))
    $ bnstat inspect hole.npy
    error BN104 nan-voxels
      channel 0 holds 1 NaN among 3 values: its mean and variance are NaN in
      every framework, and its running statistics from then on. Replace them
      before training (numpy.nan_to_num).

What to do: replace them before training (`numpy.nan_to_num`), or mask them out when resampling.

Threshold: none. One NaN is enough.

Sources: IEEE 754 arithmetic, in which a sum with NaN is NaN; all real layers that were run give NaN for such a channel
and leave the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    running = ", and its running statistics from then on" if evidence.settings.keeps_running else ""
    for batch, part in each_part(evidence):
        if part.nan:
            message = (
                f"{part.title} holds {plural(part.nan, 'NaN')} among {plural(part.count, 'value')}: "
                f"its mean and variance are NaN in every framework{running}. "
                "Replace them before training (numpy.nan_to_num)."
            )
            yield rule.finding(evidence, batch, part, message, value=float(part.nan), threshold=0.0)


RULE = Rule("BN104", "nan-voxels", "error", _check)
