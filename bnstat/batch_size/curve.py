"""What batches of each size have, channel by channel: from a table of moments to the curve of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import closed_form
from bnstat.batch_size.patches import Nested
from bnstat.batch_size.results import (
    Composition,
    CurveChannel,
    CurvePoint,
    LayerChannel,
    LayerCurve,
    Observed,
    PopulationChannel,
    Renorm,
    Runs,
    Simulated,
)
from bnstat.batch_size.samples import Cohort, Doubles
from bnstat.batch_size.settings import CompareSettings, Kind
from bnstat.layers import running
from bnstat.layers.settings import Layer
from bnstat.moments.moments import Moments

# Where batch renorm clips r and d at the end of its paper's schedule (Ioffe 2017).
R_CLIP, D_CLIP = 3.0, 5.0

# Simulated runs from which the noise of running statistics is taken: one alone has few settled steps that are
# independent of each other.
RUNS = 16

# How the batches of runs follow each other where the samples are all there are.
_FINITE_ORDERS: tuple[running.Order, ...] = ("shuffled", "independent")

# Numbers of drawn batches that are held at once for several layers.
_AT_ONCE = 1 << 21

# For each sample which group it is in; None where it is in none.
Grouping = NDArray[np.intp] | None


def split(table: Moments, cohorts: Sequence[Cohort], kind: Kind, grouping: Grouping) -> tuple[PopulationChannel, ...]:
    """How the variance of each channel splits into within and between samples, and between groups."""
    found = [one for cohort in cohorts for one in _split(table, cohort, kind, grouping)]
    return tuple(sorted(found, key=lambda one: one.channel))


def _split(table: Moments, cohort: Cohort, kind: Kind, grouping: Grouping) -> Iterable[PopulationChannel]:
    if not cohort.samples:
        return [PopulationChannel(channel, 0, None, None, None, None, None) for channel in cohort.channels]
    merged = table[np.ix_(cohort.places, np.array(cohort.channels))].merged(axis=0)
    several = cohort.independent > 1
    whole = _as_drawn(cohort, kind if several else "finite")
    undefined = np.full(len(cohort.channels), np.nan)
    columns = {
        "mean": whole.mean,
        "variance": whole.variance,
        "within": whole.within,
        "between": whole.between if several else undefined,
        "rho": whole.rho if several else undefined,
        "between_groups": undefined
        if grouping is None
        else groups_of(cohort, grouping, lambda one: _as_drawn(one, "finite")).apart,
        "merged_mean": merged.mean,
        "merged_variance": merged.variance,
    }
    if isinstance(whole, Nested):
        columns |= {
            "between_volumes": whole.between_volumes if several else undefined,
            "between_patches": whole.between_patches,
        }
    volumes = cohort.independent if isinstance(whole, Nested) else None
    counts = merged.finite.tolist()
    return [
        PopulationChannel(channel, cohort.samples, merged_count=count, volumes=volumes, **row)
        for channel, count, row in zip(cohort.channels, counts, _rows(columns), strict=True)
    ]


def _rows(columns: dict[str, Doubles]) -> list[dict[str, Any]]:
    """Columns of shape (c,) as c rows of plain numbers; NaN is None."""
    plain = [[None if value != value else value for value in column.tolist()] for column in columns.values()]  # noqa: PLR0124
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]


def _as_drawn(cohort: Cohort, kind: Kind) -> closed_form.Population | Nested:
    """Its samples, whatever batches take of them."""
    if cohort.patches is not None:
        return cohort.patches.as_drawn(kind)
    return closed_form.population(cohort.means, cohort.variances, kind)


def batches_of(cohort: Cohort, kind: Kind, batch_size: int, ranks: int = 1) -> closed_form.Population | Nested:
    """What batches are drawn of.

    Args:
        cohort: of two samples or more, or of two volumes, where `kind` is "infinite".
        kind: whether it is all there is, or some of a larger set.
        batch_size: samples in a batch, of all ranks together.
        ranks: that have equal parts of it.
    """
    if cohort.patches is not None:
        return cohort.patches.batches(kind, batch_size // ranks, ranks)
    return closed_form.population(cohort.means, cohort.variances, kind)


def groups_of(
    cohort: Cohort, grouping: NDArray[np.intp], part_of: Callable[[Cohort], closed_form.Part], least: int = 1
) -> closed_form.Groups:
    """The groups that have at least so many samples, or volumes where samples are patches."""
    mine = grouping[cohort.firsts]
    names, numbers = np.unique(mine, return_counts=True)
    return closed_form.Groups(tuple(part_of(cohort.members(mine == name)) for name in names[numbers >= least]))


def taken(cohort: Cohort, batch_size: int, ranks: int = 1) -> int:
    """How many samples, or volumes where samples are patches, a batch of all ranks together takes."""
    if cohort.patches is None:
        return batch_size
    return cohort.patches.taking.volumes(batch_size // ranks, ranks)


def curves(
    cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings, grouping: Grouping
) -> tuple[tuple[CurvePoint, ...], tuple[LayerCurve, ...]]:
    """The curve over batch sizes, and what the other layers have of it.

    Args:
        cohorts: of all channels.
        sizes: batch sizes, of one rank.
        settings: whose layers, how many ranks and so on.
        grouping: for batches of one group.
    """
    points, others = [], []
    for size in sizes:
        found = _point(cohorts, size, settings, "mixed")
        one_group, synchronized = _one_group(cohorts, size, settings, grouping), _synchronized(cohorts, size, settings)
        points.append(replace(found.point, one_group=one_group, synchronized=synchronized))
        others.append(found.others)
    kept = [LayerCurve(layer, tuple(one[place] for one in others)) for place, layer in enumerate(settings.others)]
    return tuple(points), tuple(kept)


def together(cohorts: Sequence[Cohort], size: int, ranks: int, settings: CompareSettings) -> CurvePoint:
    """One point: batches of so many samples, of all ranks together."""
    return _point(cohorts, size, settings, "mixed", ranks=ranks).point


def _synchronized(cohorts: Sequence[Cohort], size: int, settings: CompareSettings) -> CurvePoint | None:
    """The batches of all ranks taken as one."""
    ranks, together = settings.ranks, size * settings.ranks
    fits = settings.population == "infinite" or any(
        taken(cohort, together, ranks) <= cohort.independent for cohort in cohorts
    )
    if ranks == 1 or not fits:
        return None
    return _point(cohorts, together, replace(settings, others=()), "synchronized", ranks=ranks).point


def _one_group(
    cohorts: Sequence[Cohort], size: int, settings: CompareSettings, grouping: Grouping
) -> CurvePoint | None:
    if grouping is None:
        return None
    found = _point(cohorts, size, replace(settings, steps=None, others=()), "one_group", grouping).point
    return found if found.batches_drawn else None


@dataclass(frozen=True)
class _Found:
    point: CurvePoint
    others: tuple[tuple[LayerChannel, ...], ...]


def _point(
    cohorts: Sequence[Cohort],
    size: int,
    settings: CompareSettings,
    composition: Composition,
    grouping: Grouping = None,
    ranks: int = 1,
) -> _Found:
    channels: list[CurveChannel] = []
    others: list[list[LayerChannel]] = [[] for _ in settings.others]
    batches = []
    samples = max((cohort.samples for cohort in cohorts), default=0)
    patches = any(cohort.patches is not None for cohort in cohorts)
    for cohort in cohorts:
        drawn = _draw(cohort, size, settings, grouping, ranks)
        if drawn is None:
            channels += _undrawn(cohort, size)
            for listed in others:
                listed.extend(LayerChannel(channel) for channel in cohort.channels)
            continue
        batches.append(drawn.batches)
        channels += _curve_channels(drawn, settings)
        for layer, listed in zip(settings.others, others, strict=True):
            listed.extend(drawn.layer_channels(layer))
    point = CurvePoint(
        batch_size=size,
        composition=composition,
        batches_drawn=max((len(one.means) for one in batches), default=0),
        complete=bool(batches) and all(one.complete for one in batches),
        takes_all=settings.population == "finite" and size == samples and composition != "one_group" and not patches,
        channels=tuple(sorted(channels, key=lambda one: one.channel)),
    )
    return _Found(point, tuple(tuple(sorted(one, key=lambda channel: channel.channel)) for one in others))


def _undrawn(cohort: Cohort, size: int) -> Iterable[CurveChannel]:
    """Where there are too few samples for any batch: one sample that is a batch by itself still has its variance."""
    values: Sequence[float | None] = [None] * len(cohort.channels)
    if cohort.independent == size == 1:
        values = batches_of(cohort, "finite", 1).within.tolist()
    return [
        CurveChannel(channel, expected_variance=value) for channel, value in zip(cohort.channels, values, strict=True)
    ]


class _Drawn:
    """Batches of one size of a cohort, and what layers make of them: once for each ε, correction and momentum."""

    def __init__(
        self,
        cohort: Cohort,
        size: int,
        whole: closed_form.Population | Nested | closed_form.Groups,
        settings: CompareSettings,
    ) -> None:
        self.cohort, self.size, self.whole = cohort, size, whole
        self.form, self.batches = whole.expected(size), whole.draw(size, settings.draws, settings.seed)
        self.spread = self.batches.variances.std(axis=0)
        self._bessel = {unbiased: cohort.bessel(size, unbiased) for unbiased in (False, True)}
        self._gaps = self._all_gaps({_gap_key(layer) for layer in (settings.layer, *settings.others)})
        self._rows: dict[tuple[_GapKey, float | None], list[dict[str, Any]]] = {}
        self._channels: dict[tuple[_GapKey, float | None], list[LayerChannel]] = {}

    def of(self, layer: Layer) -> list[dict[str, Any]]:
        """The fields of `LayerChannel`, a row for each channel of the cohort; layers may share them."""
        key, weight = _gap_key(layer), layer.batch_weight
        if (key, weight) not in self._rows:
            noisy = self._settled_noise(key[1], weight)
            self._rows[key, weight] = [{**row, **more} for row, more in zip(self._gaps[key], noisy, strict=True)]
        return self._rows[key, weight]

    def layer_channels(self, layer: Layer) -> list[LayerChannel]:
        """The same as values of the report."""
        key = (_gap_key(layer), layer.batch_weight)
        if key not in self._channels:
            rows = zip(self.cohort.channels, self.of(layer), strict=True)
            self._channels[key] = [LayerChannel(channel, **row) for channel, row in rows]
        return self._channels[key]

    def _settled_noise(self, unbiased: bool, weight: float | None) -> list[dict[str, Any]]:
        if weight is None:
            return [{"running_mean_sd": None, "running_variance_sd": None} for _ in self.cohort.channels]
        found = running.noise(self.form.mean_sd, self.spread, weight, self._bessel[unbiased])
        return _rows({"running_mean_sd": found.mean_sd, "running_variance_sd": found.variance_sd})

    def _all_gaps(self, keys: Iterable[_GapKey]) -> dict[_GapKey, list[dict[str, Any]]]:
        """What depends on ε and correction, of as many layers at once as memory is to hold."""
        ordered = sorted(keys, key=lambda key: (key[0] is None, key))
        known = [key for key in ordered if key[0] is not None]
        step = max(_AT_ONCE // self.batches.means.size, 1)
        found = {key: _rows(self._converged(key)) for key in ordered[len(known) :]}
        for place in range(0, len(known), step):
            found |= self._some_gaps(known[place : place + step])
        return found

    def _converged(self, key: _GapKey) -> dict[str, Doubles]:
        return {"running_mean": self.whole.mean, "running_variance": self.form.variance * self._bessel[key[1]]}

    def _some_gaps(self, keys: Sequence[_GapKey]) -> dict[_GapKey, list[dict[str, Any]]]:
        """Those of some layers that have an ε, along an axis between batches and channels."""
        drawn = self.batches
        wide = closed_form.Drawn(drawn.means[:, np.newaxis], drawn.variances[:, np.newaxis], drawn.complete)
        epsilon = np.array([[key[0]] for key in keys], np.float64)
        bessel = np.stack([self._bessel[key[1]] for key in keys])
        settled = closed_form.settled(self.whole, drawn, bessel)
        gap = closed_form.gap(self.whole, wide, epsilon, settled)
        renorms = closed_form.renorm(wide, epsilon, settled, (0.05, 0.5, 0.95), (R_CLIP, D_CLIP))
        columns = np.stack([*renorms.r, *renorms.d, renorms.r_clipped, renorms.d_clipped], axis=-1)
        found = {}
        for place, key in enumerate(keys):
            more = {"eval_output_variance": gap.eval_output_variance[place], "train_eval_rms": gap.rms[place]}
            rows = _rows(self._converged(key) | more)
            found[key] = [
                {**row, "renorm": one} for row, one in zip(rows, map(_renorm, columns[place].tolist()), strict=True)
            ]
        return found


# What a gap depends on: ε, and whether the running variance is unbiased.
_GapKey = tuple[float | None, bool]


def _gap_key(layer: Layer) -> _GapKey:
    return layer.epsilon, layer.framework.unbiased_running_variance


def _renorm(row: list[float]) -> Renorm | None:
    """Batch renorm's corrections of one channel; None where a layer would divide by 0."""
    return None if row[0] != row[0] else Renorm(*row)


