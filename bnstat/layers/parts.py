"""All channels or groups of a report's batches: numbers as arrays to look for some of them, and these as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from math import nan
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bnstat.layers.batch_columns import BatchBlock, Batches, Indices
from bnstat.layers.bounded import PredictionColumns
from bnstat.layers.columns import Doubles, Flags, plain
from bnstat.layers.results import Batch, Channel, Correction, Group, Start

# A channel or a group, and the batch that it is of.
PlacedPart: TypeAlias = tuple[Batch, Channel | Group]

# What is there as an array: numbers that are undefined are NaN.
NumberName = Literal[
    "count",
    "mean",
    "variance",
    "minimum",
    "maximum",
    "nan",
    "inf",
    "divisor",
    "output",
    "output_variance",
    "epsilon_share",
    "gain",
    "running_mean",
    "running_variance",
    "clipped_share",
    "finite",
    "low",
    "high",
    "judged_low",
    "judged_high",
]
FlagName = Literal[
    "constant",
    "output_nan",
    "whole",
    "predicted",
    "accurate",
    "emulated",
    "nan_possible",
    "overflows",
    "running_overflows",
]


class Parts:
    """The channels or groups of batches, in the order of the batches, and in that of each batch."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        """Look at batches, which are columns or values."""
        self._batches = batches
        self._numbers: dict[str, Doubles] = {}
        self._flags: dict[str, Flags] = {}

    def __len__(self) -> int:
        return len(self.batch)

    @cached_property
    def batch(self) -> Indices:
        """The index of the batch of each."""
        if isinstance(self._batches, Batches):
            blocks = self._batches.blocks
            return self._ordered([np.broadcast_to(one.places[:, np.newaxis], _shape(one)) for one in blocks])
        return np.repeat(np.arange(len(self._batches)), [len(batch.parts) for batch in self._batches])

    @cached_property
    def place(self) -> Indices:
        """The place of each in its batch."""
        if isinstance(self._batches, Batches):
            blocks = self._batches.blocks
            return self._ordered([np.broadcast_to(np.arange(_shape(one)[1]), _shape(one)) for one in blocks])
        return np.array([part.place for batch in self._batches for part in batch.parts], np.intp)

    def number(self, name: NumberName) -> Doubles:
        """Return a number of each as float64."""
        if name not in self._numbers:
            found = self._of_blocks(_NUMBERS_OF_BLOCKS[name])
            if found is None:
                values = [_NUMBERS[name](part) for part in self._values]
                found = np.array([nan if value is None else value for value in values], np.float64)
            self._numbers[name] = np.asarray(found, np.float64)
        return self._numbers[name]

    def flag(self, name: FlagName) -> Flags:
        """Return what is true of each."""
        if name not in self._flags:
            found = self._of_blocks(_FLAGS_OF_BLOCKS[name])
            if found is None:
                found = np.array([bool(_FLAGS[name](part)) for part in self._values], bool)
            self._flags[name] = np.asarray(found, bool)
        return self._flags[name]

    def rows(self, name: NumberName) -> tuple[tuple[float | None, ...], ...]:
        """Return a number of each, in a tuple for each batch; None where it is undefined."""
        every = iter(plain(self.number(name)))
        counts = np.bincount(self.batch, minlength=len(self._batches)).tolist()
        return tuple(tuple(islice(every, count)) for count in counts)

    def where(self, chosen: Flags) -> Iterator[PlacedPart]:
        """Yield some of them with their batches; batches of columns have no channels there."""
        return self.at(np.flatnonzero(chosen))

    def at(self, places: Indices) -> Iterator[PlacedPart]:
        """Yield those at some places with their batches; batches of columns have no channels there."""
        if isinstance(self._batches, Batches):
            yield from self._batches.cells(self.batch[places], self.place[places])
            return
        for batch, place in zip(self.batch[places].tolist(), self.place[places].tolist(), strict=True):
            own = self._batches[batch]
            yield own, own.parts[place]

    def places_of(self, named: Sequence[tuple[int, int]]) -> Indices:
        """Return where channels or groups are, in order; each is named by its batch and its place there."""
        batches, places = np.array(sorted(named), np.intp).reshape(-1, 2).T
        return np.searchsorted(self.batch, batches) + places

    def of_every_batch(self) -> Iterator[Indices]:
        """Yield the places of each channel or group that all batches have, in the order of the batches."""
        if not len(self):
            return
        every = np.bincount(self.place)
        order = np.argsort(self.place, kind="stable")
        ends = np.cumsum(every)
        for end, number in zip(ends.tolist(), every.tolist(), strict=True):
            if number < len(self._batches):
                return
            yield order[end - number : end]

    @property
    def processors(self) -> tuple[str, ...]:
        """The processors for which predictions hold, each once; those of columns hold for all."""
        if isinstance(self._batches, Batches):
            return ()
        named = (part.prediction.processors for part in self._values if part.prediction is not None)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def beside(self) -> tuple[tuple[Correction | None, Start | None], ...]:
        """What batch renorm and weight norm add to each; empty where they add nothing, as to columns."""
        if isinstance(self._batches, Batches):
            return ()
        found = tuple((part.correction, part.start) for part in self._values if isinstance(part, Channel))
        return found if any(one != (None, None) for one in found) else ()

    @cached_property
    def _values(self) -> list[Channel | Group]:
        return [part for batch in self._batches for part in batch.parts]

    def _of_blocks(self, column: Callable[[BatchBlock], NDArray[Any]]) -> NDArray[Any] | None:
        """Return a column of all blocks in order; None if the batches are values."""
        if not isinstance(self._batches, Batches):
            return None
        return self._ordered([np.broadcast_to(column(block), _shape(block)) for block in self._batches.blocks])

    def _ordered(self, several: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the entries of all blocks in the order of their batches."""
        flat = [one.reshape(-1) for one in several]
        return flat[0] if len(flat) == 1 else np.concatenate([*flat, np.zeros(0, np.intp)])[self._order]

    @cached_property
    def _order(self) -> Indices:
        blocks = self._batches.blocks if isinstance(self._batches, Batches) else ()
        places = [np.repeat(block.places, _shape(block)[1]) for block in blocks]
        return np.argsort(np.concatenate([*places, np.zeros(0, np.intp)]), kind="stable")


