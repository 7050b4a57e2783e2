"""Values, or their variance, are beyond the range of float16.

What it does: reports a channel, or a group of channels, with a value beyond 65504 in size. With float16 input
(`--dtype float16`) also one whose squares or variance are beyond it in the layer, or in a running variance of float16.

Why it matters: in float16 such a value is Inf, the mean is Inf and the variance NaN. Nearly all layers compute in
float32 even for float16 input, but a running variance that is kept in float16 overflows at a standard deviation of 256.

Example:
    >>> import numpy as np
    >>> np.save("counts.npy", np.array([[[0.0], [1000.0], [70000.0]]]))
    $ bnstat inspect counts.npy
    note BN106 float16-overflow
      channel 0 has values up to 70,000, beyond 65,504: Inf in float16. Scale
      the data first, or keep them in float32 or bfloat16.

What to do: scale the data before they become float16, or keep input and running statistics in float32 or bfloat16.

Threshold: 65504, the largest number of float16. Values from there to 65520 would still be rounded down to it.

Sources: IEEE 754, binary16; docs/arithmetic.md for which layers compute in float32 when their input is float16.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.arithmetic.bounds import FLOAT16_MAX
from bnstat.layers.results import Channel, Group
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch, part in each_part(evidence):
        largest = max(abs(part.minimum or 0), abs(part.maximum or 0))
        said = f"has values up to {largest:,.6g}" if largest > FLOAT16_MAX else _computed(part)
        if said is not None:
            message = (
                f"{part.title} {said}, beyond {FLOAT16_MAX:,.0f}: Inf in float16. "
                "Scale the data first, or keep them in float32 or bfloat16."
            )
            value = float(largest) if largest > FLOAT16_MAX else part.variance
            yield rule.finding(evidence, batch, part, message, value=value, threshold=FLOAT16_MAX)


def _computed(part: Channel | Group) -> str | None:
    """What overflows in a layer whose input is float16."""
    prediction = part.prediction
    if prediction is None or not (prediction.overflows or prediction.running_overflows):
        return None
    where = (
        "the squares or the variance that the layer computes are" if prediction.overflows else "a running variance is"
    )
    return f"has a variance of {part.variance:,.6g}, and {where} in float16"


RULE = Rule("BN106", "float16-overflow", "note", _check)
