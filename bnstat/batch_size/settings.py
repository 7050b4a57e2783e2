"""The settings of a comparison of batch sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, NamedTuple, get_args

from bnstat.errors import UsageError, number, require_least, texts, whole, whole_or_text, wholes
from bnstat.layers.settings import Layer
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.sample import BatchAxis

# The two kinds of population: the samples are all that exist, or they stand for a larger set.
PopulationKind = Literal["finite", "infinite"]


@dataclass(frozen=True)
class Tolerances:
    """The limits of a recommendation.

    Attributes:
        noise: standard deviation of the batch mean, in standard deviations of all values.
        shortfall: what the batch variance lacks, as a share of the variance of all values.
        gap: root mean square difference between training and evaluation output, which have a variance near 1.

    Raises:
        UsageError: if one of them is no finite number of at least 0.
    """

    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("noise", self.noise), ("shortfall", self.shortfall), ("gap", self.gap)):
            if not 0 <= value < inf:
                raise UsageError(f"`tolerance_{name}` must be a finite number of at least 0, and is {value:g}")


# Batches that are drawn of a size if no number was given. Above a size, fewer are, so that all batches of a size
# together take as many samples as those of that size; but not fewer than these, which tell a standard deviation to
# some 7%.
_DRAWS = 1000
_FEWER_ABOVE = 4096
_FEWEST_DRAWS = 100


class Drawing(NamedTuple):
    """How many batches are drawn at most for a size, and the size above which fewer are; None if all have so many."""

    most: int
    fewer_above: int | None

    @classmethod
    def of(cls, draws: int | None) -> Drawing:
        """Return the usual number, fewer of large sizes; or exactly the number that was given, for all sizes."""
        return cls(_DRAWS, _FEWER_ABOVE) if draws is None else cls(whole("draws", draws), None)


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
        draws: batches that are drawn at most for a size; see `draws_of`.
        fewer_above: the size above which fewer are drawn; None if so many were asked for at every size.
        seed: seed of the draws.
        tolerances: limits of the recommendation.
        ranks: the number R of processes that train together, each on a batch of its own.
        steps: training steps of the simulated runs; None without any.
        group_by: what the samples are grouped by, as it was given.
        preparation: the preprocessing of voxels before the layer gets them.

    Raises:
        UsageError: if a setting is wrong for any data.
    """

    layer: Layer
    others: tuple[Layer, ...]
    axis: int
    batch_axis: BatchAxis
    batch_sizes: tuple[int, ...]
    population: PopulationKind
    draws: int
    seed: int
    tolerances: Tolerances
    ranks: int = 1
    steps: int | None = None
    group_by: str | None = None
    preparation: Preparation = UNPREPARED
    fewer_above: int | None = None

    @classmethod
    def of(
        cls,
        batch_sizes: Sequence[int] | None = None,
        axis: int = -1,
        batch_axis: BatchAxis = None,
        framework: str = "keras",
        frameworks: Sequence[str] = (),
        epsilon: float | None = None,
        momentum: float | str | None = None,
        population: PopulationKind = "infinite",
        draws: int | None = None,
        seed: int = 0,
        ranks: int = 1,
        steps: int | None = None,
        group_by: str | None = None,
        tolerance_noise: float = 0.1,
        tolerance_shortfall: float = 0.1,
        tolerance_gap: float = 0.1,
    ) -> CompareSettings:
        """Return settings with the framework's defaults filled in; the arguments are those of `compare`.

        Raises:
            UsageError: if a setting is wrong for any data.
        """
        drawn = Drawing.of(draws)
        return cls(
            layer=Layer.of(framework, epsilon, momentum),
            others=tuple(map(Layer.of, texts("frameworks", frameworks))),
            axis=whole("axis", axis),
            batch_axis=whole_or_text("batch_axis", batch_axis),
            batch_sizes=() if batch_sizes is None else wholes("batch_sizes", batch_sizes),
            population=population,
            draws=drawn.most,
            fewer_above=drawn.fewer_above,
            seed=whole("seed", seed),
            tolerances=Tolerances(
                number("tolerance_noise", tolerance_noise),
                number("tolerance_shortfall", tolerance_shortfall),
                number("tolerance_gap", tolerance_gap),
            ),
            ranks=whole("ranks", ranks),
            steps=None if steps is None else whole("steps", steps),
            group_by=group_by,
        )

    def __post_init__(self) -> None:
        for size in self.batch_sizes:
            if size < 1:
                raise UsageError(f"`batch_sizes` must all be at least 1, and one is {size}")
        require_least("draws", self.draws, 1)
        require_least("ranks", self.ranks, 1)
        require_least("seed", self.seed, 0)
        if self.steps is not None:
            require_least("steps", self.steps, 1)
        if self.population not in get_args(PopulationKind):
            raise UsageError(
                f"`population` must be one of {', '.join(get_args(PopulationKind))}, and is {self.population!r}"
            )

    def draws_of(self, batch_size: int) -> int:
        """Return how many batches of a size are drawn at most: `draws`, and fewer of sizes above `fewer_above`.

        The time of a comparison is that of the samples that batches take. So as many batches of the largest size of a
        cohort would take most of it, and tell little: the larger a batch, the less batches differ.
        """
        if self.fewer_above is None:
            return self.draws
        fewer = self.draws * self.fewer_above // max(batch_size, 1)
        return min(self.draws, max(fewer, _FEWEST_DRAWS))
