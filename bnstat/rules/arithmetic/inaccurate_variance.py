"""The framework's own variance is off by more than 1 %.

What it does: reports a channel, or a group of channels, whose variance as the layer itself computes it is, or may be,
more than 1 % away from the exact one; for a constant channel, whose variance is 0, more than ε. "Is" where the layer's
sums were done again, "may be" where they are bounded.

Why it matters: frameworks sum in float32. Adding millions of values one after the other loses digits (on a whole head
7 % of the variance), and E[x²] − E[x]² loses them where the mean is large beside the standard deviation. The layer
then normalizes with a number that is not the variance of the data, and another framework with another.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(150, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework flax
    warning BN303 inaccurate-variance
      channel 0: Flax may compute a variance from 0.9788 to 1.022 where it is
      1 (2.15 % off). Set use_fast_variance=False, or subtract an offset near
      the mean before the layer.

What to do: subtract an offset, choose a layout or a layer that sums otherwise, or train on patches.

Threshold: 1 % of the exact variance, as much as epsilon-effect allows ε; of a constant, ε.

Sources: Chan, Golub & LeVeque 1983 on how errors grow with √(1 + mean²/variance); Higham 2002, chapter 4, on the order
of sums; docs/arithmetic.md for what each layer does, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.arithmetic.remedies import deviation, is_certain, layer, remedy
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch, part in each_part(evidence):
        off = deviation(part, evidence.settings.epsilon)
        prediction = part.prediction
        most = evidence.limits.variance_error if part.variance else 1.0
        if off is None or off <= most or prediction is None or prediction.judged is None:
            continue
        low, high = prediction.judged
        if is_certain(prediction):
            said = f"computes a variance of {prediction.variance:.4g}"
        else:
            said = f"may compute a variance from {low:.4g} to {high:.4g}"
        exact = f"it is {part.variance:.4g}{_off(part.variance or 0.0, low, high)}"
        message = f"{part.title}: {layer(evidence.settings)} {said} where {exact}. {remedy(evidence.settings)}"
        yield rule.finding(evidence, batch, part, message, value=off, threshold=most)


def _off(exact: float, low: float, high: float) -> str:
    """How far the worse end is off, in words; nothing of a constant, whose variance is 0."""
    if not exact:
        return ""
    if high >= 2 * exact:
        times = high / exact
        return f" ({times:,.0f} times too large)" if times >= 100 else f" ({times:.3g} times too large)"
    worse = max(high - exact, exact - low) / exact
    return f" ({100 * worse:.3g} % off)"


RULE = Rule("BN303", "inaccurate-variance", "warning", _check, family="arithmetic")
