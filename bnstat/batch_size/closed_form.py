"""What a batch size does to batch statistics, in closed form.

Samples count equally, as samplers draw them, whatever their number of values. With sample means mᵢ and biased variances
vᵢ: within w = mean of vᵢ, between τ² = variance of mᵢ, σ² = w + τ², ρ = τ²/σ². A batch is B different samples of the K
(finite), or B of a larger set that the K stand for (infinite).

Samples lie along axis 0, of shape (K,) for one channel or (K, …) for several at once, which are each answered alone.
Undefined values are NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from bnstat.batch_size import draws, larger_set
from bnstat.batch_size.averages import average
from bnstat.batch_size.draws import DrawnBatches, Indices
from bnstat.batch_size.larger_set import places_of
from bnstat.batch_size.settings import PopulationKind
from bnstat.moments.moments import Doubles


@dataclass(frozen=True)
class Expected:
    """The statistics of batches of one size in closed form, shape (…) each.

    Attributes:
        mean_sd: standard deviation of the batch mean, √(τ²f/B), in the unit of the values.
        mean_noise: the same in standard deviations σ of the values.
        variance: expected batch variance, σ² − τ²f/B, in that unit squared.
        shortfall: what the batch variance lacks of σ², as a share: ρf/B.
    """

    mean_sd: Doubles
    mean_noise: Doubles
    variance: Doubles
    shortfall: Doubles

    @classmethod
    def of(cls, lost: Doubles, variance: Doubles, left: Doubles) -> Expected:
        """Return the statistics of batches.

        Args:
            lost: variance of the batch mean, which is what the expected batch variance lacks.
            variance: σ², the variance of all values.
            left: σ² less what is lost, in a form that does not lose digits where samples differ much more than values
                within them.
        """
        lacking = share(lost, variance)
        return cls(np.sqrt(lost), np.sqrt(lacking), np.asarray(np.maximum(left, 0.0)), lacking)


def unlost(between: Doubles, lost: Doubles) -> Doubles:
    """Return what a batch keeps of the variance between samples: 0, and no rounding error, where all of it is lost."""
    left = np.asarray(between - lost)
    return np.where(np.abs(left) <= 8 * np.finfo(np.float64).eps * np.abs(between), 0.0, left)


@dataclass(frozen=True)
class Population:
    """The samples: their means and variances, and how the variance splits.

    Attributes:
        means: mean of each sample, shape (K, …); for an infinite population spread about `mean` as in the larger set.
        variances: biased variance of each sample, same shape.
        kind: "finite" if the samples are all there are, "infinite" if they stand for a larger set.
        mean: μ, the mean of the sample means, shape (…).
        within: w, the mean of the variances.
        between: τ², the variance of the means.
    """

    means: Doubles
    variances: Doubles
    kind: PopulationKind
    mean: Doubles
    within: Doubles
    between: Doubles

    @property
    def samples(self) -> int:
        """The number K of samples."""
        return len(self.means)

    @property
    def variance(self) -> Doubles:
        """The variance σ² = w + τ² of all values."""
        return np.asarray(self.within + self.between)

    @property
    def rho(self) -> Doubles:
        """The share ρ = τ²/σ² of the variance that lies between samples; NaN if all values are equal."""
        return share(self.between, self.variance)

    def lost(self, batch_size: int) -> Doubles:
        """Return the variance of the batch mean, τ²f/B, which is what the batch variance lacks.

        f = (K − B)/(K − 1) for a finite population, so 0 where a batch takes every sample; 1 for an infinite one.
        """
        if self.kind == "infinite":
            f = 1.0
        else:
            f = (self.samples - batch_size) / (self.samples - 1) if self.samples > 1 else 0.0
        return np.asarray(self.between * f / batch_size)

    def expected(self, batch_size: int) -> Expected:
        """Return batch statistics in closed form; of σ² − τ²f/B, the parts of τ² are subtracted first."""
        lost = self.lost(batch_size)
        return Expected.of(lost, self.variance, self.within + unlost(self.between, lost))

    def draw(self, batch_size: int, number: int, seed: int, *, enumerated: bool = True) -> DrawnBatches:
        """Return all batches if these are at most `number`, else so many at random; see `draws.draw`."""
        replaced = self.kind == "infinite"
        return draws.draw(self, batch_size, number, seed, replaced=replaced, enumerated=enumerated)

    def members(self, chosen: Indices) -> Population:
        """Return some of the samples by their places, spread as they are here."""
        return _split(self.means[chosen], self.variances[chosen], self.kind)


def population(
    means: Doubles, variances: Doubles, kind: PopulationKind = "finite", groups: Indices | None = None
) -> Population:
    """Split the variance of these samples into within and between.

    Args:
        means: shape (K, …), K > 0; for an infinite population K > 1.
        variances: same shape, biased.
        kind: "infinite" takes the samples for some of a larger set: τ² → τ²·K/(K − 1).
        groups: the number 0, 1, … of the group of each sample, to spread the means of an infinite population between
            and within groups as in the larger set; None without groups.
    """
    own = np.asarray(means, np.float64)
    if kind == "infinite":
        own = larger_set.spread(own, groups=groups)
    return _split(own, np.asarray(variances, np.float64), kind)


def _split(means: Doubles, variances: Doubles, kind: PopulationKind) -> Population:
    """Return the population of means that are spread already."""
    mean = average(means)
    return Population(means, variances, kind, mean, variances.mean(axis=0), ((means - mean) ** 2).mean(axis=0))


def share(part: Doubles | float, whole: Doubles | float) -> Doubles:
    """Return part/whole, NaN where the whole is 0."""
    divisor = np.asarray(whole, np.float64)
    return np.asarray(part / np.where(divisor == 0, np.nan, divisor))


class Members(Protocol):
    """The members of one group, or of all: samples, or volumes that patches are drawn from."""

    @property
    def samples(self) -> int:
        """The number of members, in proportion to which batches are of this group."""

    @property
    def mean(self) -> Doubles:
        """The mean μ of the group, shape (…)."""

    @property
    def variance(self) -> Doubles:
        """The variance σ² of the group, shape (…)."""

    def lost(self, batch_size: int) -> Doubles:
        """Return the variance of the mean of the group's batches."""

    def expected(self, batch_size: int) -> Expected:
        """Return batch statistics of the group in closed form."""

    def draw(self, batch_size: int, number: int, seed: int, *, enumerated: bool = True) -> DrawnBatches:
        """Return batches of the group."""

    def members(self, chosen: Indices) -> Members:
        """Return some of the members by their places."""


