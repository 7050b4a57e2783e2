"""Channels have very different scales.

What it does: reports a batch in which the standard deviation of one channel is more than 100 times that of another.
Constant channels, and those with NaN or Inf, are left out.

Why it matters: batch norm and instance norm take each channel by itself, so they repair this. What sees the channels
before such a layer, or together, does not: a first convolution, and layer, group and RMS norm, whose one variance is
that of the largest channel, so that next to nothing is left of the smallest. A CT in Hounsfield units beside a
probability map in [0, 1] is a common case.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(0, 1, (1, 8, 8, 8, 2))
    >>> np.save("ct_and_mask.npy", values * [0.4, 400])
    $ bnstat inspect ct_and_mask.npy --normalizer layer
    warning BN404 channel-scale-mismatch
      the standard deviation of channel 1 (383.9) is 977.4 times that of
      channel 0 (0.3928). Layer norm takes them together, so little is left of
      channel 0. Bring the channels to one scale, as by z-scores.

What to do: bring the channels to one scale before the network, as by z-scores or fixed windows for each. Where a
batch norm is the first layer, nothing needs to be done: ignore the rule.

Threshold: a ratio of 100, beyond which the smaller channel has less than 1/10,000 of the variance that both share, and
the weights of a first convolution, which start alike for all channels, would have to differ as much.

Sources: Wu & He 2018 (arXiv 1803.08494) for what layer, group and instance norm share a variance over; LeCun et al.
1998, "Efficient BackProp", on inputs of one scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    limit = evidence.limits.scale_ratio
    for batch in evidence.report.batches:
        varying = [
            (deviation, channel)
            for channel, deviation in enumerate(batch.deviations)
            if deviation and isfinite(deviation)
        ]
        if not varying:
            continue
        (least, small), (most, large) = min(varying), max(varying)
        ratio = most / least
        if ratio > limit:
            message = (
                f"the standard deviation of {batch.title_of(large)} ({most:.4g}) is {ratio:,.4g} times that of "
                f"{batch.title_of(small)} ({least:.4g}). {_consequence(batch, small, large, evidence.settings)} "
                "Bring the channels to one scale, as by z-scores."
            )
            yield rule.finding(evidence, batch, None, message, value=ratio, threshold=limit)


def _consequence(batch: Batch, small: int, large: int, settings: Settings) -> str:
    """Who suffers from it, with this layer."""
    each = batch.channel_count // (settings.groups or 1)  # channels of a group
    layer = f"{settings.layer[0].upper()}{settings.layer[1:]}"
    if settings.kind in ("layer", "rms") or (settings.kind == "group" and small // each == large // each):
        return f"{layer} takes them together, so little is left of {batch.title_of(small)}."
    return f"{layer} takes them apart and repairs that; a convolution before it, and layer or RMS norm, do not."


RULE = Rule("BN404", "channel-scale-mismatch", "warning", _check)
