"""Values, or their variance, are beyond the range of float16.

What it does: reports a channel, or a group of channels, with a value whose magnitude is over 65,504. With float16 input
(`--dtype float16`), it also reports one whose squares or variance the layer cannot hold in float16, and one whose
running variance float16 cannot hold, if the layer keeps one.

Why it matters: float16 turns such a value into Inf. The mean is then Inf and the variance NaN. Nearly all layers
compute in float32 even for float16 input. But a running variance in float16, as of a PyTorch model after
`model.half()`, overflows at a standard deviation of 256.

Example:
    >>> import numpy as np
    >>> np.save("counts.npy", np.array([[[0.0], [1000.0], [70000.0]]]))
    $ bnstat inspect counts.npy
    note BN106 float16-overflow
      channel 0 has values up to 70,000 in magnitude. float16 ends at 65,504,
      so they become Inf in float16, and the variance becomes NaN. Scale the
      data before training, or keep them in float32 or bfloat16.

What to do: scale the data before they become float16, or keep the input and the running statistics in float32 or
bfloat16.

Threshold: 65,504, the largest number of float16. Values up to 65,520 are rounded down to it, larger ones become Inf.

Sources: IEEE 754, binary16. docs/arithmetic.md lists the layers that compute in float32 if their input is float16.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, sqrt
from typing import TYPE_CHECKING

from bnstat.layers.arithmetic.float_limits import FLOAT16_MAX, FLOAT16_OVERFLOW, FLOAT32_MAX
from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule

if TYPE_CHECKING:
    from bnstat.layers.columns import Flags


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    for batch, part in evidence.report.parts.where(_may_overflow(evidence)):
        size = largest(part)
        said = _stored(size, settings) if size > FLOAT16_MAX else _computed(part, settings)
        if said is not None:
            kept = ", or keep them in float32 or bfloat16" if size < sqrt(FLOAT32_MAX) else ""
            message = f"{part.title} {said} Scale the data before training{kept}."
            value = part.variance if size <= FLOAT16_MAX else size if size < inf else None
            yield rule.finding(evidence, batch, part, message, value=value, threshold=FLOAT16_MAX)


def largest(part: Channel | Group) -> float:
    """Return the largest magnitude; infinity if float64 cannot hold it, and 0 if there is no finite value."""
    ends = [end for end in (part.minimum, part.maximum) if end is not None]
    if not ends:
        return inf if part.count > part.nan + part.inf else 0.0
    return float(max(map(abs, ends)))


def magnitude(size: float) -> str:
    """Say how large values are."""
    return f"values up to {size:,.6g} in magnitude" if size < inf else "values beyond those of float64"


def _may_overflow(evidence: Evidence) -> Flags:
    """Return which channels or groups have large values, or a variance that overflows."""
    parts = evidence.report.parts
    computed = parts.flag("overflows") | parts.flag("running_overflows")
    return ~(parts.number("minimum") >= -FLOAT16_MAX) | ~(parts.number("maximum") <= FLOAT16_MAX) | computed


def _stored(size: float, settings: Settings) -> str:
    """Say what becomes of values that float16 cannot hold."""
    beyond = f"has {magnitude(size)}. float16 ends at {FLOAT16_MAX:,.0f}, so they"
    if size < FLOAT16_OVERFLOW:
        return f"{beyond} are rounded to it in float16."
    becomes = "the mean square becomes infinite" if settings.kind == "rms" else "the variance becomes NaN"
    return f"{beyond} become Inf in float16, and {becomes}."


def _computed(part: Channel | Group, settings: Settings) -> str | None:
    """Say what overflows in a layer whose input is float16; None if nothing does."""
    prediction = part.prediction
    if prediction is None:
        return None
    has = f"has a variance of {part.variance:,.6g}."
    ends = f"in float16, which ends at {FLOAT16_MAX:,.0f},"
    if prediction.overflows:
        return f"{has} The layer computes squares and variance {ends} so they become Inf or NaN."
    if prediction.running_overflows and settings.keeps_running:
        return f"{has} If the layer keeps its running variance {ends} that becomes Inf."
    return None


RULE = Rule("BN106", "float16-overflow", "note", _check)
