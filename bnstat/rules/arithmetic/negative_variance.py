"""The framework's own variance is so negative that its output may be NaN.

What it does: reports a channel, or a group of channels, whose variance as the layer itself computes it is less than −ε,
or may be. ε (epsilon) is the constant that the layer adds to the variance. A variance between −ε and 0 still has a
square root; inaccurate-variance reports how far it is off.

Why it matters: in float32, E[x²] − E[x]² is a small difference of large numbers if the mean is large beside the
standard deviation. Some layers do not clamp it at 0. Below −ε they take the square root of a negative number. The
output is NaN, and so is everything after it.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(10000, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework keras-torch
    error BN301 negative-variance
      channel 0: Keras on PyTorch may compute a negative variance (down to
      -535.4), and its output would be NaN, by bnstat's bounds for rounding in
      float32; the exact variance is 1 and the mean 10,000. Run Keras on JAX,
      which takes two passes, or subtract a constant near the mean (10000)
      before the layer.

What to do: subtract a constant near the mean from the data, or choose a layer that takes two passes.

Threshold: −ε, below which the square root is NaN; 0 if the layer has no ε. A scan in small units, with a variance of
5e-8 beside an ε of 1e-3, may get a negative variance from rounding too, but that does not change its output.

Sources: Chan, Golub & LeVeque 1983 on the textbook formula of the variance. docs/arithmetic.md describes what each
layer does and how wide its band is, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.arithmetic.remedies import advised, is_certain, layer, rounding
from bnstat.rules.rule import Rule
from bnstat.text import short


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    epsilon = settings.added
    parts = evidence.report.parts
    for batch, part, remedy in advised(evidence, parts.where(parts.number("judged_low") + (epsilon or 0.0) < 0)):
        prediction = part.prediction
        if prediction is None or prediction.judged is None:  # of which the least variance is not known
            continue
        low = prediction.judged[0]
        certain = is_certain(prediction)
        verb = "computes" if certain else "may compute"
        nan = f", and its output {'is' if certain else 'would be'} NaN" if prediction.nan_possible else ""
        low_end = f"{'' if certain else 'down to '}{short(low)}"
        message = (
            f"{part.title}: {layer(settings)} {verb} a negative variance ({low_end}){nan}, "
            f"{rounding(certain=certain)}; the exact variance is {short(part.variance or 0.0)} and the mean "
            f"{short(part.mean or 0.0)}. "
            f"{remedy}"
        )
        yield rule.finding(evidence, batch, part, message, value=low, threshold=-(epsilon or 0.0) + 0.0)


RULE = Rule("BN301", "negative-variance", "error", _check, family="arithmetic")
