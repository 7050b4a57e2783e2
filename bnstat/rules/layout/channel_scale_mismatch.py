"""Channels have very different scales.

What it does: reports a batch in which the standard deviation of one channel is more than 100 times that of another.
The rule leaves out constant channels, and those with NaN or Inf.

Why it matters: batch norm and instance norm normalize each channel by itself, so they repair this. Whatever sees the
channels before such a layer, or together, does not: a first convolution, and layer, group and RMS norm. Their one
variance is that of the largest channel, so next to nothing is left of the smallest. A CT in Hounsfield units beside a
probability map in [0, 1] is a common case.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(0, 1, (1, 8, 8, 8, 2))
    >>> np.save("ct_and_mask.npy", values * [0.4, 400])
    $ bnstat inspect ct_and_mask.npy --normalizer layer
    warning BN404 channel-scale-mismatch
      the standard deviation of channel 1 (383.9) is 977.4 times (limit 100
      times) that of channel 0 (0.3928). Layer norm normalizes all channels
      together, so little is left of channel 0. Normalize each channel before
      the network, as MONAI's NormalizeIntensityd(keys, channel_wise=True) and
      nnU-Net do; --intensity zscore shows the effect here.

What to do: bring the channels to one scale before the network, for example with z-scores or with a fixed window for
each. If a batch norm is the first layer, there is nothing to do: ignore the rule (`--ignore BN404`).

Threshold: a ratio of 100, `--limit scale-ratio=100`. Beyond it, the smaller channel has less than 1/10,000 of the
variance that both share. The weights of a first convolution start alike for all channels, and would have to differ as
much.

Sources: Wu & He 2018 (arXiv 1803.08494) on what layer, group and instance norm share a variance over; LeCun et al.
1998, "Efficient BackProp", on inputs of one scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import beyond, short


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    limit = evidence.limits.scale_ratio
    from bnstat.layers.batch_columns import of_uneven_channels  # noqa: PLC0415  (numpy, not for explaining a rule)

    for batch in of_uneven_channels(evidence.report.batches, limit):
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
                f"the standard deviation of {batch.title_of(large)} ({short(most)}) is {beyond(ratio, limit)} times "
                f"(limit {limit:g} times) that of {batch.title_of(small)} ({short(least)}). "
                f"{_consequence(batch, small, large, evidence.settings)} "
                "Normalize each channel before the network, as MONAI's NormalizeIntensityd(keys, channel_wise=True) "
                "and nnU-Net do; --intensity zscore shows the effect here."
            )
            yield rule.finding(evidence, batch, None, message, value=ratio, threshold=limit)


def _consequence(batch: Batch, small: int, large: int, settings: Settings) -> str:
    """Say what this layer makes of it."""
    each = batch.channel_count // (settings.groups or 1)  # channels of a group
    layer = f"{settings.layer[0].upper()}{settings.layer[1:]}"
    less = f"so little is left of {batch.title_of(small)}"
    if settings.kind in ("layer", "rms"):
        return f"{layer} normalizes all channels together, {less}."
    apart = "each channel by itself"
    if settings.kind == "group":
        groups = small // each, large // each
        if len(set(groups)) == 1:
            return f"{layer} normalizes both together, in the group of channels {_span(groups[0], each)}, {less}."
        low, high = (_span(group, each) for group in sorted(groups))
        apart = f"them apart, in the groups of channels {low} and {high}"
    return (
        f"{layer} normalizes {apart}, so at the input it removes this difference. After a convolution it cannot: the "
        "convolution has already added the channels."
    )


def _span(group: int, each: int) -> str:
    """Return the channels of a group as tables name them."""
    first, last = group * each, (group + 1) * each - 1
    return str(first) if first == last else f"{first}–{last}"


RULE = Rule("BN404", "channel-scale-mismatch", "warning", _check)
