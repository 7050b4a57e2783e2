"""The settings of a comparison of batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.layers.settings import Layer
from bnstat.preprocessing.settings import UNPREPARED, Preparation

# Whether the samples are all there are, or stand for a larger set.
PopulationKind = Literal["finite", "infinite"]


@dataclass(frozen=True)
class Tolerances:
    """The limits of a recommendation.

    Attributes:
        noise: standard deviation of the batch mean, in standard deviations of all values.
        shortfall: what the batch variance lacks, as a share of the variance of all values.
        gap: root mean square difference between training and evaluation output, which have a variance near 1.
    """

    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1


@dataclass(frozen=True)
class CompareSettings:
    """The settings that were given, with the framework's defaults filled in.

    Attributes:
        layer: the layer whose curve it is.
        others: layers that are answered beside it.
        axis: the kept axis as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given.
        batch_sizes: the sizes that are answered.
        population: "finite" if the samples are all there are, "infinite" if they stand for a larger set.
        draws: batches that are drawn at most for a size.
        seed: seed of the draws.
        tolerances: limits of the recommendation.
        ranks: the number R of processes that train together, each on a batch of its own.
        steps: training steps of the simulated runs; None without any.
        group_by: what the samples are grouped by, as it was given.
        preparation: the preprocessing of voxels before the layer gets them.
    """

    layer: Layer
    others: tuple[Layer, ...]
    axis: int
    batch_axis: int | None
    batch_sizes: tuple[int, ...]
    population: PopulationKind
    draws: int
    seed: int
    tolerances: Tolerances
    ranks: int = 1
    steps: int | None = None
    group_by: str | None = None
    preparation: Preparation = UNPREPARED
