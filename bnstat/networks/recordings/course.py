"""How noise, ρ and running statistics went through a training, from its recorded steps."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Doubles
from bnstat.networks.layer_names import layer_of
from bnstat.networks.recordings.reading import LayerLine, TrainingFile
from bnstat.networks.recordings.results import Part, Point, RecordedLayer
from bnstat.networks.results import PerChannel, middle

# A running mean within this many standard deviations of the batch means is near them, as for the rules on gaps.
NEAR = 0.1

_NAMES = ("first", "middle", "last")
# Points of a curve, and recorded steps of one point at least: fewer say little of noise.
_MOST_POINTS, _LEAST_OF_POINT = 24, 4


def course_of(training: TrainingFile) -> tuple[RecordedLayer, ...]:
    """Return how each layer went through the training, in the order in which they ran."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of no numbers is NaN
        return tuple(_layer(name, lines, training) for name, lines in training.layers.items())


def _layer(name: str, lines: Mapping[int, LayerLine], training: TrainingFile) -> RecordedLayer:
    steps, listed = list(lines), list(lines.values())
    described = training.described.get(layer_of(name), {})
    series = _Series(steps, listed, _share(described.get("momentum"), training.start), training.start["every"])
    parts = [_part(*named, series) for named in zip(_NAMES, _split(len(steps), len(_NAMES)), strict=False)]
    points = series.points()
    last = listed[-1]
    lags = last.stored and len(points) > 0 and _lags(parts[-1], series) and not last.frozen
    counts = [one.shape[0] for one in listed]
    return RecordedLayer(
        layer=name,
        kind=last.kind,
        shape=last.shape,
        axis=last.axis,
        dtype=tuple(dict.fromkeys(one.dtype for one in listed)),
        channels=last.shape[last.axis],
        epsilon=described.get("epsilon"),
        momentum=described.get("momentum"),
        samples=(min(counts), max(counts)),
        between_known=series.between_known,
        parts=tuple(parts),
        points=tuple(points),
        settled_step=None if lags or not last.stored else _settled(points, parts[-1].first_step),
        lags=lags,
        constant=last.constant,
        not_finite_steps=sum(bool(one.not_finite) for one in listed),
        broken_step=series.broken_step() if last.stored else None,
        frozen_steps=sum(one.frozen for one in listed),
    )


def _share(momentum: float | None, start: Mapping[str, Any]) -> float | None:
    """Return the weight of a new batch in the running statistics; Keras has that of the old ones as momentum."""
    return momentum if momentum is None or start["framework"] != "keras" else 1.0 - momentum


def _split(count: int, most: int) -> list[NDArray[Any]]:
    """Return the places of so many steps in equal parts, none of which is empty."""
    return [part for part in np.array_split(np.arange(count), most) if len(part)]


