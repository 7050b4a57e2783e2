"""A channel holds Inf.

What it does: reports a channel with at least one positive or negative infinity among the values that are reduced.

Why it matters: one Inf makes the mean of its channel infinite and the variance NaN, in every framework, then the
running statistics, the output and the gradients. Divisions by an empty mask and overflows of float16 leave them.

Example:
    >>> import numpy as np
    >>> np.save("ratio.npy", np.array([[[0.5], [1.5], [np.inf]]]))
    $ bnstat inspect ratio.npy
    error BN105 inf-voxels
      channel 0 holds 1 infinite value among 3: its mean is infinite and its
      variance NaN in every framework. Find the division by zero or overflow
      that made them, or clip.

What to do: find the step that divides by zero or overflows; clip the values before training.

Threshold: none. One Inf is enough.

Sources: IEEE 754 arithmetic: a sum with Inf is Inf, and Inf − Inf, which the variance takes, is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part
from bnstat.text import plural


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch, part in each_part(evidence):
        if part.inf:
            message = (
                f"{part.title} holds {plural(part.inf, 'infinite value')} among {part.count:,}: "
                "its mean is infinite and its variance NaN in every framework. "
                "Find the division by zero or overflow that made them, or clip."
            )
            yield rule.finding(evidence, batch, part, message, value=float(part.inf), threshold=0.0)


RULE = Rule("BN105", "inf-voxels", "error", _check)
