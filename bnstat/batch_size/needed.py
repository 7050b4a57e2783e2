"""The batch size that each channel needs: the one place that every message on such a size has it from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np

from bnstat.batch_size import train_eval
from bnstat.batch_size.confidence import ranges
from bnstat.batch_size.results import NeededSize
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings
from bnstat.moments.moments import Doubles

# The samples that are drawn at most for one estimate of a gap.
_MOST_DRAWN = 10**7

# The sizes that are tried at most on the way to one that follows from its own gap.
_STEPS = 8

# Sizes are as certain as counting: beyond this one, none is named.
_LARGEST = 10.0**15

_ENDS = ("estimate", "least", "most")


@dataclass(frozen=True)
class Needs:
    """The sizes that one channel needs, of all ranks together.

    Attributes:
        channel: its index on the kept axis.
        noise: for the noise of the batch mean.
        shortfall: for the shortfall of the batch variance.
        gap: for the train/eval gap; None without an ε.
    """

    channel: int
    noise: NeededSize
    shortfall: NeededSize
    gap: NeededSize | None

    @property
    def mean_and_variance(self) -> NeededSize:
        """The size for both noise and shortfall."""
        return largest((self.noise, self.shortfall))

    @property
    def all(self) -> NeededSize:
        """The size for all figures."""
        return largest([self.mean_and_variance, *([] if self.gap is None else [self.gap])])


def largest(sizes: Sequence[NeededSize]) -> NeededSize:
    """Return the size that satisfies all of them: the largest of each end, None where one is None."""
    ends = ([getattr(one, name) for one in sizes] for name in _ENDS)
    return NeededSize(*(None if None in end else max(end) for end in ends))


def needs(cohort: Cohort, settings: CompareSettings, channels: int = 1) -> Iterator[Needs]:
    """Yield the sizes that each channel of a cohort needs, where its samples stand for a larger set.

    Noise and shortfall have a closed form: ρ·M/B at a batch of B samples, M of each volume (1 for whole samples). The
    gap falls about as 1/√B, and faster while batches are small. So batches of the size that 1/√B leads to are drawn,
    and again of the size that follows from these.

    Args:
        cohort: FEWEST_SAMPLES or more, in channels whose values are not all equal.
        settings: layer, tolerances, number of draws and seed.
        channels: the channels of which the largest size decides, see `confidence.ranges`.
    """
    epsilon, limits = settings.layer.added, settings.tolerances
    spread, of_rho, of_gap = ranges(cohort, epsilon or 0.0, settings.seed, channels)
    each = 1 if cohort.patches is None else cohort.patches.taking.per_volume
    for column, channel in enumerate(cohort.channels):
        rho = each * float(spread.rho[column])
        shares = [rho, rho * float(of_rho.least[column]), rho * float(of_rho.most[column])]
        gap = None
        if epsilon is not None:
            start = _divided(each * float(spread.gap[column]), limits.gap**2)
            needed = _size_for_gap(cohort.only(np.array([column])), start, settings)
            gap = NeededSize(
                *(_rounded(needed * float(factor)) for factor in (1.0, of_gap.least[column], of_gap.most[column]))
            )
        yield Needs(
            channel,
            NeededSize(*(_rounded(_divided(share, limits.noise**2)) for share in shares)),
            NeededSize(*(_rounded(_divided(share, limits.shortfall)) for share in shares)),
            gap,
        )


def _divided(share: float, limit: float) -> float:
    """Return share/limit; infinite for a limit of 0, unless there is nothing to limit."""
    return share / limit if limit else (np.inf if share else 1.0)


def _rounded(size: float) -> int | None:
    """Return the least whole size of at least this, None if it is beyond all that could be meant."""
    return max(ceil(size - 1e-9), 1) if isfinite(size) and size < _LARGEST else None


def _size_for_gap(cohort: Cohort, start: float, settings: CompareSettings) -> float:
    """Return the size that brings the gap of one channel within its limit, from a first guess."""
    size, within = start, np.inf
    for _ in range(_STEPS):
        whole = _rounded(size)
        if whole is None or whole * settings.draws > _MOST_DRAWN:
            return size
        batch = whole if cohort.patches is None else cohort.patches.taking.full(whole)
        times = _divided(gap_of(cohort, batch, settings), settings.tolerances.gap)
        size = batch * times * times
        if size <= whole:
            within = min(within, whole)
            if size > whole - 1:
                return size
    # drawn batches are random, so that no size may follow from itself: the least one that was seen to be enough
    return within if np.isfinite(within) else size


def gap_of(cohort: Cohort, size: int, settings: CompareSettings) -> float:
    """Return the train/eval gap of a cohort of one channel at a batch size; 0 without an ε."""
    return float(gaps_of(cohort, size, settings)[0])


def gaps_of(cohort: Cohort, size: int, settings: CompareSettings) -> Doubles:
    """Return the train/eval gap of each channel at a batch size, from drawn batches, as the curve has it."""
    epsilon = settings.layer.added
    if epsilon is None:
        return np.zeros(len(cohort.channels))
    whole = cohort.batches(settings.population, size)
    drawn = whole.draw(size, settings.draws_of(size), settings.seed)
    bessel = cohort.bessel(size, settings.layer.framework.unbiased_running_variance)
    gap = train_eval.gap(whole, drawn, epsilon, train_eval.settled(whole, whole.expected(size), bessel))
    return np.asarray(np.nan_to_num(gap.rms))
