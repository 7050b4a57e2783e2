"""Batches of one size of a cohort, and what layers make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bnstat.batch_size import closed_form, train_eval
from bnstat.batch_size.columns import rows_of
from bnstat.batch_size.draws import DrawnBatches, Indices
from bnstat.batch_size.patches import PatchBatches
from bnstat.batch_size.results import LayerChannel, Observed, Renorm
from bnstat.batch_size.samples import Cohort, Grouping
from bnstat.batch_size.settings import CompareSettings, PopulationKind
from bnstat.layers import running
from bnstat.layers.normalizers.renorm import MOST_D, MOST_R
from bnstat.layers.settings import Layer
from bnstat.moments.moments import Doubles

# Numbers of drawn batches that are held at once for several layers.
_AT_ONCE = 1 << 21

# What a gap depends on: ε, and whether the running variance is unbiased.
_GapKey = tuple[float | None, bool]


class CohortBatches:
    """Batches of one size of a cohort, and what layers make of them: once for each ε, correction and momentum.

    Attributes:
        cohort: the samples, or patches.
        size: samples in a batch, of all ranks together.
        whole: what the batches are drawn from.
        form: their statistics in closed form.
        drawn: drawn batches.
        spread: standard deviation of the variance of drawn batches, shape (c,).
    """

    def __init__(
        self,
        cohort: Cohort,
        size: int,
        whole: closed_form.Population | PatchBatches | closed_form.Groups,
        settings: CompareSettings,
    ) -> None:
        self.cohort, self.size, self.whole = cohort, size, whole
        self.form, self.drawn = whole.expected(size), whole.draw(size, settings.draws_of(size), settings.seed)
        self.spread = self.drawn.variances.std(axis=0)
        self._bessel = {unbiased: cohort.bessel(size, unbiased) for unbiased in (False, True)}
        self._gaps = self._all_gaps({_gap_key(layer) for layer in (settings.layer, *settings.others)})
        self._rows: dict[tuple[_GapKey, float | None], list[dict[str, Any]]] = {}
        self._channels: dict[tuple[_GapKey, float | None], list[LayerChannel]] = {}

    def rows(self, layer: Layer) -> list[dict[str, Any]]:
        """Return the fields of `LayerChannel`, a row for each channel of the cohort; layers may share them."""
        key, weight = _gap_key(layer), layer.batch_weight
        if (key, weight) not in self._rows:
            noise = self._settled_noise(key[1], weight)
            self._rows[key, weight] = [{**row, **more} for row, more in zip(self._gaps[key], noise, strict=True)]
        return self._rows[key, weight]

    def observed(self, layer: Layer) -> list[Observed]:
        """Return the statistics of the drawn batches for each channel, with what this layer makes of their variance."""
        drawn = self.drawn
        average = drawn.variances.mean(axis=0)
        output = np.full_like(average, np.nan)
        if layer.added is not None:
            bessel = self._bessel[layer.framework.unbiased_running_variance]
            output = train_eval.output_variance(self.whole, average * bessel, layer.added)
        columns = {
            "variance_mean": average,
            "variance_sd": self.spread,
            "mean_sd": np.sqrt(np.mean((drawn.means - self.whole.mean) ** 2, axis=0)),
            "eval_output_variance": output,
        }
        return [Observed(**row) for row in rows_of(columns)]

    def layer_channels(self, layer: Layer) -> list[LayerChannel]:
        """Return the same as values of the report."""
        key = (_gap_key(layer), layer.batch_weight)
        if key not in self._channels:
            rows = zip(self.cohort.channels, self.rows(layer), strict=True)
            self._channels[key] = [LayerChannel(channel, **row) for channel, row in rows]
        return self._channels[key]

    def _settled_noise(self, unbiased: bool, weight: float | None) -> list[dict[str, Any]]:
        """Return the noise of settled running statistics for each channel; None if the weight of a batch is unknown."""
        if weight is None:
            return [{"running_mean_sd": None, "running_variance_sd": None} for _ in self.cohort.channels]
        noise = running.noise(self.form.mean_sd, self.spread, weight, self._bessel[unbiased])
        return rows_of({"running_mean_sd": noise.mean_sd, "running_variance_sd": noise.variance_sd})

    def _all_gaps(self, keys: Iterable[_GapKey]) -> dict[_GapKey, list[dict[str, Any]]]:
        """Return the gaps for each ε and correction: of several layers at once, as many as fit into memory."""
        ordered = sorted(keys, key=lambda key: (key[0] is None, key))
        known = [key for key in ordered if key[0] is not None]
        step = max(_AT_ONCE // self.drawn.means.size, 1)
        gaps = {key: rows_of(self._converged(key)) for key in ordered[len(known) :]}
        for place in range(0, len(known), step):
            gaps |= self._some_gaps(known[place : place + step])
        return gaps

    def _converged(self, key: _GapKey) -> dict[str, Doubles]:
        """Return what the running statistics converge to, in closed form."""
        mean, variance = train_eval.settled(self.whole, self.form, self._bessel[key[1]])
        return {"running_mean": mean, "running_variance": variance}

    def _some_gaps(self, keys: Sequence[_GapKey]) -> dict[_GapKey, list[dict[str, Any]]]:
        """Return the gaps of some layers that have an ε, along an axis between batches and channels."""
        drawn = self.drawn
        wide = DrawnBatches(drawn.means[:, np.newaxis], drawn.variances[:, np.newaxis], drawn.complete)
        epsilon = np.array([[key[0]] for key in keys], np.float64)
        bessel = np.stack([self._bessel[key[1]] for key in keys])
        settled = train_eval.settled(self.whole, self.form, bessel)
        gap = train_eval.gap(self.whole, wide, epsilon, settled)
        renorm = train_eval.corrections(wide, epsilon, settled, (0.05, 0.5, 0.95), (MOST_R, MOST_D))
        columns = np.stack([*renorm.r, *renorm.d, renorm.r_clipped, renorm.d_clipped], axis=-1)
        gaps = {}
        for place, key in enumerate(keys):
            more = {"eval_output_variance": gap.eval_output_variance[place], "train_eval_rms": gap.rms[place]}
            rows = rows_of(self._converged(key) | more)
            renorms = map(_renorm, columns[place].tolist())
            gaps[key] = [{**row, "renorm": one} for row, one in zip(rows, renorms, strict=True)]
        return gaps


def _gap_key(layer: Layer) -> _GapKey:
    return layer.added, layer.framework.unbiased_running_variance


def _renorm(row: list[float]) -> Renorm | None:
    """Return batch renorm's corrections of one channel; None if a layer would divide by 0."""
    return None if np.isnan(row[0]) else Renorm(*row)


