"""The arithmetic that all normalizers share: from merged moments to the numbers of channels or groups, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstat.layers.columns import Doubles, Integers, StatisticsColumns, by_count
from bnstat.layers.results import Group
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def statistics_of(merged: Moments, settings: Settings) -> StatisticsColumns:
    """Return the numbers that every channel and group has; mean and variance are undefined if a value is NaN or Inf."""
    finite_mean = np.where(merged.finite > 0, defined(merged.mean), np.nan)
    finite_variance = defined(merged.variance)
    count = merged.count
    whole = merged.finite == count
    mean, variance = (np.where(whole, own, np.nan) for own in (finite_mean, finite_variance))
    output_variance, share = output(variance, settings)
    with np.errstate(invalid="ignore"):
        return StatisticsColumns(
            count=count,
            mean=mean,
            variance=variance,
            std=np.sqrt(variance),
            minimum=merged.minimum,
            maximum=merged.maximum,
            nan=merged.nan,
            inf=merged.inf,
            constant=merged.constant,
            gain=gain(variance, settings),
            output_variance=output_variance,
            output_std=np.sqrt(output_variance),
            epsilon_share=share,
            condition_number=_condition_number(mean, variance),
            output_nan=(variance == 0) & settings.divides_by_zero,
            finite=merged.finite,
            finite_mean=finite_mean,
            finite_variance=finite_variance,
        )


def group_columns(samples: Moments, groups: int, settings: Settings) -> StatisticsColumns:
    """Merge consecutive channels of each sample into so many groups: columns of shape (samples · groups,)."""
    number, channels = samples.shape
    return statistics_of(samples.reshape((number * groups, channels // groups)).merged(axis=1), settings)


@dataclass(frozen=True)
class Samples:
    """The samples of batches of one size, a batch after the other.

    Attributes:
        places: the index of each sample in the report.
        size: samples of a batch.
    """

    places: tuple[int, ...]
    size: int


def groups_of(samples: Moments, of: Samples, groups: int, settings: Settings) -> tuple[Group, ...]:
    """Merge consecutive channels of each sample into so many groups, a sample after the other.

    Args:
        samples: moments of shape (samples, channels); `groups` divides the channels.
        of: which samples these are.
        groups: 1 for layer norm, as many as channels for instance norm.
        settings: the layer.
    """
    size = samples.shape[1] // groups
    listed = group_columns(samples, groups, settings).listed()
    channels = [tuple(range(group * size, (group + 1) * size)) for group in range(groups)]
    return tuple(
        Group(
            group=place % (of.size * groups),
            sample=of.places[place // groups],
            channels=channels[place % groups],
            **dict(zip(listed, numbers, strict=True)),
        )
        for place, numbers in enumerate(zip(*listed.values(), strict=True))
    )


def defined(numbers: Doubles) -> Doubles:
    """Return the numbers, and NaN, which is undefined, for infinite ones."""
    return np.where(np.isfinite(numbers), numbers, np.nan)


def gain(divisor: Doubles, settings: Settings) -> Doubles:
    """Return 1/√(divisor + ε) of variances or mean squares.

    It is undefined if both are 0, if one is unknown, or if the layer refuses this ε; but 0 if the layer takes 1/√0 for
    0.
    """
    epsilon = _added(settings)
    if epsilon is None:
        return np.full_like(divisor, np.nan)
    with np.errstate(all="ignore"):
        return np.where(divisor + epsilon == 0, _of_zero(settings), defined(1.0 / np.sqrt(divisor + epsilon)))


def output(divisor: Doubles, settings: Settings) -> tuple[Doubles, Doubles]:
    """Return divisor/(divisor + ε), the output of the layer, and ε/(divisor + ε), the share of ε, as for `gain`."""
    epsilon = _added(settings)
    if epsilon is None:
        return np.full_like(divisor, np.nan), np.full_like(divisor, np.nan)
    total = divisor + epsilon
    with np.errstate(all="ignore"):
        return (
            np.where(total == 0, _of_zero(settings), divisor / total),
            np.where(total == 0, np.nan, epsilon / total),
        )


def _of_zero(settings: Settings) -> float:
    """Return what the layer takes 1/√0 for; NaN is undefined."""
    return 0.0 if settings.framework.zero_divided == "zero" else np.nan


def _added(settings: Settings) -> float | None:
    """Return the ε that the layer adds; None if it refuses to train with it, or has none."""
    return None if settings.epsilon_refusal is not None else settings.added


def running(start: float, batch: Doubles, settings: Settings, count: Integers) -> Doubles:
    """Return buffers after one training step; undefined if the layer refuses to train, or its momentum is unknown."""
    weight = settings.batch_weight
    if weight is None or settings.epsilon_refusal is not None:
        return np.full_like(batch, np.nan)
    with np.errstate(all="ignore"):
        return np.where(by_count(count, settings.refuses), np.nan, (1.0 - weight) * start + weight * batch)


def _condition_number(mean: Doubles, variance: Doubles) -> Doubles:
    """Return √(1 + mean²/variance); undefined if the variance is 0."""
    with np.errstate(all="ignore"):
        ratio = np.abs(mean) / np.sqrt(variance)
        return np.where(variance == 0, np.nan, defined(np.sqrt(1.0 + ratio * ratio)))


def deviations(merged: Moments) -> Doubles:
    """Return the standard deviations of cells; undefined if a value is NaN or Inf."""
    with np.errstate(all="ignore"):
        return np.where(merged.finite == merged.count, np.sqrt(defined(merged.variance)), np.nan)
