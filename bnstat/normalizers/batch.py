"""Batch norm: the samples of a batch merge, each channel alone."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, sqrt

from bnstat.moments import Moments
from bnstat.report import Channel, Finite, Number, Settings


@dataclass(frozen=True, slots=True)
class _Merged:
    """The moments of one channel of a batch as plain numbers; mean and variance are over the finite values."""

    count: int
    total: int
    mean: float
    variance: float
    minimum: Number
    maximum: Number
    nan: int
    inf: int
    constant: bool


def normalize(samples: Moments, settings: Settings) -> tuple[Channel, ...]:
    """What a batch-norm layer computes for each channel of one batch.

    Args:
        samples: moments of shape (samples of the batch, channels).
        settings: framework, ε and momentum.
    """
    merged = samples.merged(axis=0)
    columns = (getattr(merged, name).tolist() for name in _Merged.__slots__)
    return tuple(
        _channel(channel, _Merged(*values), settings) for channel, values in enumerate(zip(*columns, strict=True))
    )


def _channel(channel: int, merged: _Merged, settings: Settings) -> Channel:
    finite_mean = _defined(merged.mean) if merged.count else None
    finite_variance = _defined(merged.variance)
    whole = merged.count == merged.total
    mean, variance = (finite_mean, finite_variance) if whole else (None, None)
    output_variance, share = _output(variance, settings.epsilon)
    kept_variance = None if variance is None else variance * settings.framework.bessel(merged.total)
    start_mean, start_variance = settings.framework.running_start
    return Channel(
        channel=channel,
        count=merged.total,
        mean=mean,
        variance=variance,
        std=None if variance is None else sqrt(variance),
        minimum=_extreme(merged.minimum) if merged.count else None,
        maximum=_extreme(merged.maximum) if merged.count else None,
        nan=merged.nan,
        inf=merged.inf,
        constant=merged.constant,
        gain=_gain(variance, settings.epsilon),
        output_variance=output_variance,
        output_std=None if output_variance is None else sqrt(output_variance),
        epsilon_share=share,
        running_mean=_running(start_mean, mean, settings, merged.total),
        running_variance=_running(start_variance, kept_variance, settings, merged.total),
        condition_number=_condition_number(mean, variance),
        finite=None if whole else Finite(merged.count, finite_mean, finite_variance),
    )


def _defined(number: float) -> float | None:
    return number if isfinite(number) else None


def _extreme(value: Number) -> Number | None:
    """A whole number stays one; a scale factor may have made a number too large for float64."""
    return value if isinstance(value, int) else _defined(value)


def _gain(variance: float | None, epsilon: float | None) -> float | None:
    """1/√(variance + ε); None where both are 0, or one is unknown."""
    if variance is None or epsilon is None or variance + epsilon == 0:
        return None
    return _defined(1.0 / sqrt(variance + epsilon))


def _output(variance: float | None, epsilon: float | None) -> tuple[float | None, float | None]:
    """Variance of the normalized values, and the share of ε in what it was divided by."""
    if variance is None or epsilon is None or variance + epsilon == 0:
        return None, None
    return variance / (variance + epsilon), epsilon / (variance + epsilon)


def _running(start: float, batch: float | None, settings: Settings, count: int) -> float | None:
    """A buffer after one training step; None where the layer refuses to train, or its momentum is unknown."""
    weight = settings.batch_weight
    if batch is None or weight is None or count < settings.framework.least_values:
        return None
    return (1.0 - weight) * start + weight * batch


def _condition_number(mean: float | None, variance: float | None) -> float | None:
    """√(1 + mean²/variance); None where the variance is 0."""
    if mean is None or not variance:
        return None
    ratio = abs(mean) / sqrt(variance)
    return _defined(sqrt(1.0 + ratio * ratio)) if ratio < inf else None