def _draw(cohort: Cohort, size: int, settings: CompareSettings, grouping: Grouping, ranks: int = 1) -> _Drawn | None:
    """Batches of a cohort; None where it has too few samples for any."""
    kind = settings.population
    least = taken(cohort, size, ranks) if kind == "finite" else 2
    if grouping is not None:
        groups = groups_of(cohort, grouping, lambda one: batches_of(one, kind, size), least)
        return _Drawn(cohort, size, groups, settings) if groups.parts else None
    if cohort.independent < max(least, 2):
        return None
    return _Drawn(cohort, size, batches_of(cohort, kind, size, ranks), settings)


def _curve_channels(drawn: _Drawn, settings: CompareSettings) -> list[CurveChannel]:
    form, batches = drawn.form, drawn.batches
    columns = {
        "expected_variance": form.variance,
        "variance_shortfall": form.shortfall,
        "mean_sd": form.mean_sd,
        "mean_noise": form.mean_noise,
        "variance_cv": closed_form.share(drawn.spread, form.variance),
    }
    mean_sd = np.sqrt(np.mean((batches.means - drawn.whole.mean) ** 2, axis=0))
    observed = zip(batches.variances.mean(axis=0).tolist(), drawn.spread.tolist(), mean_sd.tolist(), strict=True)
    simulated = _simulated(drawn, settings)
    return [
        CurveChannel(channel, **row, **layer, observed=Observed(*seen), simulated=runs)
        for channel, row, layer, seen, runs in zip(
            drawn.cohort.channels, _rows(columns), drawn.of(settings.layer), observed, simulated, strict=True
        )
    ]


