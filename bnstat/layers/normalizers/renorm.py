"""Batch renormalization (Ioffe 2017): batch norm, with each batch led back to the running statistics before it.

The layer's training output is x̂·r + d, with x̂ that of batch norm. The running standard deviation is an average of
√(variance + ε), as the paper and Keras have it, and starts at 1. Keras clips nothing unless it is told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

from bnstat.layers.results import Batch, Channel, Correction
from bnstat.layers.settings import Settings

# Where the paper's schedule of clipping ends: r within [1/3, 3], |d| up to 5.
MOST_R = 3.0
MOST_D = 5.0


@dataclass(frozen=True)
class _Buffers:
    """The running mean and standard deviation of one channel; None once a batch made them undefined."""

    mean: float | None
    deviation: float | None


def correct(batches: Sequence[Batch], settings: Settings) -> tuple[Batch, ...]:
    """Give each channel its r and d, and the buffers after its batch, for batches in the order of training.

    Args:
        batches: the batches as batch norm has them.
        settings: framework, ε and momentum; one momentum serves training and inference, as Keras' defaults do.
    """
    start_mean, start_variance = settings.framework.running_start
    known: dict[int, _Buffers] = {}
    corrected = []
    for batch in batches:
        channels = []
        for channel in batch.channels:
            before = known.get(channel.channel, _Buffers(start_mean, sqrt(start_variance)))
            after = _updated(before, channel, settings)
            known[channel.channel] = after
            channels.append(_corrected(channel, before, after, settings.added or 0.0))
        corrected.append(replace(batch, channels=tuple(channels)))
    return tuple(corrected)


def _updated(before: _Buffers, channel: Channel, settings: Settings) -> _Buffers:
    """Return the buffers after the step of a batch."""
    weight = settings.batch_weight
    deviation = _deviation(channel, settings.added or 0.0)
    return _Buffers(_moved(before.mean, channel.mean, weight), _moved(before.deviation, deviation, weight))


def _moved(old: float | None, new: float | None, weight: float | None) -> float | None:
    """Return a running value after one more batch; None once it is unknown."""
    return None if old is None or new is None or weight is None else (1.0 - weight) * old + weight * new


def _deviation(channel: Channel, epsilon: float) -> float | None:
    return None if channel.variance is None else sqrt(channel.variance + epsilon)


def _corrected(channel: Channel, before: _Buffers, after: _Buffers, epsilon: float) -> Channel:
    variance = None if after.deviation is None else max(after.deviation**2 - epsilon, 0.0)
    return replace(
        channel, running_mean=after.mean, running_variance=variance, correction=_correction(channel, before, epsilon)
    )


def _correction(channel: Channel, before: _Buffers, epsilon: float) -> Correction:
    """Return r and d by the buffers before the batch, whose deviation is √ε at least, as in Keras."""
    deviation = _deviation(channel, epsilon)
    if before.mean is None or before.deviation is None or channel.mean is None or deviation is None:
        return Correction(None, None, None, None)
    divisor = max(before.deviation, sqrt(epsilon))
    if divisor == 0:
        return Correction(None, None, None, None)
    r, d = deviation / divisor, (channel.mean - before.mean) / divisor
    return Correction(r, d, not 1 / MOST_R <= r <= MOST_R, abs(d) > MOST_D)
