"""The framework's own variance is off by more than 1 %.

What it does: reports a channel, or a group of channels, whose variance as the layer itself computes it is more than 1 %
away from the exact one, or may be. For a constant channel, whose variance is 0, the limit is ε (epsilon, the constant
that the layer adds to the variance). The message says "computes" if bnstat repeated the layer's sums, and "may compute"
if it only knows bounds for them: the layer's own variance may be anywhere within.

Why it matters: frameworks sum in float32. Adding millions of values one after the other loses digits: on a whole head
it lost 7 % of the variance. The formula E[x²] − E[x]² loses digits if the mean is large beside the standard deviation.
The layer then normalizes with a number that is not the variance of the data, and another framework with another number.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(150, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework flax
    warning BN303 inaccurate-variance
      channel 0: Flax may compute a variance between 0.9466 and 1.054 (bounds
      for rounding in float32; bnstat does not know the number itself); the
      exact variance is 1 (up to 5.36 % off, limit 1 %). At these bounds the
      layer would normalize with a wrong variance. Set
      use_fast_variance=False, or subtract a constant near the mean (150)
      before the layer.

What to do: the message names what narrows the bounds for these values. A constant near the mean is subtracted where the
mean is large beside the standard deviation. A layout or a backend may sum in another way. Where the number of values is
the cause, patches have fewer.

Threshold: 1 % of the exact variance, `--limit variance-error=0.01`, which is as much as epsilon-effect allows for ε.
For a constant, ε.

Sources: Chan, Golub & LeVeque 1983 on how errors grow with √(1 + mean²/variance). Higham 2002, chapter 4, on the order
of sums. docs/arithmetic.md describes what each layer does, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.layers.results import Channel, Group
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.arithmetic.remedies import BOUNDS, advised, deviation, is_certain, layer
from bnstat.rules.rule import Rule
from bnstat.text import beyond, short

if TYPE_CHECKING:
    from bnstat.layers.columns import Flags

# What is looked at first is wider than what is reported by this, the rounding of one step.
_ALMOST = 1.0 - 2.0**-40


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    placed = (one for one in evidence.report.parts.where(_may_be_off(evidence)) if _is_off(one[1], evidence))
    for batch, part, remedy in advised(evidence, placed):
        off, prediction = deviation(part, evidence.settings.added), part.prediction
        if prediction is None or prediction.judged is None:  # which `_is_off` has left out
            continue
        most = _limit(part, evidence)
        low, high = prediction.judged
        if is_certain(prediction):
            said = f"computes a variance of {short(prediction.variance)}, because of rounding in float32"
            up_to = ""
            normalizes = "The layer then normalizes"
        else:
            said, up_to = f"may compute a variance between {short(low)} and {short(high)} ({BOUNDS})", "up to "
            normalizes = "At these bounds the layer would normalize"
        epsilon = evidence.settings.added or 0.0
        if low + epsilon < 0 and prediction.nan_possible:
            normalizes = f"{normalizes} with a wrong variance, and its output may be NaN."
        else:
            normalizes = f"{normalizes} with a wrong variance."
        exact = _exact(part.variance or 0.0, low, high, up_to, most, epsilon)
        message = f"{part.title}: {layer(evidence.settings)} {said}; {exact}. {normalizes} {remedy}"
        yield rule.finding(evidence, batch, part, message, value=off, threshold=most)


def _is_off(part: Channel | Group, evidence: Evidence) -> bool:
    """Return True if a variance is off by more than the limit."""
    off = deviation(part, evidence.settings.added)
    return off is not None and off > _limit(part, evidence)


def _limit(part: Channel | Group, evidence: Evidence) -> float:
    """Return how far a variance may be off, relative to the exact one, or to ε for a constant."""
    return evidence.limits.variance_error if part.variance else 1.0


def _may_be_off(evidence: Evidence) -> Flags:
    """Return which channels or groups have a wide range that rules judge, as `deviation` has it."""
    parts = evidence.report.parts
    variance, low, high = (parts.number(name) for name in ("variance", "judged_low", "judged_high"))
    varies = variance > 0
    scale = variance.copy()
    scale[~varies] = evidence.settings.added or 0.0
    off = abs(high - variance)
    lower = abs(low - variance)
    off[lower > off] = lower[lower > off]
    limit = evidence.limits.variance_error
    return (scale > 0) & ((varies & (off > limit * scale * _ALMOST)) | (~varies & (off > scale * _ALMOST)))


def _exact(exact: float, low: float, high: float, up_to: str, limit: float, epsilon: float) -> str:
    """Say what is exact and how far the worse end is off; a constant is judged by ε, and not by a share of 0."""
    if not exact:
        return (
            "the exact variance is 0, because all values are equal "
            f"(limit ε = {epsilon:g}, the constant added to the variance)"
        )
    known = f"the exact variance is {short(exact)}"
    if high >= 2 * exact:
        times = high / exact
        return (
            f"{known} ({up_to}{times:,.0f} times as large)"
            if times >= 100
            else f"{known} ({up_to}{times:.3g} times as large)"
        )
    worse = max(high - exact, exact - low) / exact
    return f"{known} ({up_to}{beyond(100 * worse, 100 * limit, 3)} % off, limit {100 * limit:g} %)"


RULE = Rule("BN303", "inaccurate-variance", "warning", _check, family="arithmetic")
