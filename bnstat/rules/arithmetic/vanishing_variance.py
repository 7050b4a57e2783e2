"""The framework's own variance is 0 for a channel that varies.

What it does: reports a channel, or a group of channels, that is not constant and whose variance as the layer itself
computes it is 0, or may be.

Why it matters: in float32, E[x²] − E[x]² is below 0 as easily as above it if the mean is some thousand times the
standard deviation. A layer that clamps it at 0 then divides by √ε alone (ε, epsilon, is the constant that is added to
the variance). Its output is many times too large, or noise.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(10000, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework flax
    warning BN302 vanishing-variance
      channel 0: Flax may compute a variance of 0, by bnstat's bounds for
      rounding in float32; the exact variance is 1 and the mean 10,000. The
      layer would then divide by √ε alone (ε is the constant added to the
      variance), and its output would be 316 times as large as it should be.
      Set use_fast_variance=False, or subtract a constant near the mean
      (10000) before the layer.

What to do: subtract a constant near the mean from the data, or choose a layer that takes two passes.

Threshold: 0 for values that are not all equal.

Sources: Chan, Golub & LeVeque 1983 on the textbook formula of the variance; Flax' `use_fast_variance`;
docs/arithmetic.md describes what each layer does, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.arithmetic.remedies import advised, is_certain, is_clamped, layer, rounding
from bnstat.rules.rule import Rule
from bnstat.text import short

# From here on an output that is too large is said to be.
SEEN = 1.01


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    parts = evidence.report.parts
    # the band of two passes reaches down to 0 where it is wide, and no two passes do
    certain_or_clamped = parts.flag("emulated") | is_clamped(evidence.settings)
    vanishing = (parts.number("variance") > 0) & (parts.number("judged_low") <= 0)
    for batch, part, remedy in advised(evidence, parts.where(vanishing & certain_or_clamped)):
        prediction = part.prediction
        if not part.variance or prediction is None or prediction.judged is None:  # which are not among them
            continue
        certain = is_certain(prediction)
        verb = "computes" if certain else "may compute"
        consequence = _consequence(part.variance, evidence.settings.added, certain)
        message = (
            f"{part.title}: {layer(evidence.settings)} {verb} a variance of 0, {rounding(certain=certain)}; the "
            f"exact variance is {short(part.variance or 0.0)} and the mean {short(part.mean or 0.0)}. {consequence} "
            f"{remedy}"
        )
        yield rule.finding(evidence, batch, part, message, value=prediction.judged[0], threshold=0.0)


def _consequence(variance: float, epsilon: float | None, certain: bool) -> str:
    """Say what the layer makes of a variance of 0: its output by √ε, beside that by the exact variance."""
    then = "The layer then divides by" if certain else "The layer would then divide by"
    if not epsilon:
        return f"{then} 0."
    times = sqrt((variance + epsilon) / epsilon)
    alone = f"{then} √ε alone (ε is the constant added to the variance)"
    if times < SEEN:
        return f"{alone}, which hardly {'changes' if certain else 'would change'} its output."
    return f"{alone}, and its output {'is' if certain else 'would be'} {times:,.3g} times as large as it should be."


RULE = Rule("BN302", "vanishing-variance", "warning", _check, family="arithmetic")
