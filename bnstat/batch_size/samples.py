"""The samples that channels have: samples with NaN or Inf are left out of the channels that hold them.

So are samples with values so large that float64 has no squares of their differences: they have no variance to compare.

Where samples are patches, those of one volume are not independent: a cohort then also has them by volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size import closed_form, larger_set
from bnstat.batch_size.draws import Indices
from bnstat.batch_size.patches import PatchBatches, Patches, patches
from bnstat.batch_size.settings import PopulationKind
from bnstat.batch_size.slots import Taking
from bnstat.moments.moments import Doubles, Moments
from bnstat.preprocessing.settings import Patching
from bnstat.sources.sample import Sample

# The square of twice as much, summed over any cohort, is still a number in float64.
LARGEST = 1e150

# For each sample of a table the number of its group; None without groups.
Grouping = Indices | None


@dataclass(frozen=True)
class Nesting:
    """Which volume each sample of a table is a patch of, and how batches take patches.

    Attributes:
        volumes: the volume's number 0, 1, … in the order of the table, shape (samples,).
        foreground: True for patches around foreground, shape (samples,).
        taking: how many patches of a volume a batch takes, and which slots are forced.
    """

    volumes: Indices
    foreground: NDArray[np.bool_]
    taking: Taking

    @property
    def number(self) -> int:
        """The number of volumes."""
        return int(self.volumes.max(initial=-1)) + 1


def nesting_of(samples: Sequence[Sample], patching: Patching | None) -> Nesting | None:
    """Return the volumes of these samples; None if samples are volumes."""
    if patching is None:
        return None
    numbered = {volume: number for number, volume in enumerate(dict.fromkeys(sample.volume for sample in samples))}
    return Nesting(
        volumes=np.array([numbered[sample.volume] for sample in samples], np.intp),
        foreground=np.array([sample.patch is not None and sample.patch.foreground for sample in samples], np.bool_),
        taking=taking_of(patching),
    )


def taking_of(patching: Patching) -> Taking:
    """Return how batches take patches."""
    around = patching.around
    return Taking(patching.per_volume, around.share if around is not None and around.forced else None)


@dataclass(frozen=True)
class Cohort:
    """Channels that have the same samples, K of them.

    Attributes:
        channels: indices on the kept axis, c of them.
        places: the samples' places in the table, shape (K,).
        means: mean of each sample and channel, shape (K, c).
        variances: biased variance of each, shape (K, c).
        counts: values of one sample on average, shape (c,).
        volumes: where samples are patches, the volume that each is of, 0, 1, …; shape (K,).
        patches: where samples are patches, those of each volume together.
    """

    channels: tuple[int, ...]
    places: Indices
    means: Doubles
    variances: Doubles
    counts: Doubles
    volumes: Indices | None = None
    patches: Patches | None = None

    @property
    def samples(self) -> int:
        """The number K of samples."""
        return len(self.places)

    @property
    def independent(self) -> int:
        """The number of independent draws: of samples, or of the volumes that patches are of."""
        return self.samples if self.patches is None else self.patches.volumes

    @property
    def firsts(self) -> Indices:
        """The place in the table of the first sample of each independent draw."""
        return self.places if self.volumes is None else self.places[np.unique(self.volumes, return_index=True)[1]]

    def taken(self, batch_size: int, ranks: int = 1) -> int:
        """Return how many samples, or volumes if samples are patches, a batch of all ranks together takes."""
        return batch_size if self.patches is None else self.patches.taking.volumes(batch_size // ranks, ranks)

    def as_drawn(self, kind: PopulationKind, groups: Indices | None = None) -> closed_form.Population | PatchBatches:
        """Return the population of the samples, whatever batches take of them; `groups` as of `batches`."""
        if self.patches is not None:
            return self.patches.as_drawn(kind, groups)
        return self._population(kind, groups)

    def batches(
        self, kind: PopulationKind, batch_size: int, ranks: int = 1, groups: Indices | None = None
    ) -> closed_form.Population | PatchBatches:
        """Return what batches are drawn from.

        Args:
            kind: "finite" if the cohort is all there is; "infinite" if it stands for a larger set, which takes two
                samples or more, or two volumes.
            batch_size: samples in a batch, of all ranks together.
            ranks: ranks that have equal parts of the batch.
            groups: the group of each independent draw, as of `numbered`, to spread a larger set between and within
                groups; None without groups.
        """
        if self.patches is not None:
            return self.patches.batches(kind, batch_size // ranks, ranks, groups)
        return self._population(kind, groups)

    def _population(self, kind: PopulationKind, groups: Indices | None) -> closed_form.Population:
        if groups is not None:
            return closed_form.population(self.means, self.variances, kind, groups)
        return self._all if kind == "finite" else self._of_larger_set

    @cached_property
    def _all(self) -> closed_form.Population:
        """The samples as all that there are, which every batch size asks for."""
        return closed_form.population(self.means, self.variances, "finite")

    @cached_property
    def _of_larger_set(self) -> closed_form.Population:
        """The samples as some of a larger set."""
        return closed_form.population(self.means, self.variances, "infinite")

    def bessel(self, batch_size: int, unbiased: bool) -> Doubles:
        """Return n/(n − 1) of a batch if the running variance is unbiased, else 1; shape (c,)."""
        values = batch_size * self.counts
        return np.asarray(np.where(unbiased & (values > 1), values / np.maximum(values - 1, 1e-300), 1.0))

    def members(self, chosen: NDArray[np.bool_]) -> Cohort:
        """Return the same channels with some of the samples; `chosen` has an entry for each independent draw."""
        nested, volumes = None, None
        if self.patches is not None and self.volumes is not None:
            nested, renumbered = self.patches.of_volumes(chosen), np.cumsum(chosen) - 1
            volumes, chosen = renumbered[self.volumes[chosen[self.volumes]]], chosen[self.volumes]
        means, variances = self.means[chosen], self.variances[chosen]
        return Cohort(self.channels, self.places[chosen], means, variances, self.counts, volumes, nested)

    def numbered(self, grouping: Indices) -> Indices:
        """Return the number 0, 1, … of the group of each independent draw, from that of each sample of the table."""
        return np.unique(grouping[self.firsts], return_inverse=True)[1].reshape(-1)

    def between_groups(self, kind: PopulationKind, grouping: Indices) -> Doubles:
        """Return the part of the variance between samples that lies between groups, shape (c,).

        Of a larger set it is NaN if each group has one sample only, which cannot show how samples of a group differ.
        """
        numbers = self.numbered(grouping)
        if kind == "finite":
            return closed_form.Groups.of(self.as_drawn(kind), numbers).apart
        if not self.splits(numbers):
            return np.full(len(self.channels), np.nan)
        if self.patches is not None:
            return self.patches.every.between_groups(numbers)
        return larger_set.between_groups(self.means, 0.0, numbers)

    @staticmethod
    def splits(numbers: Indices) -> bool:
        """Return True if some group has two independent draws, which show how draws of one group differ."""
        return bool(len(numbers) > numbers.max(initial=-1) + 1)

    def only(self, columns: Indices) -> Cohort:
        """Return the same samples of some of the channels."""
        channels = tuple(self.channels[column] for column in columns)
        means, variances, counts = self.means[:, columns], self.variances[:, columns], self.counts[columns]
        nested = None if self.patches is None else self.patches.only(columns)
        return Cohort(channels, self.places, means, variances, counts, self.volumes, nested)


def cohorts_of(table: Moments, nesting: Nesting | None = None) -> tuple[Cohort, ...]:
    """Return the channels of a table of shape (samples, channels), those with the same usable samples together."""
    usable = (table.finite > 0) & (table.nan + table.inf == 0) & ~too_large(table)
    patterns: dict[bytes, list[int]] = {}
    for channel, column in enumerate(np.packbits(usable, axis=0).T):
        patterns.setdefault(column.tobytes(), []).append(channel)
    cohorts = [
        _cohort(table, np.flatnonzero(usable[:, channels[0]]), np.array(channels, np.intp))
        for _, channels in sorted(patterns.items())
    ]
    return tuple(cohorts if nesting is None else (_nested(cohort, nesting) for cohort in cohorts))


def _cohort(table: Moments, places: Indices, channels: Indices) -> Cohort:
    cells = np.ix_(places, channels)
    counts = np.asarray(table.count[cells], np.float64)
    return Cohort(
        channels=tuple(channels.tolist()),
        places=places,
        means=table.mean[cells],
        variances=table.variance[cells],
        counts=counts.mean(axis=0) if len(places) else np.zeros(len(channels)),
    )


def _nested(cohort: Cohort, nesting: Nesting) -> Cohort:
    """Return the cohort with its patches by volume; a volume that has none left in these channels is not in it."""
    if not cohort.samples:
        return cohort
    _, volumes = np.unique(nesting.volumes[cohort.places], return_inverse=True)
    foreground = nesting.foreground[cohort.places]
    nested = patches(cohort.means, cohort.variances, volumes, foreground, nesting.taking)
    return replace(cohort, volumes=volumes, patches=nested)


def too_large(table: Moments) -> NDArray[np.bool_]:
    """Return which cells of a table have values that are too large to be squared, also before steps on intensity."""
    extremes = np.maximum(np.abs(np.asarray(table.minimum, np.float64)), np.abs(np.asarray(table.maximum, np.float64)))
    return np.asarray((table.finite > 0) & ~((extremes <= LARGEST) & np.isfinite(table.m2) & np.isfinite(table.mean)))
