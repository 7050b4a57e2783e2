"""What a change would make of the variances that a layer may compute: for many channels or groups at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnstat.layers.arithmetic.arithmetics import Instead
from bnstat.layers.arithmetic.bounds import StoredColumns
from bnstat.layers.batch_columns import Indices
from bnstat.layers.bounded import PartValues, TensorLayout, bound_of, hull_of
from bnstat.layers.columns import Doubles, Integers
from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings


@dataclass(frozen=True, eq=False)
class LikeParts:
    """Channels or groups of one layout, each with a prediction and a variance above 0.

    Attributes:
        places: their places among those that were given.
        layout: the layout of the batches that they are of.
        variance: their exact variances.
        stored: the values that the layer gets.
    """

    places: Indices
    layout: TensorLayout
    variance: Doubles
    stored: StoredColumns

    def alternatives(self, settings: Settings) -> tuple[Instead, ...]:
        """Return what a user can do to get another arithmetic for them."""
        return self.layout.arithmetic(settings).instead

    def off_after(
        self, settings: Settings, *, instead: Instead | None = None, subtracted: Sequence[float] = (), parts: int = 1
    ) -> Doubles:
        """Return how far the variances that rules would judge after a change are off at most, relative to the exact.

        It is NaN where nothing bounds them.

        Args:
            settings: the layer; another type of its input is a change, too.
            instead: another arithmetic for it.
            subtracted: a constant for each that is subtracted from the values before they are rounded to the input's
                type; none by default.
            parts: how many times fewer voxels a sample has.
        """
        values, constant = self.stored, np.array(subtracted) if subtracted else 0.0
        moved = replace(
            values,
            mean=values.mean - constant,
            minimum=values.minimum - constant,
            maximum=values.maximum - constant,
            count=np.maximum(values.count // parts, 1),
            voxels=None if values.voxels is None else np.maximum(values.voxels // parts, 1),
        )
        if self.layout.divided and values.samples is not None:
            moved = replace(moved, samples=np.where(values.samples, np.maximum(values.samples // parts, 1), 0))
        arithmetic = self.layout.arithmetic(settings) if instead is None else instead.arithmetic
        low, high = hull_of([bound_of(one, moved, settings) for one in arithmetic.judged or (arithmetic,)])
        with np.errstate(all="ignore"):
            off = np.maximum(np.abs(low - self.variance), np.abs(high - self.variance)) / self.variance
        return np.where(np.isfinite(low) & np.isfinite(high), off, np.nan)

    def fewest_halvings(self, settings: Settings, limit: float, most: int) -> Integers:
        """Return how many values are normalized together after so many halvings that the variance is off by no more.

        It is 0 where their number does not matter, or where fewer than two values are left.

        Args:
            settings: the layer.
            limit: how far the variance may be off, relative to the exact one.
            most: the most halvings that are tried.
        """
        found = np.zeros_like(self.stored.count)
        open_ones = np.arange(len(found))
        for halvings in range(1, most):
            counts = self.stored.count[open_ones] >> halvings
            open_ones, counts = open_ones[counts >= 2], counts[counts >= 2]
            if not len(open_ones):
                break
            enough = self._taken(open_ones).off_after(settings, parts=1 << halvings) <= limit
            found[open_ones[enough]] = counts[enough]
            open_ones = open_ones[~enough]
        return found

    def _taken(self, some: Indices) -> LikeParts:
        return replace(self, places=self.places[some], variance=self.variance[some], stored=self.stored.taken(some))


def like_parts(placed: Sequence[tuple[Batch, Channel | Group]]) -> Iterator[LikeParts]:
    """Yield channels or groups with a variance above 0 by the layout of their batches; each has a prediction."""
    alike: dict[TensorLayout, list[int]] = {}
    for place, (batch, part) in enumerate(placed):
        if part.variance:
            alike.setdefault(TensorLayout.of(batch), []).append(place)
    for layout, places in alike.items():
        parts = [placed[place][1] for place in places]
        rounded = np.array([part.prediction is not None and part.prediction.rounded for part in parts], bool)
        values = PartValues.of(parts)
        yield LikeParts(np.array(places, np.intp), layout, values.variance, values.stored(layout, rounded))
