"""The squares of values are beyond the range of float32.

What it does: reports a channel, or a group of channels, with a value so far from the mean that the square of the
distance is infinite in float32; for RMS norm, which takes no mean, so far from 0. It says nothing of a channel with NaN
or Inf, which have rules of their own.

Why it matters: layers compute in float32. The variance is then infinite or NaN in every framework, though the data
contain no Inf. Such values mostly stand for missing voxels, as the largest number of float32 does in maps of
statistics. The output is 0 or NaN for the whole channel, and an infinite running variance stays infinite, so the output
in evaluation mode is 0 for good.

Example:
    >>> import numpy as np
    >>> np.save("map.npy", np.array([[[0.5], [1.5], [-3.4028235e38]]], "f4"))
    $ bnstat inspect map.npy
    error BN110 float32-overflow
      channel 0 has values up to 3.40282e+38 in magnitude. Their squares are
      infinite in float32, so the variance that the layer computes is Inf or
      NaN, and the output is 0 or NaN for the whole channel. The running
      variance stays infinite or NaN from then on. Such values often stand for
      missing voxels: replace or mask these, or scale the data before
      training.

What to do: replace or mask the voxels that stand for missing ones, or scale the data.

Threshold: 1.8447e19 from the mean, the square root of 3.4028e38, which is the largest number of float32.

Sources: IEEE 754, binary32. docs/arithmetic.md lists in which type the layers compute.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, sqrt
from typing import TYPE_CHECKING

from bnstat.layers.arithmetic.float_limits import FLOAT32_MAX
from bnstat.layers.results import Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.data.float16_overflow import largest, magnitude
from bnstat.rules.rule import Rule

if TYPE_CHECKING:
    from bnstat.layers.columns import Flags

# The distance whose square is the largest number of float32.
FARTHEST = sqrt(FLOAT32_MAX)


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    for batch, part in evidence.report.parts.where(_overflows(evidence)):
        message = (
            f"{part.title} has {magnitude(largest(part))}. {_consequence(part, evidence.settings)} Such values often "
            "stand for missing voxels: replace or mask these, or scale the data before training."
        )
        far = _distance(part, evidence.settings)
        yield rule.finding(evidence, batch, part, message, value=far if far < inf else None, threshold=FARTHEST)


def _distance(part: Channel | Group, settings: Settings) -> float:
    """Return how far the farthest value is from the mean (RMS norm: from 0); infinity if float64 cannot hold it."""
    if settings.kind == "rms" or part.mean is None or part.minimum is None or part.maximum is None:
        return largest(part)
    return float(max(part.maximum - part.mean, part.mean - part.minimum))


def _overflows(evidence: Evidence) -> Flags:
    """Return which channels or groups are finite and have a value whose distance has an infinite square."""
    parts = evidence.report.parts
    low, high, mean = parts.number("minimum"), parts.number("maximum"), parts.number("mean")
    # halves, whose difference float64 holds; NaN is near to nothing
    half = 0.0 if evidence.settings.kind == "rms" else mean / 2
    near = (high / 2 - half <= FARTHEST / 2) & (half - low / 2 <= FARTHEST / 2)
    odd = parts.number("nan") + parts.number("inf") > 0
    constant = parts.flag("constant") & (evidence.settings.kind != "rms")
    return ~near & ~odd & ~constant & (parts.number("count") > 0)


def _consequence(part: Channel | Group, settings: Settings) -> str:
    """Say what the layer makes of such values."""
    if settings.kind == "rms":
        return "Their squares are infinite in float32, so the mean square is infinite, and the output is 0."
    whole = "the whole group" if isinstance(part, Group) else "the whole channel"
    later = " The running variance stays infinite or NaN from then on." if settings.keeps_running else ""
    return (
        "Their squares are infinite in float32, so the variance that the layer computes is Inf or NaN, and the output "
        f"is 0 or NaN for {whole}.{later}"
    )


RULE = Rule("BN110", "float32-overflow", "error", _check)
