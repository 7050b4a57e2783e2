"""The framework's own variance is so negative that its output may be NaN.

What it does: reports a channel, or a group of channels, whose variance as the layer itself computes it is, or may be,
less than −ε. One between −ε and 0 still has a root: what it is off by, inaccurate-variance says.

Why it matters: E[x²] − E[x]² in float32 is a small difference of large numbers where the mean is large beside the
standard deviation. Some layers do not clamp it at 0. Where it is less than −ε, the root is of a negative number: the
output is NaN, and so is everything after it.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(10000, 1, (1, 100000, 1))
    >>> np.save("offset.npy", values.astype("float32"))
    $ bnstat inspect offset.npy --framework keras-torch
    error BN301 negative-variance
      channel 0: Keras on PyTorch may compute a negative variance (down to
      -193.2), and with it NaN, where it is 1 about a mean of 10000. Subtract
      an offset near the mean before the layer, or run Keras on JAX, which
      takes two passes.

What to do: subtract an offset before the layer, or choose a layer that takes two passes.

Threshold: −ε, below which the root is NaN; 0 where the layer has no ε. A scan in small units, with a variance of 5e-8
beside an ε of 1e-3, may get a negative variance from rounding too, and its output is no other for that.

Sources: Chan, Golub & LeVeque 1983 on the textbook formula of the variance; docs/arithmetic.md for what each layer does
and how wide its band is, as measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.arithmetic.remedies import is_certain, layer, remedy
from bnstat.rules.rule import Rule, each_part


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    settings = evidence.settings
    epsilon = settings.epsilon
    for batch, part in each_part(evidence):
        prediction = part.prediction
        if prediction is None or prediction.judged is None:
            continue
        low = prediction.judged[0]
        if low + (epsilon or 0.0) >= 0:
            continue
        verb = "computes" if is_certain(prediction) else "may compute"
        nan = ", and with it NaN" if prediction.nan_possible else ""
        message = (
            f"{part.title}: {layer(settings)} {verb} a negative variance (down to {low:.4g}){nan}, where it is "
            f"{part.variance:.4g} about a mean of {part.mean:.6g}. {remedy(settings)}"
        )
        yield rule.finding(evidence, batch, part, message, value=low, threshold=-(epsilon or 0.0) + 0.0)


RULE = Rule("BN301", "negative-variance", "error", _check, family="arithmetic")