def batches_of(
    cohort: Cohort, size: int, settings: CompareSettings, grouping: Grouping = None, ranks: int = 1
) -> CohortBatches | None:
    """Return batches of a cohort; None if it has too few samples for any.

    Args:
        cohort: the samples of some channels.
        size: samples in a batch, of all ranks together.
        settings: population, number of draws and layers.
        grouping: the group of each sample, for batches of one group each; None for batches of all samples.
        ranks: ranks that have equal parts of a batch.
    """
    kind = settings.population
    least = cohort.taken(size, ranks) if kind == "finite" else 2
    if grouping is not None:
        groups = _groups_of(cohort, size, kind, grouping, least)
        return CohortBatches(cohort, size, groups, settings) if groups is not None else None
    if cohort.independent < max(least, 2):
        return None
    return CohortBatches(cohort, size, cohort.batches(kind, size, ranks), settings)


def _groups_of(
    cohort: Cohort, size: int, kind: PopulationKind, grouping: Indices, least: int
) -> closed_form.Groups | None:
    """Return the groups whose batches are compared, each of them with `least` samples or more; None without any.

    A larger set has as many samples of each group as a batch takes. What is not known is how far these are apart if
    each group has only one sample here.
    """
    if not cohort.samples:
        return None
    numbers = cohort.numbered(grouping)
    if kind == "infinite":
        if not cohort.splits(numbers):
            return None
        return closed_form.Groups.of(cohort.batches(kind, size, groups=numbers), numbers)
    groups = closed_form.Groups.of(cohort.batches(kind, size), numbers, least)
    return groups if groups.groups else None
