"""The framework's own variance is 0 for a channel that varies.

What it does: reports a channel, or a group of channels, that is not constant and whose variance as the layer itself
computes it is, or may be, 0.

Why it matters: E[x²] − E[x]² in float32 is less than 0 as easily as more where the mean is some thousand times the
standard deviation, and a layer that clamps it at 0 then divides by √ε alone: what varied comes out a thousand times
too large, or as noise.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(10000, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework flax
    warning BN302 vanishing-variance
      channel 0: Flax may compute a variance of 0 where it is 1 about a mean
      of 10000. Set use_fast_variance=False, or subtract an offset near the
      mean before the layer.

What to do: subtract an offset before the layer, or choose a layer that takes two passes.

Threshold: 0 for values that are not all equal.

Sources: Chan, Golub & LeVeque 1983 on the textbook formula of the variance; Flax' `use_fast_variance`;
docs/arithmetic.md for what each layer does, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.arithmetic.remedies import is_certain, is_clamped, layer, remedy
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch, part in each_part(evidence):
        prediction = part.prediction
        if not part.variance or prediction is None or prediction.judged is None or prediction.judged[0] > 0:
            continue
        if not (is_certain(prediction) or is_clamped(evidence.settings)):
            continue  # the band of two passes reaches down to 0 where it is wide, and no two passes do
        said = "computes a variance of 0" if is_certain(prediction) else "may compute a variance of 0"
        message = (
            f"{part.title}: {layer(evidence.settings)} {said} where it is {part.variance:.4g} about a mean of "
            f"{part.mean:.6g}. {remedy(evidence.settings)}"
        )
        yield rule.finding(evidence, batch, part, message, value=prediction.judged[0], threshold=0.0)


RULE = Rule("BN302", "vanishing-variance", "warning", _check, family="arithmetic")
