"""The arithmetic that all normalizers share: from merged moments to the numbers of a channel or a group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isfinite, sqrt

from bnstat.layers.results import Finite, Group, Number, Statistics
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


@dataclass(frozen=True, slots=True)
class Merged:
    """The moments of values that are normalized together; mean and variance are those of the finite values."""

    finite: int
    count: int
    mean: float
    variance: float
    minimum: Number
    maximum: Number
    nan: int
    inf: int
    constant: bool


def each(cells: Moments) -> Iterator[Merged]:
    """Yield moments of shape (cells,) as plain numbers, one cell after the other."""
    columns = (getattr(cells, name).tolist() for name in Merged.__slots__)
    return (Merged(*values) for values in zip(*columns, strict=True))


def statistics_of(merged: Merged, settings: Settings) -> Statistics:
    """Return the numbers that every channel and group has; mean and variance are None if a value is NaN or Inf."""
    finite_mean = defined(merged.mean) if merged.finite else None
    finite_variance = defined(merged.variance)
    whole = merged.finite == merged.count
    mean, variance = (finite_mean, finite_variance) if whole else (None, None)
    output_variance, share = output(variance, settings)
    return Statistics(
        count=merged.count,
        mean=mean,
        variance=variance,
        std=None if variance is None else sqrt(variance),
        minimum=_extreme(merged.minimum) if merged.finite else None,
        maximum=_extreme(merged.maximum) if merged.finite else None,
        nan=merged.nan,
        inf=merged.inf,
        constant=merged.constant,
        gain=gain(variance, settings),
        output_variance=output_variance,
        output_std=None if output_variance is None else sqrt(output_variance),
        epsilon_share=share,
        condition_number=_condition_number(mean, variance),
        finite=None if whole else Finite(merged.finite, finite_mean, finite_variance),
        output_nan=variance == 0 and settings.divides_by_zero,
    )


def groups_of(samples: Moments, places: tuple[int, ...], groups: int, settings: Settings) -> tuple[Group, ...]:
    """Merge consecutive channels of each sample into so many groups, a sample after the other.

    Args:
        samples: moments of shape (samples of the batch, channels); `groups` divides the channels.
        places: the index of each sample in the report.
        groups: 1 for layer norm, as many as channels for instance norm.
        settings: the layer.
    """
    number, channels = samples.shape
    size = channels // groups
    merged = each(samples.reshape((number * groups, size)).merged(axis=1))
    return tuple(
        Group(
            group=place,
            sample=places[place // groups],
            channels=tuple(range(place % groups * size, (place % groups + 1) * size)),
            **statistics_of(one, settings).numbers,
        )
        for place, one in enumerate(merged)
    )


def defined(number: float) -> float | None:
    """Return the number, or None if it is NaN or Inf."""
    return number if isfinite(number) else None


def _extreme(value: Number) -> Number | None:
    """Return the extreme, a whole number as one; None if a scale factor has made it too large for float64."""
    return value if isinstance(value, int) else defined(value)


def gain(divisor: float | None, settings: Settings) -> float | None:
    """Return 1/√(divisor + ε) of a variance or a mean square.

    It is None if both are 0, if one is unknown, or if the layer refuses this ε; but 0 if the layer takes 1/√0 for 0.
    """
    epsilon = _added(settings)
    if divisor is None or epsilon is None:
        return None
    if divisor + epsilon == 0:
        return 0.0 if settings.framework.zero_divided == "zero" else None
    return defined(1.0 / sqrt(divisor + epsilon))


def output(divisor: float | None, settings: Settings) -> tuple[float | None, float | None]:
    """Return divisor/(divisor + ε), the output of the layer, and ε/(divisor + ε), the share of ε, as for `gain`."""
    epsilon = _added(settings)
    if divisor is None or epsilon is None:
        return None, None
    if divisor + epsilon == 0:
        return (0.0 if settings.framework.zero_divided == "zero" else None), None
    return divisor / (divisor + epsilon), epsilon / (divisor + epsilon)


def _added(settings: Settings) -> float | None:
    """Return the ε that the layer adds; None if it refuses to train with it, or has none."""
    return None if settings.epsilon_refusal is not None else settings.added


def running(start: float, batch: float | None, settings: Settings, count: int) -> float | None:
    """Return a buffer after one training step; None if the layer refuses to train, or its momentum is unknown."""
    weight = settings.batch_weight
    refused = settings.refuses(count) or settings.epsilon_refusal is not None
    if batch is None or weight is None or refused:
        return None
    return (1.0 - weight) * start + weight * batch


def _condition_number(mean: float | None, variance: float | None) -> float | None:
    """Return √(1 + mean²/variance); None if the variance is 0."""
    if mean is None or not variance:
        return None
    ratio = abs(mean) / sqrt(variance)
    return defined(sqrt(1.0 + ratio * ratio)) if ratio < inf else None


def deviations(samples: Moments) -> tuple[float | None, ...]:
    """Return the standard deviation of each channel over all samples; None if a value is NaN or Inf."""
    merged = each(samples.merged(axis=0))
    return tuple(sqrt(one.variance) if one.finite == one.count and isfinite(one.variance) else None for one in merged)
