"""The figures of a layer, from what entered it with each sample in evaluation mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size.samples import Cohort, Nesting, cohorts_of
from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.measurements.cells import values_of
from bnstat.networks.measurements.evaluation import EvaluatedLayer
from bnstat.networks.normalization import Normalization
from bnstat.networks.results import BatchSizeResult, LayerResult, PerChannel


def per_channel(values: Doubles) -> PerChannel:
    """Return a figure for each channel, None where it is not a finite number."""
    finite = np.isfinite(values)
    return tuple(value if is_finite else None for value, is_finite in zip(values.tolist(), finite, strict=True))


def result_of(
    layer: EvaluatedLayer, nesting: Nesting | None, output_moved: float | None, batches: tuple[BatchSizeResult, ...]
) -> LayerResult:
    """Return what was measured of a layer.

    Args:
        layer: What entered it.
        nesting: Which volume each sample is a patch of; None if samples are volumes.
        output_moved: How much the outputs change if it is switched.
        batches: What training batches had.
    """
    seen, own = layer.seen, layer.seen.normalization
    table = Moments.stack(layer.cells)
    merged = table.merged(axis=0)
    split = _split(table, None if nesting is None else _of_places(nesting, layer.places))
    stored = _against_stored(own, split)
    return LayerResult(
        layer=own.layer,
        kind=own.kind,
        functional=own.functional,
        groups=own.groups,
        shape=tuple(seen.shape[1:]),
        axis=max(seen.axis - 1, 0),
        dtype=seen.dtype,
        channels=table.shape[1],
        values=values_of(seen),
        epsilon=own.epsilon,
        momentum=own.momentum,
        samples=len(layer.cells),
        rho=per_channel(split.rho),
        dead=_places(merged.constant),
        constant_in_a_sample=_places(np.asarray(table.constant.any(axis=0))),
        not_finite=_places(merged.nan + merged.inf > 0),
        largest=per_channel(_largest(merged)),
        epsilon_share=_epsilon_share(own.epsilon, layer.variances),
        mean_gap=stored.mean_gap,
        variance_ratio=stored.variance_ratio,
        eval_output_variance=stored.output_variance,
        never_updated=_never_updated(own),
        output_moved=output_moved,
        batches=batches,
    )


@dataclass(frozen=True, eq=False)
class _Split:
    """The statistics of all samples of each channel, shape (channels,); NaN where they are undefined."""

    mean: Doubles
    variance: Doubles
    rho: Doubles


def _split(table: Moments, nesting: Nesting | None) -> _Split:
    """Return mean, biased variance and ρ of each channel.

    Samples with NaN or Inf in a channel are left out of it. ρ is that of the larger set that samples stand for, as
    `compare` has it; it needs two samples, or patches of two volumes. Mean and variance are the merge of all values,
    which stored statistics stand for.
    """
    mean, variance, rho = (np.full(table.shape[1], np.nan) for _ in range(3))
    for cohort in cohorts_of(table, nesting):
        if not cohort.samples:
            continue
        channels = np.array(cohort.channels)
        merged = table[np.ix_(cohort.places, channels)].merged(axis=0)
        mean[channels] = merged.mean
        variance[channels] = np.where(merged.varies, merged.variance, 0.0)
        rho[channels] = np.where(merged.varies, _rho(cohort), np.nan)
    return _Split(mean, variance, rho)


def _rho(cohort: Cohort) -> Doubles:
    if cohort.independent < 2:
        return np.full(len(cohort.channels), np.nan)
    return cohort.as_drawn("infinite").rho


def _of_places(nesting: Nesting, places: list[int]) -> Nesting:
    """Return the volumes of some of the samples, numbered anew."""
    _, volumes = np.unique(nesting.volumes[places], return_inverse=True)
    return Nesting(volumes, nesting.foreground[places], nesting.taking)


@dataclass(frozen=True)
class _Stored:
    """Stored statistics against those of all samples; empty without stored ones."""

    mean_gap: PerChannel = ()
    variance_ratio: PerChannel = ()
    output_variance: PerChannel = ()


def _against_stored(own: Normalization, split: _Split) -> _Stored:
    if own.running_variance is None:
        return _Stored()
    stored = np.asarray(own.running_variance, np.float64)
    variance = np.where(split.variance > 0, split.variance, np.nan)
    with np.errstate(all="ignore"):
        gap = np.full(len(stored), np.nan)
        if own.running_mean is not None:
            gap = np.abs(own.running_mean - split.mean) / np.sqrt(variance)
        added = stored + own.epsilon
        output = split.variance / np.where(added > 0, added, np.nan)
        return _Stored(per_channel(gap), per_channel(stored / variance), per_channel(output))


def _never_updated(own: Normalization) -> bool:
    """Return True if the stored statistics are those that training starts with."""
    mean, variance = own.running_mean, own.running_variance
    return mean is not None and variance is not None and not np.any(mean) and bool(np.all(variance == 1.0))


def _epsilon_share(epsilon: float, variances: list[Doubles]) -> PerChannel:
    """Return ε/(variance + ε) of each channel, its median over the samples in which it is defined."""
    with np.errstate(all="ignore"):
        shares = epsilon / (np.stack(variances) + epsilon)
    defined = np.isfinite(shares)
    found = np.full(shares.shape[1], np.nan)
    for channel in np.flatnonzero(defined.any(axis=0)):
        found[channel] = np.median(shares[defined[:, channel], channel])
    return per_channel(found)


def _largest(merged: Moments) -> Doubles:
    ends = np.maximum(np.abs(np.asarray(merged.minimum, np.float64)), np.abs(np.asarray(merged.maximum, np.float64)))
    return np.asarray(np.where(merged.finite > 0, ends, np.nan))


def _places(chosen: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the channels for which something is true."""
    return tuple(np.flatnonzero(chosen).tolist())