def _shape(block: BatchBlock) -> tuple[int, int]:
    batches, channels = block.channels.running_mean.shape
    return batches, channels


def _end(name: str) -> Callable[[BatchBlock], NDArray[Any]]:
    def column(block: BatchBlock) -> NDArray[Any]:
        statistics = block.channels.statistics
        values = getattr(statistics, name).astype(np.float64)
        return np.where((statistics.finite > 0) & np.isfinite(values), values, nan)

    return column


def _own(name: str) -> Callable[[BatchBlock], NDArray[Any]]:
    return lambda block: getattr(block.channels.statistics, name)


def _predicted(column: Callable[[PredictionColumns], NDArray[Any]], other: float | bool) -> Callable[..., NDArray[Any]]:
    """Return a column of predictions, which has another value where there is none."""

    def found(block: BatchBlock) -> NDArray[Any]:
        own = block.predictions
        return np.full((1, 1), other) if own is None else np.where(own.known, column(own), other)

    return found


def _range(name: str) -> Callable[[BatchBlock], NDArray[Any]]:
    return _predicted(lambda own: np.where(np.isfinite(getattr(own, name)), getattr(own, name), nan), nan)


def _judged(name: str) -> Callable[[BatchBlock], NDArray[Any]]:
    return _predicted(lambda own: np.where(own.judged, getattr(own, name), nan), nan)


_NUMBERS_OF_BLOCKS: dict[NumberName, Callable[[BatchBlock], NDArray[Any]]] = {
    **{name: _own(name) for name in ("count", "mean", "variance", "nan", "inf", "epsilon_share", "gain", "finite")},
    "minimum": _end("minimum"),
    "maximum": _end("maximum"),
    "divisor": _own("variance"),
    "output": _own("output_variance"),
    "output_variance": _own("output_variance"),
    "running_mean": lambda block: block.channels.running_mean,
    "running_variance": lambda block: block.channels.running_variance,
    "clipped_share": lambda _: np.full((1, 1), nan),
    "low": _range("low"),
    "high": _range("high"),
    "judged_low": _judged("judged_low"),
    "judged_high": _judged("judged_high"),
}
_FLAGS_OF_BLOCKS: dict[FlagName, Callable[[BatchBlock], NDArray[Any]]] = {
    "constant": _own("constant"),
    "output_nan": _own("output_nan"),
    "whole": lambda block: block.channels.statistics.finite == block.channels.statistics.count,
    "predicted": _predicted(lambda own: own.known, False),
    "accurate": _predicted(lambda own: own.accurate, False),
    "emulated": lambda _: np.zeros((1, 1), bool),
    "nan_possible": _predicted(lambda own: own.nan_possible, False),
    "overflows": _predicted(lambda own: own.overflows, False),
    "running_overflows": _predicted(lambda own: own.running_overflows, False),
}


def _judged_of(part: Channel | Group) -> tuple[float | None, float | None]:
    """Return the least and the greatest variance that rules judge; None twice without them."""
    return (part.prediction and part.prediction.judged) or (None, None)


_NUMBERS: dict[NumberName, Callable[[Channel | Group], float | None]] = {
    "count": lambda part: part.count,
    "mean": lambda part: part.mean,
    "variance": lambda part: part.variance,
    "minimum": lambda part: part.minimum,
    "maximum": lambda part: part.maximum,
    "nan": lambda part: part.nan,
    "inf": lambda part: part.inf,
    "divisor": lambda part: part.divisor,
    "output": lambda part: part.output,
    "output_variance": lambda part: part.output_variance,
    "epsilon_share": lambda part: part.epsilon_share,
    "gain": lambda part: part.gain,
    "running_mean": lambda part: part.running_mean if isinstance(part, Channel) else None,
    "running_variance": lambda part: part.running_variance if isinstance(part, Channel) else None,
    "clipped_share": lambda part: part.clipped_share,
    "finite": lambda part: part.count if part.finite is None else part.finite.count,
    "low": lambda part: None if part.prediction is None else part.prediction.low,
    "high": lambda part: None if part.prediction is None else part.prediction.high,
    "judged_low": lambda part: _judged_of(part)[0],
    "judged_high": lambda part: _judged_of(part)[1],
}
_FLAGS: dict[FlagName, Callable[[Channel | Group], object]] = {
    "constant": lambda part: part.constant,
    "output_nan": lambda part: part.output_nan,
    "whole": lambda part: part.finite is None,
    "predicted": lambda part: part.prediction is not None,
    "accurate": lambda part: part.prediction is not None and part.prediction.kind == "accurate",
    "emulated": lambda part: part.prediction is not None and part.prediction.kind == "emulated",
    "nan_possible": lambda part: part.prediction is not None and part.prediction.nan_possible,
    "overflows": lambda part: part.prediction is not None and part.prediction.overflows,
    "running_overflows": lambda part: part.prediction is not None and part.prediction.running_overflows,
}
