"""Which batch size is enough: the least within the tolerances, for a larger set than the samples at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnstat import noise
from bnstat.frameworks import Framework
from bnstat.report import CompareSettings, Recommendation, Tolerances
from bnstat.wording import plural

# Below so few samples the spread between samples is not known well enough to recommend anything.
FEWEST_SAMPLES = 8

# For the range: cohorts that are drawn from the samples, and batches that are drawn of each.
_COHORTS, _COHORT_DRAWS = 100, 200


@dataclass(frozen=True)
class Cohort:
    """The samples of one channel: means and biased variances, shape (K,), and how many values one has on average."""

    means: noise.Doubles
    variances: noise.Doubles
    count: float

    def bessel(self, batch_size: int, framework: Framework) -> float:
        """n/(n − 1) of a batch where the framework's running variance is unbiased, else 1."""
        values = batch_size * self.count
        return values / (values - 1) if framework.unbiased_running_variance and values > 1 else 1.0

    def redrawn(self, seed: int) -> Cohort:
        """As many samples, drawn with replacement; of cohorts of one size, equal seeds draw the same."""
        number = len(self.means)
        places = np.random.default_rng(seed).integers(0, number, number)
        return Cohort(self.means[places], self.variances[places], self.count)


@dataclass(frozen=True)
class _Figures:
    """The worst of all channels at one batch size."""

    noise: float
    shortfall: float
    gap: float

    def within(self, tolerances: Tolerances) -> bool:
        return self.noise <= tolerances.noise and self.shortfall <= tolerances.shortfall and self.gap <= tolerances.gap

    def said(self) -> str:
        return f"noise {self.noise:.3g}, shortfall {self.shortfall:.3g}, train/eval gap {self.gap:.3g}"


def recommend(
    cohorts: Sequence[Cohort],
    sizes: Sequence[int],
    settings: CompareSettings,
    applies_to: Literal["input", "array"],
) -> Recommendation:
    """The least of these batch sizes whose noise, shortfall and gap are within the tolerances in every channel.

    The samples are taken for some of a larger set, whatever population is displayed. The range is that of cohorts drawn
    from the samples with replacement (bootstrap), from the 5th to the 95th percentile.
    """
    usable = [cohort for cohort in cohorts if len(cohort.means) >= FEWEST_SAMPLES and _varies(cohort)]
    fewest = min((len(cohort.means) for cohort in cohorts), default=0)
    if not usable:
        reason = "every channel is constant, so no batch size is better than another"
        if fewest < FEWEST_SAMPLES:
            few = plural(fewest, "sample")
            reason = f"{few} cannot tell how statistics differ between samples: give at least {FEWEST_SAMPLES}"
        return Recommendation(None, None, None, applies_to, reason)
    ordered = sorted(sizes)
    figures = {size: _figures(usable, size, settings, settings.draws) for size in ordered}
    best = next((size for size in ordered if figures[size].within(settings.tolerances)), None)
    least, most = _range(usable, ordered, settings)
    return Recommendation(best, least, most, applies_to, _reason(best, figures, ordered, fewest))


def _varies(cohort: Cohort) -> bool:
    return bool(cohort.variances.any() or np.ptp(cohort.means))


def _figures(cohorts: Sequence[Cohort], size: int, settings: CompareSettings, draws: int) -> _Figures:
    found = []
    for cohort in cohorts:
        whole = noise.population(cohort.means, cohort.variances, "infinite")
        form = noise.expected(whole, size)
        drawn = noise.draw(whole, size, draws, settings.seed)
        gap = noise.gap(whole, drawn, settings.epsilon, cohort.bessel(size, settings.framework))
        found.append((form.mean_noise or 0.0, form.shortfall or 0.0, gap.rms or 0.0))
    return _Figures(*(max(column) for column in zip(*found, strict=True)))


def _range(cohorts: Sequence[Cohort], sizes: Sequence[int], settings: CompareSettings) -> tuple[int | None, int | None]:
    """The 5th and 95th percentile of what other cohorts of as many samples would recommend."""
    random = np.random.default_rng(settings.seed)
    found: list[float] = []
    for _ in range(_COHORTS):
        seed = int(random.integers(2**32))  # one for all channels: samples are drawn, with all that they hold
        drawn = [cohort.redrawn(seed) for cohort in cohorts]
        usable = [cohort for cohort in drawn if _varies(cohort)]
        sized = (size for size in sizes if _figures(usable, size, settings, _COHORT_DRAWS).within(settings.tolerances))
        found.append(next(sized, float("inf")) if usable else float("inf"))
    found.sort()
    ends = (found[len(found) // 20], found[-1 - len(found) // 20])
    least, most = (None if end == float("inf") else int(end) for end in ends)
    return least, most


def _reason(best: int | None, figures: dict[int, _Figures], sizes: Sequence[int], samples: int) -> str:
    larger = f", for a larger set than these {samples} samples"
    if best is not None:
        found = f"{figures[best].said()}{larger}"
        return f"batch size {best} is the least of those compared that is within the tolerances ({found})"
    last = sizes[-1]
    return (
        f"none of these sizes is within the tolerances (at {last}: {figures[last].said()}{larger}); "
        "instance or group norm does not depend on the batch size"
    )
