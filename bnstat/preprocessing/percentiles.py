"""Percentiles of the values of a case, exact and in bounded memory: those of numpy with its linear interpolation.

The order statistics are searched among the stored values, because the steps before keep their order or reverse it:
rounding keeps order too. Only the two values beside a percentile then go through these steps. So the percentiles of
8- and 16-bit integers take one pass, whatever the scale factors of the header. Where steps before do not keep the order
(`zscore-nonzero`), or channels with different factors are taken together, the changed values themselves are searched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.kernels import reduced_type
from bnstat.moments.moments import Doubles
from bnstat.moments.order_statistics import OrderStatistics, key_bits, value_of
from bnstat.preprocessing.key_change import KeyCounts
from bnstat.preprocessing.operations import Affine, Clipped, Operation
from bnstat.preprocessing.passes import Pass, Places
from bnstat.preprocessing.percentile_steps import Percentile, PercentileClip, PercentileScale, Region
from bnstat.preprocessing.steps import percentile_passes
from bnstat.sources.opened import Planned
from bnstat.sources.volume import Volume

Filled = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """The percentiles that a step takes.

    Attributes:
        percents: the percentiles, from 0 to 100.
        region: the values of which.
        together: True if the channels of a sample have one value for all.
    """

    percents: tuple[float, ...]
    region: Region
    together: bool

    @classmethod
    def by(cls, step: PercentileClip | PercentileScale) -> Asked:
        """Return the percentiles that a step takes."""
        percents = tuple(end.percent for end in step.ends if isinstance(end, Percentile))
        return cls(percents, step.region, step.together)


class PercentileSearch:
    """The search for percentiles of the finite values of some channels, after some operations.

    Make the pass that `needed` returns, call `advance`, and so on until it returns None. Then `found` has the result.

    Args:
        planned: the headers of the case.
        channels: the channels, by their place on the kept axis.
        operations: the operations so far, with numbers of shape (samples, channels).
        asked: which percentiles, and of which values.
    """

    def __init__(self, planned: Planned, channels: Places, operations: tuple[Operation, ...], asked: Asked) -> None:
        self._channels, self._operations, self._region = channels, operations, asked.region
        shape = (planned.samples, channels.size)
        numbers = np.arange(shape[0] * shape[1]).reshape(shape)
        self._groups = np.array(np.broadcast_to(numbers[:, :1], shape)) if asked.together else numbers
        # Files that have no channel in common with another one are searched apart.
        self._searches: list[_FilesSearch] = []
        first = 0
        for place, part in enumerate(planned.parts):
            own = (channels >= first) & (channels < first + part.arrangement.channels)
            first += part.arrangement.channels
            if planned.kept_last and not asked.together and own.any():
                self._searches.append(_FilesSearch({place: part.volume}, own, self._groups, operations, asked))
        if not planned.kept_last or asked.together:
            volumes = {place: part.volume for place, part in enumerate(planned.parts)}
            every = np.ones(channels.size, np.bool_)
            self._searches.append(_FilesSearch(volumes, every, self._groups, operations, asked))
        self._result = np.zeros((len(asked.percents), *shape)), np.zeros(shape, np.bool_)

    def needed(self) -> Pass | None:
        """Return the pass that the search needs next; None if it is done."""
        open_ones = [one for one in self._searches if one.goes_on]
        if not open_ones:
            return None
        own = np.logical_or.reduce([one.own for one in open_ones])
        operations = tuple(one.pick(lambda numbers: numbers[:, own]) for one in self._operations)
        by_file = {place: (one.statistics.count, one.by_stored) for one in open_ones for place in one.volumes}
        counts = KeyCounts(self._groups[:, own], self._region, by_file)
        return Pass(self._channels[own], operations, counts=counts)

    def advance(self) -> None:
        """Go on after a pass."""
        for one in self._searches:
            if one.goes_on:
                one.advance()

    def found(self) -> tuple[Doubles, Filled]:
        """Return percentiles of shape (percentiles, samples, channels), and where there are values to take them of."""
        for one in self._searches:
            one.fill(*self._result)
        return self._result


class _FilesSearch:
    """The search in the files that some channels have their values in, whose keys are compared with each other."""

    def __init__(
        self,
        volumes: dict[int, Volume],
        own: NDArray[np.bool_],
        groups: NDArray[np.intp],
        operations: tuple[Operation, ...],
        asked: Asked,
    ) -> None:
        self.volumes, self.own = volumes, own
        self._groups, self._operations, self._asked = groups, operations, asked
        self._volume = next(iter(volumes.values()))
        self.by_stored = self._keeps_order()
        self._reversed = self._reverses()
        self._type = reduced_type(self._volume.dtype) if self.by_stored else np.dtype(np.float64)
        self.statistics = OrderStatistics(np.unique(groups[:, own]).tolist(), key_bits(self._type), self._ranks)
        self._least = max(percentile_passes(volume) for volume in volumes.values())
        self._passed = 0

    @property
    def goes_on(self) -> bool:
        """True if a further pass is needed. There are as many as are announced, even if all values are NaN."""
        return not self.statistics.done or self._passed < self._least

    def advance(self) -> None:
        """Go on after a pass."""
        self._passed += 1
        if not self.statistics.done:
            self.statistics.advance()

    def _keeps_order(self) -> bool:
        """Return True if all these values have, up to reversal, the order of what is stored."""
        kinds = {(one.dtype.newbyteorder("="), one.slope, one.intercept) for one in self.volumes.values()}
        steady = all(isinstance(one, (Affine, Clipped)) for one in self._operations)
        return len(kinds) == 1 and steady and not (self._asked.together and self._operations)

    def _reverses(self) -> NDArray[np.bool_]:
        """Return where the least value is stored as the greatest one."""
        if not self.by_stored:
            return np.zeros(self._groups.shape, np.bool_)
        found = np.full(self._groups.shape, self._volume.slope < 0)
        for one in self._operations:
            if isinstance(one, Affine):
                found ^= (one.gain < 0) ^ (one.spread < 0)
        return found

    def _ranks(self, count: int) -> Iterator[int]:
        """Return the ranks beside the percentiles of so many values, counted from the end where the least one is."""
        for percent in self._asked.percents:
            for rank in _beside(percent, count)[:2]:
                yield rank
                if self._reversed.any():
                    yield count - 1 - rank

    def fill(self, found: Doubles, filled: Filled) -> None:
        """Put what was found into tables of all channels."""
        for sample, channel in np.argwhere(np.broadcast_to(self.own, self._groups.shape)).tolist():
            group = int(self._groups[sample, channel])
            count = self.statistics.sizes.get(group, 0)
            if not count:
                continue
            filled[sample, channel] = True
            for place, percent in enumerate(self._asked.percents):
                lower, upper, weight = _beside(percent, count)
                low, high = (self._value((sample, channel), count, rank) for rank in (lower, upper))
                found[place, sample, channel] = _between(low, high, weight)

    def _value(self, cell: tuple[int, int], count: int, rank: int) -> float:
        """Return the value of a rank, after the operations."""
        stored_rank = count - 1 - rank if self._reversed[cell] else rank
        value = np.array([value_of(self.statistics.keys[int(self._groups[cell]), stored_rank], self._type)])
        if not self.by_stored:
            return float(value[0])
        slope, intercept = self._volume.slope, self._volume.intercept
        with np.errstate(all="ignore"):
            if (slope, intercept) != (1.0, 0.0):
                value = value * slope + intercept
            for operation in self._operations:
                operation.pick(lambda numbers: numbers[cell]).change(value)
        return float(value[0])


def _beside(percent: float, count: int) -> tuple[int, int, float]:
    """Return the ranks beside a percentile of so many values, and the weight of the upper one, as numpy does."""
    place = (count - 1) * (percent / 100)
    if place >= count - 1:
        return count - 1, count - 1, 0.0
    lower = floor(place)
    return lower, lower + 1, place - lower


def _between(low: float, high: float, weight: float) -> float:
    """Return the value between two, rounded as numpy does: from the end that is nearer."""
    return high - (high - low) * (1 - weight) if weight >= 0.5 else low + (high - low) * weight
