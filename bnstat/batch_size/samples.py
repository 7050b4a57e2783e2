"""The samples that channels have: those with NaN or Inf are left out of the channels that hold them.

So are values so large that float64 has no squares of their differences, which leave a sample without a variance to
compare.

Where samples are patches, those of one volume are not independent: a cohort then also has them by volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnstat.batch_size.patches import Patches, Taking, patches
from bnstat.errors import UsageError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.settings import Patching
from bnstat.sources.sample import Sample

Doubles = NDArray[np.float64]

# The square of twice as much, summed over any cohort, is still a number in float64.
LARGEST = 1e150


# How slots are named whose patches are forced to be foreground: with their share, as in "nnunet:0.33".
_FORCED = "nnunet:"


@dataclass(frozen=True)
class Nesting:
    """Which volume each sample of a table is a patch of, and how batches take patches.

    Attributes:
        volumes: 0, 1, … in the order of the table, shape (samples,).
        foreground: whether the patch is around foreground, shape (samples,).
        taking: how many of a volume, and which slots are forced.
    """

    volumes: NDArray[np.intp]
    foreground: NDArray[np.bool_]
    taking: Taking

    @property
    def number(self) -> int:
        """How many volumes there are."""
        return int(self.volumes.max(initial=-1)) + 1


def nesting_of(samples: Sequence[Sample], patching: Patching | None) -> Nesting | None:
    """The volumes of these samples; None where samples are volumes."""
    if patching is None:
        return None
    numbered = {volume: number for number, volume in enumerate(dict.fromkeys(sample.volume for sample in samples))}
    return Nesting(
        volumes=np.array([numbered[sample.volume] for sample in samples], np.intp),
        foreground=np.array([sample.patch is not None and sample.patch.foreground for sample in samples], np.bool_),
        taking=taking_of(patching),
    )


def taking_of(patching: Patching) -> Taking:
    """How batches take patches."""
    given = patching.foreground
    forced = float(given.removeprefix(_FORCED)) if given is not None and given.startswith(_FORCED) else None
    return Taking(patching.per_volume, forced)


def refuse_patching(patching: Patching | None) -> None:
    """Refuse more patches of a volume in a batch than are drawn of it, which cannot stand for so many.

    Raises:
        UsageError: there are more.
    """
    if patching is not None and patching.per_volume > patching.number:
        raise UsageError(
            f"a batch takes {patching.per_volume} patches of a volume and only {patching.number} of each are drawn; "
            f"raise --patches to {patching.per_volume} or more, or lower --per-volume"
        )


@dataclass(frozen=True)
class Cohort:
    """Channels that have the same samples, K of them.

    Attributes:
        channels: indices on the kept axis, c of them.
        places: which samples of the table, shape (K,).
        means: of each sample and channel, shape (K, c).
        variances: biased, shape (K, c).
        counts: values of one sample on average, shape (c,).
        volumes: where samples are patches, which volume each is of, 0, 1, …; shape (K,).
        patches: those of each volume together.
    """

    channels: tuple[int, ...]
    places: NDArray[np.intp]
    means: Doubles
    variances: Doubles
    counts: Doubles
    volumes: NDArray[np.intp] | None = None
    patches: Patches | None = None

    @property
    def samples(self) -> int:
        """K."""
        return len(self.places)

    @property
    def independent(self) -> int:
        """How many there are of what is drawn independently: samples, or the volumes that patches are of."""
        return self.samples if self.patches is None else self.patches.volumes

    @property
    def firsts(self) -> NDArray[np.intp]:
        """Of each of these the first sample of the table."""
        return self.places if self.volumes is None else self.places[np.unique(self.volumes, return_index=True)[1]]

    def bessel(self, batch_size: int, unbiased: bool) -> Doubles:
        """n/(n − 1) of a batch where the running variance is unbiased, else 1; shape (c,)."""
        values = batch_size * self.counts
        return np.asarray(np.where(unbiased & (values > 1), values / np.maximum(values - 1, 1e-300), 1.0))

    def members(self, chosen: NDArray[np.bool_]) -> Cohort:
        """The same channels with some of the samples, or some of the volumes: an entry for each that is independent."""
        nested, volumes = None, None
        if self.patches is not None and self.volumes is not None:
            nested, renumbered = self.patches.of_volumes(chosen), np.cumsum(chosen) - 1
            volumes, chosen = renumbered[self.volumes[chosen[self.volumes]]], chosen[self.volumes]
        means, variances = self.means[chosen], self.variances[chosen]
        return Cohort(self.channels, self.places[chosen], means, variances, self.counts, volumes, nested)

    def only(self, columns: NDArray[np.intp]) -> Cohort:
        """The same samples of some of the channels."""
        channels = tuple(self.channels[column] for column in columns)
        means, variances, counts = self.means[:, columns], self.variances[:, columns], self.counts[columns]
        nested = None if self.patches is None else self.patches.only(columns)
        return Cohort(channels, self.places, means, variances, counts, self.volumes, nested)


def cohorts_of(table: Moments, nesting: Nesting | None = None) -> tuple[Cohort, ...]:
    """The channels of a table of shape (samples, channels), those with the same usable samples together."""
    usable = (table.finite > 0) & (table.nan + table.inf == 0) & ~too_large(table)
    kinds, kind_of = np.unique(usable, axis=1, return_inverse=True)
    found = [
        _cohort(table, np.flatnonzero(kinds[:, kind]), np.flatnonzero(kind_of.ravel() == kind))
        for kind in range(kinds.shape[1])
    ]
    return tuple(found if nesting is None else (_nested(cohort, nesting) for cohort in found))


def _nested(cohort: Cohort, nesting: Nesting) -> Cohort:
    """The cohort with its patches by volume; a volume that has none left in these channels is not in it."""
    if not cohort.samples:
        return cohort
    _, volumes = np.unique(nesting.volumes[cohort.places], return_inverse=True)
    foreground = nesting.foreground[cohort.places]
    nested = patches(cohort.means, cohort.variances, volumes, foreground, nesting.taking)
    return replace(cohort, volumes=volumes, patches=nested)


def too_large(table: Moments) -> NDArray[np.bool_]:
    """Which cells of a table have values beyond what can be squared, or had them before steps on their intensity."""
    extremes = np.maximum(np.abs(np.asarray(table.minimum, np.float64)), np.abs(np.asarray(table.maximum, np.float64)))
    return np.asarray((table.finite > 0) & ~((extremes <= LARGEST) & np.isfinite(table.m2) & np.isfinite(table.mean)))


def _cohort(table: Moments, places: NDArray[np.intp], channels: NDArray[np.intp]) -> Cohort:
    cells = np.ix_(places, channels)
    counts = np.asarray(table.finite[cells], np.float64)
    return Cohort(
        channels=tuple(channels.tolist()),
        places=places,
        means=table.mean[cells],
        variances=table.variance[cells],
        counts=counts.mean(axis=0) if len(places) else np.zeros(len(channels)),
    )