@dataclass(frozen=True)
class Groups:
    """Groups of which a batch takes one: sites or scanners, each as often as it has samples, or volumes.

    Attributes:
        groups: the members of each.
    """

    groups: Sequence[Members]

    @classmethod
    def of(cls, whole: Members, numbers: Indices, least: int = 1) -> Groups:
        """Return the groups of a population that have at least so many members.

        Args:
            whole: all members; those of a larger set are spread between and within groups already.
            numbers: the number 0, 1, … of the group of each member, shape (samples,).
            least: members below which a group is left out.
        """
        return cls(tuple(whole.members(places) for places in places_of(numbers) if len(places) >= least))

    @cached_property
    def weights(self) -> Doubles:
        """The share of the batches that comes from each group, shape (groups,); the sum is 1."""
        numbers = np.array([group.samples for group in self.groups], np.float64)
        return np.asarray(numbers / numbers.sum())

    def _averaged(self, values: Sequence[Doubles]) -> Doubles:
        return average(np.array(values), self.weights)

    @cached_property
    def mean(self) -> Doubles:
        """The mean μ of all samples, shape (…)."""
        return self._averaged([group.mean for group in self.groups])

    @cached_property
    def apart(self) -> Doubles:
        """The variance τ_g² between groups: of their means, weighted by their samples."""
        return self._averaged([(group.mean - self.mean) ** 2 for group in self.groups])

    @cached_property
    def variance(self) -> Doubles:
        """The variance σ²: that within groups and that between them."""
        return np.asarray(self._averaged([group.variance for group in self.groups]) + self.apart)

    def expected(self, batch_size: int) -> Expected:
        """Return batch statistics in closed form: the batch mean varies with the group and within it.

        With p the weights its variance is Σp((μ_g − μ)² + τ_g² f_g/B), which is also what the batch variance lacks.
        """
        lost = [group.lost(batch_size) for group in self.groups]
        left = self._averaged([group.expected(batch_size).variance for group in self.groups])
        return Expected.of(np.asarray(self.apart + self._averaged(lost)), self.variance, left)

    def draw(self, batch_size: int, number: int, seed: int) -> DrawnBatches:
        """Return so many random batches, each of one group."""
        numbers = np.random.default_rng(seed).multinomial(number, self.weights)
        drawn = [
            group.draw(batch_size, int(its), seed + place, enumerated=False)
            for place, (group, its) in enumerate(zip(self.groups, numbers, strict=True))
            if its
        ]
        means, variances = ([getattr(one, name) for one in drawn] for name in ("means", "variances"))
        return DrawnBatches(np.concatenate(means), np.concatenate(variances), complete=False)
