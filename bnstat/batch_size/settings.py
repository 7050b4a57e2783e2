"""What is asked of a comparison of batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.layers.settings import Layer
from bnstat.preprocessing.settings import UNPREPARED, Preparation

Kind = Literal["finite", "infinite"]


@dataclass(frozen=True)
class Tolerances:
    """How much of each is acceptable, as shares of a standard deviation or a variance."""

    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1


@dataclass(frozen=True)
class CompareSettings:
    """What was asked for, with the framework's defaults filled in.

    Attributes:
        layer: whose curve it is.
        others: layers that are answered beside it.
        axis: the kept axis as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given.
        batch_sizes: those that are answered.
        population: whether the samples are all there are, or stand for a larger set.
        draws: batches that are drawn at most for a size.
        seed: of the draws.
        tolerances: of the recommendation.
        ranks: R processes that train together, each on a batch of its own.
        steps: of the simulated runs; None without any.
        group_by: what the samples were grouped by, as it was given.
        preparation: what voxels go through before the layer gets them.
    """

    layer: Layer
    others: tuple[Layer, ...]
    axis: int
    batch_axis: int | None
    batch_sizes: tuple[int, ...]
    population: Kind
    draws: int
    seed: int
    tolerances: Tolerances
    ranks: int = 1
    steps: int | None = None
    group_by: str | None = None
    preparation: Preparation = UNPREPARED
