"""Intensity steps on a volume: resolved in as few passes as possible, and the moments of the changed values.

Affine steps change moments and no voxels, so that minmax and zscore need only the one pass that any volume needs. After
any other step the values are changed as they are read. Then the next step that needs statistics takes a further pass,
and so do the moments at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bnstat.errors import InputError
from bnstat.moments.moments import Doubles, Moments
from bnstat.moments.one_pass import scan_changed, side_by_side
from bnstat.preprocessing import masks, steps
from bnstat.preprocessing.file_change import FileChange
from bnstat.preprocessing.operations import Affine, Clipped, NonzeroAffine, Operation
from bnstat.preprocessing.settings import Preparation
from bnstat.sources.case import CaseFile
from bnstat.sources.layout import Arrangement
from bnstat.sources.opened import Planned
from bnstat.sources.volume import OnBytes
from bnstat.text import plural


@dataclass(frozen=True, eq=False)
class Resolved:
    """All steps with the numbers of one sample: arrays of shape (channels,)."""

    operations: tuple[Operation, ...]

    def apply(self, values: Doubles) -> Doubles:
        """Return the values of the sample, or of a part of it, after all steps.

        Args:
            values: the values of the file, scale factors applied, with the kept axis last; they are not changed.
        """
        changed = np.array(values, np.float64, copy=True)
        with np.errstate(all="ignore"):
            for operation in self.operations:
                operation.change(changed)
        return changed


def resolve(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> list[Resolved]:
    """Resolve the steps for each sample of a case, in the passes that their statistics need.

    Raises:
        InputError: if a file cannot be read, or a step does not fit its values.
    """
    walk = _Walk(planned, None, on_bytes)
    for step in preparation.steps:
        walk.take(step)
    return [Resolved(walk.operations_of(sample)) for sample in range(planned.samples)]


def prepared_moments(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> Moments:
    """Return the moments of a case after all steps, inside its mask: shape (samples, channels).

    Raises:
        InputError: if a file or the mask cannot be read, no voxel is inside, or a step does not fit the values.
    """
    walk = _Walk(planned, masks.opened(planned, preparation), on_bytes)
    for step in preparation.steps:
        walk.take(step)
    found = walk.inside()
    _require_some(found, planned, preparation)
    return found


def _require_some(found: Moments, planned: Planned, preparation: Preparation) -> None:
    """Raise InputError if no voxel of a channel is inside the mask."""
    empty = np.argwhere(found.count == 0)
    if preparation.mask is None or not len(empty):
        return
    sample, channel = empty[0]
    of = f" of sample {sample}" if planned.samples > 1 else ""
    what = f"channel {channel}{of}" if planned.tensor.channels > 1 else f"the image{of}"
    more = f" (nor of {plural(len(empty) - 1, 'other')})" if len(empty) > 1 else ""
    raise InputError(
        planned.case.name,
        f"no voxel of {what}{more} is inside the mask {preparation.mask}; check the mask, or leave this input out",
    )


@dataclass(frozen=True)
class _MaskedMoments:
    """The moments of the values of a case after some operations, each of shape (samples, channels).

    Attributes:
        inside: the moments inside the mask; of all values without a mask.
        outside: the moments outside; None without a mask, or if they are not needed.
    """

    inside: Moments
    outside: Moments | None = None

    @property
    def whole(self) -> Moments:
        """The moments of the whole volume."""
        return self.inside if self.outside is None else self.inside.merge(self.outside)

    def after(self, operation: Affine) -> _MaskedMoments:
        """Return the moments after one more operation."""
        outside = None if self.outside is None else operation.moments(self.outside)
        return _MaskedMoments(operation.moments(self.inside), outside)

    def merge(self, other: _MaskedMoments) -> _MaskedMoments:
        """Return the moments of the values of both."""
        outside = None if self.outside is None or other.outside is None else self.outside.merge(other.outside)
        return _MaskedMoments(self.inside.merge(other.inside), outside)


class _Walk:
    """The way of a case through the steps: the operations so far, and the moments of their values while known."""

    def __init__(self, planned: Planned, mask: tuple[masks.Inside, ...] | None, on_bytes: OnBytes | None) -> None:
        self._planned, self._mask, self._on_bytes = planned, mask, on_bytes
        self._operations: list[Operation] = []
        self._known: _MaskedMoments | None = None

    def take(self, step: steps.Step) -> None:
        """Take one step."""
        if isinstance(step, steps.Zscore) and step.nonzero:
            self._take_nonzero(step)
        elif isinstance(step, steps.Minmax):
            self._take_affine(self._ranged(step))
        elif isinstance(step, steps.Zscore):
            center, spread = self._standard(self._everywhere().whole, step)
            self._take_affine(Affine(center, spread, self._all(1.0), self._all(0.0)))
        elif isinstance(step, steps.Scale):
            self._take_affine(Affine(self._all(0.0), self._all(1.0), self._all(step.factor), self._all(step.offset)))
        elif isinstance(step, steps.Clip):
            self._take_other(Clipped(self._all(step.low), self._all(step.high)))
        else:
            low, high, mean, deviation = (self._each(list(column)) for column in zip(*self._ct(step), strict=True))
            self._take_other(Clipped(low, high))
            self._take_affine(Affine(mean, deviation, self._all(1.0), self._all(0.0)))

    def operations_of(self, sample: int) -> tuple[Operation, ...]:
        """Return the operations for one sample, with arrays of shape (channels,)."""
        return tuple(operation.pick(lambda numbers: numbers[sample]) for operation in self._operations)

    def inside(self) -> Moments:
        """Return the moments after all steps, inside the mask."""
        found = self._known if self._known is not None else self._scanned(outside=False)
        return found.inside

    def _take_affine(self, operation: Affine) -> None:
        self._operations.append(operation)
        self._known = None if self._known is None else self._known.after(operation)

    def _take_other(self, operation: Operation) -> None:
        self._operations.append(operation)
        self._known = None

    def _take_nonzero(self, step: steps.Zscore) -> None:
        """Take the step in one pass that counts zeros apart from other values, so that no pass is needed afterwards."""
        others, zeros = self._split(zeros=True, outside=True, operations=self._operations)
        operation = NonzeroAffine(*self._standard(others.whole, step))
        self._operations.append(operation)
        self._known = others.after(operation.of_nonzero).merge(zeros)

    def _ranged(self, step: steps.Minmax) -> Affine:
        """Return minmax as an operation. A constant cell becomes the lower end."""
        found = self._everywhere().whole
        low, high = (end.astype(np.float64) for end in (found.minimum, found.maximum))
        filled = found.finite > 0
        with np.errstate(all="ignore"):
            span = np.where(filled, high - low, 0.0)
        self._require_finite(span, "minmax")
        self._require_finite(np.where(filled, found.m2, 0.0), "minmax")  # otherwise there is no variance after it
        center = np.where(filled, low, 0.0)
        factor, offset = np.where(filled, step.high - step.low, 1.0), np.where(filled, step.low, 0.0)
        return Affine(center, np.where(span > 0, span, 1.0), factor, offset)

    def _standard(self, found: Moments, step: steps.Zscore) -> tuple[Doubles, Doubles]:
        """Return the mean and the deviation of each cell. A constant cell becomes exactly 0, and is divided by 1."""
        deviation = np.sqrt(np.where(found.varies & (found.finite > 0), found.variance, 0.0))
        self._require_finite(deviation, "zscore-nonzero" if step.nonzero else "zscore")
        constant = found.minimum.astype(np.float64)
        center = np.where(found.finite > 0, np.where(found.varies, found.mean, constant), 0.0)
        return center, np.where(deviation > 0, deviation, 1.0)

    def _require_finite(self, numbers: Doubles, name: str) -> None:
        if not np.isfinite(numbers).all():
            raise InputError(
                self._planned.case.name,
                f"its values are too large for {name} in float64; put a clip before it, as in "
                f'`intensity="clip:-1e6,1e6|{name}"`',
            )

    def _ct(self, step: steps.Ct) -> Sequence[tuple[float, float, float, float]]:
        if not step.everywhere and len(step.channels) != self._planned.tensor.channels:
            raise InputError(
                self._planned.case.name,
                f"it has {plural(self._planned.tensor.channels, 'channel')}, and {step.source} has the intensities of "
                f"{len(step.channels)}; give the file of this data set",
            )
        return step.channels

    def _all(self, number: float) -> Doubles:
        """Return one number for every cell."""
        return np.full((self._planned.samples, self._planned.tensor.channels), number)

    def _each(self, numbers: list[float]) -> Doubles:
        """Return a number for every cell, from one for each channel or one for all of them."""
        shape = (self._planned.samples, self._planned.tensor.channels)
        return np.array(np.broadcast_to(np.array(numbers), shape))

    def _everywhere(self) -> _MaskedMoments:
        """Return the moments of the whole volume after the steps so far, in a pass if they are not known."""
        if self._known is None:
            self._known = self._scanned(outside=True)
        return self._known

    def _scanned(self, *, outside: bool) -> _MaskedMoments:
        """Make a pass over the voxels. Affine operations at the end are then applied to the moments."""
        done = len(self._operations)
        while done and isinstance(self._operations[done - 1], Affine):
            done -= 1
        (found,) = self._split(zeros=False, outside=outside, operations=self._operations[:done])
        for operation in self._operations[done:]:
            if isinstance(operation, Affine):
                found = found.after(operation)
        return found

    def _split(self, *, zeros: bool, outside: bool, operations: Sequence[Operation]) -> tuple[_MaskedMoments, ...]:
        """Make one pass over all files. Return the moments of all values, or, with `zeros`, of others and of zeros."""
        # Reduce each file, class by class.
        files = []
        for place, part in enumerate(self._planned.parts):
            mask = None if self._mask is None else self._mask[place]
            change = FileChange(part.volume, self._of_cells(operations, place), mask, zeros=zeros, outside=outside)
            files.append(self._scanned_file(part, change))
        # Put the channels of several files side by side, then each class inside and outside the mask together.
        classes = [side_by_side(one, self._planned.tensor) for one in zip(*files, strict=True)]
        each = 2 if zeros else 1
        if len(classes) == each:
            return tuple(_MaskedMoments(one) for one in classes)
        return tuple(_MaskedMoments(*pair) for pair in zip(classes[:each], classes[each:], strict=True))

    def _scanned_file(self, part: CaseFile, change: FileChange) -> list[Moments]:
        """Return the moments of each class of the values of one file, scale factors applied."""
        scanned = scan_changed(part.volume, part.arrangement, change, self._on_bytes)
        if change.operations:  # these were made on scaled values
            return list(scanned)

        def again(place: int, power: int) -> Moments:
            return scan_changed(part.volume, part.arrangement, replace(change, power=power))[place]

        slope, intercept = part.volume.slope, part.volume.intercept
        return [one.scaled(slope, intercept, partial(again, place)) for place, one in enumerate(scanned)]

    def _of_cells(self, operations: Sequence[Operation], place: int) -> tuple[Operation, ...]:
        """Return the operations on one file, with numbers in the order of its cells."""
        part = self._planned.parts[place]
        if self._planned.tensor.axis == len(self._planned.tensor.sample_shape):
            first = sum(one.arrangement.channels for one in self._planned.parts[:place])
            own = slice(first, first + part.arrangement.channels)
        else:
            own = slice(None)
        return tuple(one.pick(lambda numbers: _in_cells(numbers[:, own], part.arrangement)) for one in operations)


def _in_cells(numbers: Doubles, arrangement: Arrangement) -> Doubles:
    """Return numbers of shape (samples, channels) in the order of cells."""
    return (numbers if arrangement.samples_are_slow else numbers.T).reshape(-1)
