"""The way of some channels through their intensity steps, from one pass over the voxels to the next.

Affine steps change moments and no voxels, so that minmax and zscore need only the one pass that any volume needs. After
any other step the values are changed as they are read. Then the next step that needs statistics takes a further pass,
and so do the moments at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np

from bnstat.errors import InputError
from bnstat.moments.moments import Doubles, Moments
from bnstat.preprocessing import steps
from bnstat.preprocessing.clipping import ClippedCounts
from bnstat.preprocessing.file_change import Apart
from bnstat.preprocessing.operations import Affine, Clipped, FilledAffine, NonzeroAffine, Operation
from bnstat.preprocessing.passes import Counts, MaskedMoments, Pass, Places, Way
from bnstat.preprocessing.percentile_steps import Percentile, PercentileClip, PercentileScale
from bnstat.preprocessing.percentiles import Asked, Filled, PercentileSearch
from bnstat.sources.opened import Planned
from bnstat.text import plural

Found = TypeVar("Found")
# A part of the way, which returns something that it found.
Part = Generator[Pass, tuple[MaskedMoments, ...], Found]


class Walk:
    """The way of some channels through the steps: the operations so far, and the moments of their values while known.

    Attributes:
        channels: the channels, by their place on the kept axis, in order.
        operations: the operations so far, with numbers of shape (samples, channels).
        zeros: what zeros have become since a step changed them with the statistics of the other values, shape
            (samples, channels); NaN where there were only zeros, or none. None without such a step.
        clipped: the number of values inside the mask that the steps clip, once the way was measured; None if none does.
    """

    def __init__(self, planned: Planned, channels: Places) -> None:
        self.channels = channels
        self.operations: list[Operation] = []
        self.zeros: Doubles | None = None
        self._planned = planned
        self.clipped: ClippedCounts | None = None
        self._known: MaskedMoments | None = None

    def through(self, taken: Sequence[steps.Step], *, measured: bool) -> Way:
        """Take all steps, and measure what comes out of them if that is asked for."""
        for step in taken:
            yield from self._take(step)
        if measured and self._known is None:
            self._known = yield from self._scanned(outside=False)

    def counted(self, taken: Sequence[steps.Step], counts: Counts) -> Way:
        """Take all steps, and count the values that come out of them."""
        yield from self.through(taken, measured=False)
        yield Pass(self.channels, tuple(self.operations), counts=counts)

    @property
    def inside(self) -> Moments:
        """The moments after all steps, inside the mask, shape (samples, channels)."""
        assert self._known is not None, "the way was not measured"
        return self._known.inside

    def _take(self, step: steps.Step) -> Way:
        """Take one step."""
        if isinstance(step, steps.Zscore):
            yield from _ZSCORES[step.over](self, step)
        elif isinstance(step, steps.Minmax):
            self._take_affine(self._ranged((yield from self._everywhere()).whole, step))
        elif isinstance(step, steps.Scale):
            self._take_affine(Affine(self._all(0.0), self._all(1.0), self._all(step.factor), self._all(step.offset)))
        elif isinstance(step, PercentileClip):
            yield from self._take_percentile_clip(step)
        elif isinstance(step, PercentileScale):
            yield from self._take_percentile_scale(step)
        elif isinstance(step, steps.Clip):
            self._take_other(Clipped(self._all(step.low), self._all(step.high)))
        else:
            low, high, mean, deviation = (self._each(list(column)) for column in zip(*self._ct(step), strict=True))
            self._take_other(Clipped(low, high))
            self._take_affine(Affine(mean, deviation, self._all(1.0), self._all(0.0)))

    def operations_of(self, sample: int) -> tuple[Operation, ...]:
        """Return the operations for one sample, with arrays of shape (channels,)."""
        return tuple(operation.pick(lambda numbers: numbers[sample]) for operation in self.operations)

    def _append(self, operation: Operation) -> None:
        self.operations.append(operation)
        if self.zeros is not None:
            operation.change(self.zeros)

    def _take_affine(self, operation: Affine) -> None:
        self._append(operation)
        self._known = None if self._known is None else self._known.after(operation)

    def _take_other(self, operation: Operation) -> None:
        self._append(operation)
        self._known = None

    def _take_standard(self, step: steps.Zscore) -> Way:
        """Take a z-score with the mean and the deviation of all values, or of those inside the mask."""
        found = yield from self._everywhere()
        self._take_affine(_shifted(*self._standard(found.inside if step.over == "mask" else found.whole, step)))

    def _take_filled(self, step: steps.Zscore) -> Way:
        """Take a z-score inside nnU-Net's mask in one pass that counts what is outside of it apart."""
        filled, rest = yield self._pass(self.operations, "filled", outside=True)
        operation = FilledAffine(*self._standard(filled.whole, step))
        self._append(operation)
        self._known = filled.after(operation.of_filled).merge(rest.zeroed)

    def _take_nonzero(self, step: steps.Zscore) -> Way:
        """Take the step in one pass that counts zeros apart from other values, so that no pass is needed afterwards."""
        others, zeros = yield self._pass(self.operations, "zeros", outside=True)
        numbers = self._standard(others.whole, step)
        if step.everywhere:
            affine = _shifted(*numbers)
            self.zeros = np.where((zeros.whole.count > 0) & (others.whole.finite > 0), 0.0, np.nan)
            self._append(affine)
            self._known = others.after(affine).merge(zeros.after(affine))
            return
        operation = NonzeroAffine(*numbers)
        self._append(operation)
        self._known = others.after(operation.of_nonzero).merge(zeros)

    def _take_percentile_clip(self, step: PercentileClip) -> Way:
        """Clip to percentiles. A channel without a value to take them of stays as it is."""
        low, high, filled = yield from self._percentiles(step)
        for end, given in zip((low, high), step.ends, strict=True):
            if isinstance(given, Percentile):
                self._require_finite(np.where(filled, end, 0.0), step.name)
        low = np.minimum(low, high)  # an upper end below the lower one is what all values become, as in numpy
        self._take_other(Clipped(np.where(filled, low, -np.inf), np.where(filled, high, np.inf)))

    def _take_percentile_scale(self, step: PercentileScale) -> Way:
        """Scale as MONAI's ScaleIntensityRangePercentiles: if both percentiles are equal, they become the lower end."""
        low, high, filled = yield from self._percentiles(step)
        with np.errstate(all="ignore"):
            span = np.where(filled, high - low, 0.0)
        self._require_finite(span, step.name)
        varies, center = span > 0, np.where(filled, low, 0.0)
        gain, offset = np.where(varies, step.most - step.least, 1.0), np.where(filled, step.least, 0.0)
        self._take_affine(Affine(center, np.where(varies, span, 1.0), gain, offset))
        if step.clips:
            self._take_other(Clipped(np.where(varies, step.least, -np.inf), np.where(varies, step.most, np.inf)))

    def _percentiles(self, step: PercentileClip | PercentileScale) -> Part[tuple[Doubles, Doubles, Filled]]:
        """Return both ends of a step for each cell, and which cells have values to take percentiles of."""
        search = PercentileSearch(self._planned, self.channels, tuple(self.operations), Asked.by(step))
        while (needed := search.needed()) is not None:
            yield needed
            search.advance()
        found, filled = search.found()
        each = iter(found)
        low, high = (next(each) if isinstance(end, Percentile) else self._all(end) for end in step.ends)
        return low, high, filled

    def _ranged(self, found: Moments, step: steps.Minmax) -> Affine:
        """Return minmax as an operation. A constant cell becomes the lower end."""
        low, high = (end.astype(np.float64) for end in (found.minimum, found.maximum))
        filled = found.finite > 0
        with np.errstate(all="ignore"):
            span = np.where(filled, high - low, 0.0)
        self._require_finite(span, "minmax")
        self._require_finite(np.where(filled, found.m2, 0.0), "minmax")  # otherwise there is no variance after it
        center = np.where(filled, low, 0.0)
        factor, offset = np.where(filled, step.high - step.low, 1.0), np.where(filled, step.low, 0.0)
        span = np.maximum(span, step.least_span)
        return Affine(center, np.where(span > 0, span, 1.0), factor, offset)

    def _standard(self, found: Moments, step: steps.Zscore) -> tuple[Doubles, Doubles]:
        """Return the mean and the deviation of each cell. A constant cell becomes exactly 0, and is divided by 1."""
        deviation = np.sqrt(np.where(found.varies & (found.finite > 0), found.variance, 0.0))
        self._require_finite(deviation, step.name)
        constant = found.minimum.astype(np.float64)
        center = np.where(found.finite > 0, np.where(found.varies, found.mean, constant), 0.0)
        return center, np.where(deviation > 0, np.maximum(deviation, step.least_deviation), 1.0)

    def _require_finite(self, numbers: Doubles, name: str) -> None:
        if not np.isfinite(numbers).all():
            raise InputError(
                self._planned.case.name,
                f"its values are too large for {name} in float64; put a clip before it, as in "
                f'`intensity="clip:-1e6,1e6|{name}"`',
            )

    def _ct(self, step: steps.Ct) -> Sequence[tuple[float, float, float, float]]:
        """Return the numbers of each channel; a file has them for all channels of the case, or for these alone."""
        if step.everywhere or len(step.channels) == self.channels.size:
            return step.channels
        if len(step.channels) == self._planned.tensor.channels:
            return [step.channels[channel] for channel in self.channels]
        raise InputError(
            self._planned.case.name,
            f"it has {plural(self._planned.tensor.channels, 'channel')}, and {step.source} has the intensities of "
            f"{len(step.channels)}; give the file of this data set",
        )

    def _all(self, number: float) -> Doubles:
        """Return one number for every cell."""
        return np.full(self._shape, number)

    def _each(self, numbers: list[float]) -> Doubles:
        """Return a number for every cell, from one for each channel or one for all of them."""
        return np.array(np.broadcast_to(np.array(numbers), self._shape))

    @property
    def _shape(self) -> tuple[int, int]:
        return self._planned.samples, self.channels.size

    def _everywhere(self) -> Part[MaskedMoments]:
        """Return the moments of the whole volume after the steps so far, in a pass if they are not known."""
        if self._known is None:
            self._known = yield from self._scanned(outside=True)
        return self._known

    def _pass(self, operations: Sequence[Operation], apart: Apart = None, *, outside: bool) -> Pass:
        """Return a pass that reduces values after some operations, and counts which of them these clip.

        Every clip is followed by such a pass, so the last one counts all.
        """
        if any(isinstance(one, Clipped) for one in operations):
            self.clipped = ClippedCounts(self._shape)
        clipped = self.clipped if operations else None
        return Pass(self.channels, tuple(operations), apart, outside, clipped=clipped)

    def _scanned(self, *, outside: bool) -> Part[MaskedMoments]:
        """Make a pass over the voxels. Affine operations at the end are then applied to the moments."""
        done = len(self.operations)
        while done and isinstance(self.operations[done - 1], Affine):
            done -= 1
        (found,) = yield self._pass(self.operations[:done], outside=outside)
        for operation in self.operations[done:]:
            if isinstance(operation, Affine):
                found = found.after(operation)
        return found


def _shifted(center: Doubles, spread: Doubles) -> Affine:
    """Return (x − center)/spread."""
    return Affine(center, spread, np.ones_like(center), np.zeros_like(center))


# The way through a z-score, by the values that its mean and its deviation are of.
_ZSCORES: dict[steps.Over, Callable[[Walk, steps.Zscore], Way]] = {
    "all": Walk._take_standard,
    "mask": Walk._take_standard,
    "nonzero": Walk._take_nonzero,
    "filled": Walk._take_filled,
}