def _simulated(drawn: _Drawn, settings: CompareSettings) -> list[Runs | None]:
    """Runs of real batches for each channel; nothing where no steps, no momentum or no ε were given."""
    channels = drawn.cohort.channels
    whole, layer = drawn.whole, settings.layer
    if not settings.steps or layer.weights(settings.steps) is None or isinstance(whole, closed_form.Groups):
        return [None] * len(channels)
    if whole.kind == "infinite":
        return [Runs(None, one) for one in _runs(drawn, whole, "replaced", layer, settings)]
    shuffled, independent = (_runs(drawn, whole, order, layer, settings) for order in _FINITE_ORDERS)
    return [Runs(*pair) for pair in zip(shuffled, independent, strict=True)]


def _trained(
    whole: closed_form.Population | Nested, size: int, steps: int, seed: int, order: running.Order
) -> NDArray[np.intp]:
    """The batches of a run as places in `whole.means`, a row for each step; epochs of patches go over their volumes."""
    if isinstance(whole, Nested):
        return whole.filled(running.epochs(whole.samples, whole.slots.distinct, steps, seed, order), seed)
    return running.epochs(whole.samples, size, steps, seed, order)


def _runs(
    drawn: _Drawn, whole: closed_form.Population | Nested, order: running.Order, layer: Layer, settings: CompareSettings
) -> list[Simulated]:
    """Runs of one order, for each channel of the cohort."""
    steps, start = settings.steps or 0, layer.framework.running_start
    weights = np.array(layer.weights(steps))
    bessel = drawn.cohort.bessel(drawn.size, layer.framework.unbiased_running_variance)
    expected = running.expected(whole.mean, drawn.form.variance * bessel, weights, steps, start)
    batches = (_trained(whole, drawn.size, steps, settings.seed + run, order) for run in range(RUNS))
    statistics = (closed_form.statistics(whole, one) for one in batches)
    runs = (running.simulate(means, variances * bessel, weights, start=start) for means, variances in statistics)
    settled = None if layer.batch_weight is None else running.steps_to_forget(layer.batch_weight)
    first, noisy = running.noise_of(runs, expected, settled)
    rms = np.full(len(drawn.cohort.channels), np.nan)
    if layer.epsilon is not None:
        rms = closed_form.gap(whole, drawn.batches, layer.epsilon, (first.means[-1], first.variances[-1])).rms
    columns = {
        "running_mean": first.means[-1],
        "running_variance": first.variances[-1],
        "expected_running_mean": expected.means[-1],
        "expected_running_variance": expected.variances[-1],
        "running_mean_sd": noisy.mean_sd,
        "running_variance_sd": noisy.variance_sd,
        "train_eval_rms": rms,
    }
    return [Simulated(steps, **row) for row in _rows(columns)]