class _Series:
    """The figures of one layer over its recorded steps."""

    def __init__(self, steps: Sequence[int], lines: Sequence[LayerLine], share: float | None, every: int) -> None:
        self.steps = np.array(steps)
        self._share, self._every = share, every
        figures = np.stack([one.figures for one in lines], axis=1)
        self.mean, self.variance, self.within, self.between, self.running_mean, self.running_variance = figures
        self._samples = np.array([one.shape[0] for one in lines])
        self.stored = lines[-1].stored

    @property
    def between_known(self) -> bool:
        """True if a step has two samples or more."""
        return bool(np.isfinite(self.between).any())

    def _changes(self, places: NDArray[Any]) -> Doubles:
        """Return half of the mean square of the changes of the batch mean from step to step, for each channel.

        For batches that are independent, that is the variance of the batch mean; a slow drift adds almost nothing
        (von Neumann 1941).
        """
        return np.asarray(np.nanmean(np.diff(self.mean[places], axis=0) ** 2, axis=0) / 2)

    def total(self, places: NDArray[Any]) -> Doubles:
        """Return the variance of all values of these steps."""
        between = self._changes(places) if len(places) > 1 else 0.0
        return np.asarray(np.nanmean(self.variance[places], axis=0) + np.nan_to_num(between))

    def noise(self, places: NDArray[Any]) -> Doubles:
        """Return the noise of the batch mean in standard deviations of all values."""
        return np.asarray(np.sqrt(_divided(self._changes(places), self.total(places))))

    def rho(self, places: NDArray[Any]) -> Doubles:
        """Return the share of the variance that lies between samples."""
        if not self.between_known:
            return self.noise(places) ** 2
        samples = self._samples[places, np.newaxis]
        between = np.nanmean(self.between[places] * samples / (samples - 1), axis=0)
        return _divided(between, between + np.nanmean(self.within[places], axis=0))

    def drift(self, places: NDArray[Any]) -> Doubles:
        """Return how far the running mean lies from the batch means, in standard deviations of all values."""
        apart = np.nanmean(self.running_mean[places] - self.mean[places], axis=0)
        return np.asarray(np.abs(apart) / np.sqrt(np.where(self.total(places) > 0, self.total(places), np.nan)))

    def variance_ratio(self, places: NDArray[Any]) -> Doubles:
        """Return the running variance divided by that of the batches."""
        return _divided(np.nanmean(self.running_variance[places], axis=0), np.nanmean(self.variance[places], axis=0))

    def points(self) -> list[Point]:
        """Return the points of a curve over the steps; none if fewer than three can be told."""
        number = min(len(self.steps) // _LEAST_OF_POINT, _MOST_POINTS)
        if number < len(_NAMES):
            return []
        found = []
        for part in _split(len(self.steps), len(_NAMES)):
            # the noise of a few steps is known badly, so that the limit takes that of the whole part
            noise = _median(self.noise(part)) or 0.0
            found += [self._point(part[places], noise) for places in _split(len(part), number // len(_NAMES))]
        return found

    def _point(self, places: NDArray[Any], noise: float) -> Point:
        step = int(self.steps[places[0]])
        if not self.stored:
            return Point(step, _median(self.noise(places)), None, None)
        return Point(step, _median(self.noise(places)), _median(self.drift(places)), self.limit(noise, len(places)))

    def limit(self, noise: float, recorded: int) -> float:
        """Return the drift up to which a running mean counts as near: `NEAR`, and twice the standard error of it.

        The error is that of the batch means of these steps, and of the running mean, which is an average of batch
        means itself: its variance is share/(2 − share) of theirs.
        """
        share = self._share or 0.0
        apart = min(max(recorded * self._every * share, 1.0), recorded)  # steps whose running means are independent
        return NEAR + 2 * noise * sqrt(1 / recorded + share / (2 - share) / apart)

    def broken_step(self) -> int | None:
        """Return the step from which on the running statistics are not finite, to the end; None if they are."""
        whole = np.isfinite(self.running_mean).all(axis=1) & np.isfinite(self.running_variance).all(axis=1)
        if whole[-1]:
            return None
        last = np.flatnonzero(whole)
        return int(self.steps[last[-1] + 1 if len(last) else 0])


def _part(name: str, places: NDArray[Any], series: _Series) -> Part:
    several = len(places) > 1
    unknown = (None,) * series.mean.shape[1]
    return Part(
        name=name,
        first_step=int(series.steps[places[0]]),
        last_step=int(series.steps[places[-1]]),
        recorded=len(places),
        mean_noise=_listed(series.noise(places)) if several else unknown,
        rho=_listed(series.rho(places)) if several or series.between_known else unknown,
        drift=_listed(series.drift(places)) if series.stored else (),
        variance_ratio=_listed(series.variance_ratio(places)) if series.stored else (),
    )


def _lags(part: Part, series: _Series) -> bool:
    """Return True if the running mean of a part of the training is not near the batch means."""
    drift, noise = middle(part.drift), middle(part.mean_noise)
    return drift is not None and drift > series.limit(noise or 0.0, part.recorded)


def _settled(points: Sequence[Point], last_part: int) -> int | None:
    """Return the step of the first point from which on the drift stays within its limit; None without points.

    Args:
        points: The points of a layer.
        last_part: The step at which the last part begins, of which it is known that it is near as a whole.
    """
    settled = None
    for point in reversed(points):
        beyond = point.drift is None or point.drift_limit is None or point.drift > point.drift_limit
        if beyond and point.step < last_part:
            break
        settled = point.step if not beyond or settled is None else settled
    return settled


def _divided(part: Doubles, whole: Doubles) -> Doubles:
    """Return a quotient; NaN where the denominator is not positive."""
    return np.asarray(part / np.where(whole > 0, whole, np.nan))


def _median(values: Doubles) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def _listed(values: Doubles) -> PerChannel:
    return tuple(one if np.isfinite(one) else None for one in values.tolist())
