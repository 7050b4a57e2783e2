"""Intensity steps on a volume: resolved in as few passes as possible, and the moments of the changed values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnstat.errors import InputError
from bnstat.moments.counting import Counting
from bnstat.moments.moments import Doubles, Moments
from bnstat.preprocessing import masks
from bnstat.preprocessing.channel_steps import passes_over_files, steps_of
from bnstat.preprocessing.clipped_values import ClippedChannels, channels_of
from bnstat.preprocessing.clipping import operate
from bnstat.preprocessing.masks import Mask
from bnstat.preprocessing.operations import Clipped, Operation, Operations
from bnstat.preprocessing.passes import Counts, Pass, Passes, Places, Way
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import Step, needs_filled
from bnstat.preprocessing.walk import Walk
from bnstat.sources.opened import Planned
from bnstat.sources.volume import OnBytes
from bnstat.text import plural


@dataclass(frozen=True, eq=False)
class Resolved:
    """All steps with the numbers of one sample.

    Attributes:
        ways: pairs of channels with the same steps, by their place on the kept axis, and of their operations, whose
            numbers are arrays of shape (channels,).
        filled: nnU-Net's mask of the sample as an array of its spatial axes and a last one of size 1; None if no step
            needs it.
    """

    ways: tuple[tuple[Places, tuple[Operation, ...]], ...]
    filled: Mask | None = None

    def apply(self, values: Doubles, filled: Mask | None = None) -> Doubles:
        """Return the values of the sample, or of a part of it, after all steps.

        Args:
            values: the values of the file, scale factors applied, with the kept axis last; they are not changed.
            filled: the same part of `filled`, if a step needs it.
        """
        return self.counted(values, filled)[0]

    def counted(self, values: Doubles, filled: Mask | None = None) -> tuple[Doubles, ClippedChannels]:
        """Return the values after all steps, as `apply`, and how many of them were clipped; nothing if no step does."""
        changed = np.array(values, np.float64, copy=True)
        found = np.zeros((changed.shape[-1], 2), np.int64)
        with np.errstate(all="ignore"):
            for channels, operations in self.ways:
                # Channels that share their steps with all others need no copy.
                own = changed if len(self.ways) == 1 else changed[..., channels]
                clipped = operate(own, operations, filled)
                if own is not changed:
                    changed[..., channels] = own
                if clipped is not None:
                    axes = tuple(range(own.ndim - 1))
                    found[channels] = np.stack([clipped.low.sum(axes), clipped.high.sum(axes)], axis=-1)
        clips = any(isinstance(one, Clipped) for _, operations in self.ways for one in operations)
        return changed, channels_of(*found.T) if clips else ()


def resolve(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> list[Resolved]:
    """Resolve the steps for each sample of a case, in the passes that their statistics need.

    Raises:
        InputError: if a file or the mask cannot be read, or a step does not fit its values.
    """
    walks = _walks(planned, preparation)
    mask = masks.opened(planned, preparation)
    passes = Passes(planned, mask, on_bytes, passes_over_files(planned, preparation))
    passes.run([walk.through(taken, measured=False) for walk, taken in walks])
    filled = passes.filled.array() if any(map(needs_filled, preparation.steps)) else None
    return [
        Resolved(
            tuple((walk.channels, walk.operations_of(sample)) for walk, _ in walks),
            None if filled is None else filled[sample, ..., np.newaxis],
        )
        for sample in range(planned.samples)
    ]


def count_prepared(
    planned: Planned,
    preparation: Preparation,
    counts: Callable[[Places], Counts],
    on_bytes: OnBytes | None = None,
    known: Sequence[Operations] = (),
) -> None:
    """Count the values of a case after all steps: in one pass, and in those of the steps if their numbers are unknown.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing of its voxels.
        counts: returns what counts the values of some channels.
        on_bytes: called with the bytes that were read, now and then.
        known: for each sample, what the steps do to its values, from an earlier reading; empty if this is not known.

    Raises:
        InputError: as `resolve`.
    """
    mask = masks.opened(planned, preparation)
    if len(known) == planned.samples:
        filled = any(map(needs_filled, preparation.steps))
        passes = Passes(planned, mask, on_bytes, [1 + filled] * len(planned.parts))
        ways = [_of_all_samples(way) for way in zip(*known, strict=True)]
        passes.run([_counted(channels, operations, counts(channels)) for channels, operations in ways])
        return
    passes = Passes(planned, mask, on_bytes, passes_over_files(planned, preparation, again=True))
    passes.run([walk.counted(taken, counts(walk.channels)) for walk, taken in _walks(planned, preparation)])


def _of_all_samples(way: Sequence[tuple[Places, tuple[Operation, ...]]]) -> tuple[Places, tuple[Operation, ...]]:
    """Return the operations of some channels with the numbers of all samples."""
    operations = []
    for each in zip(*(one for _, one in way), strict=True):
        numbers = {name: np.stack([getattr(one, name) for one in each]) for name in each[0].__dataclass_fields__}
        operations.append(replace(each[0], **numbers))
    return way[0][0], tuple(operations)


def _counted(channels: Places, operations: tuple[Operation, ...], counts: Counts) -> Way:
    """Count the values that come out of known operations."""
    yield Pass(channels, operations, counts=counts)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case after all steps.

    Attributes:
        moments: the moments inside its mask, shape (samples, channels).
        clipped: for each sample, how many values inside the mask each of its channels has that a step clips; nothing
            for a sample if no step clips.
        zeros: what zeros have become, as in `Walk.zeros`; None without a step that changes them so.
        operations: for each sample, what the steps do to its values.
    """

    moments: Moments
    clipped: tuple[ClippedChannels, ...]
    zeros: Doubles | None = None
    operations: tuple[Operations, ...] = ()


def prepared_moments(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> Moments:
    """Return the moments of a case after all steps, as `prepared` does."""
    return prepared(planned, preparation, on_bytes).moments


def prepared(
    planned: Planned,
    preparation: Preparation,
    on_bytes: OnBytes | None = None,
    countings: Sequence[Counting] = (),
) -> Prepared:
    """Return a case after all steps.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing of its voxels.
        on_bytes: called with the bytes that were read, now and then.
        countings: for each file, what gathers its distinct stored values in the first pass.

    Raises:
        InputError: as `prepared_moments`.
    """
    return prepared_several(planned, [preparation], on_bytes, countings)[0]


def prepared_several(
    planned: Planned,
    preparations: Sequence[Preparation],
    on_bytes: OnBytes | None = None,
    countings: Sequence[Counting] = (),
) -> list[Prepared]:
    """Return a case after the steps of each of several preparations, which share passes; they have one mask.

    Args:
        planned: the headers of the case.
        preparations: the preprocessing of its voxels.
        on_bytes: called with the bytes that were read, now and then.
        countings: for each file, what gathers its distinct stored values in the first pass.

    Raises:
        InputError: if a file or the mask cannot be read, no voxel is inside, or a step does not fit the values.
    """
    each = [_walks(planned, preparation) for preparation in preparations]
    mask, announced = masks.opened(planned, preparations[0]), passes_over_files(planned, *preparations)
    passes = Passes(planned, mask, on_bytes, announced, countings)
    passes.run([walk.through(taken, measured=True) for walks in each for walk, taken in walks])
    return [_measured(planned, preparation, walks) for preparation, walks in zip(preparations, each, strict=True)]


def _measured(planned: Planned, preparation: Preparation, walks: Sequence[tuple[Walk, tuple[Step, ...]]]) -> Prepared:
    """Return what came out of walks that were measured, with the channels in order."""
    found = Moments.join([walk.inside for walk, _ in walks])
    found = found[:, np.argsort(np.concatenate([walk.channels for walk, _ in walks]))]
    _require_some(found, planned, preparation)
    taken = [walk for walk, _ in walks]
    operations = (tuple((walk.channels, walk.operations_of(at)) for walk in taken) for at in range(planned.samples))
    return Prepared(found, _clipped(taken, planned.samples), _zeros(taken, found.shape), tuple(operations))


def _zeros(walks: Sequence[Walk], shape: tuple[int, ...]) -> Doubles | None:
    """Return what zeros have become in each sample and channel; None if no step changed them."""
    if all(walk.zeros is None for walk in walks):
        return None
    found = np.full(shape, np.nan)
    for walk in walks:
        if walk.zeros is not None:
            found[:, walk.channels] = walk.zeros
    return found


def _clipped(walks: Sequence[Walk], samples: int) -> tuple[ClippedChannels, ...]:
    """Return the counts of all ways, sample by sample, with the channels in order; nothing if no step clips."""
    if all(walk.clipped is None for walk in walks):
        return ((),) * samples
    shape = (samples, sum(walk.channels.size for walk in walks))
    low, high = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for walk in walks:
        if walk.clipped is not None:
            low[:, walk.channels], high[:, walk.channels] = walk.clipped.low, walk.clipped.high
    return tuple(channels_of(*pair) for pair in zip(low, high, strict=True))


def _walks(planned: Planned, preparation: Preparation) -> list[tuple[Walk, tuple[Step, ...]]]:
    """Return a walk for the channels that share their steps, each with these; the first channels first.

    Raises:
        UsageError: if the lists of steps do not fit the channels of the case.
    """
    together: dict[tuple[Step, ...], list[int]] = {}
    for channel, taken in enumerate(steps_of(planned, preparation)):
        together.setdefault(taken, []).append(channel)
    return [(Walk(planned, np.array(channels, np.intp)), taken) for taken, channels in (together or {(): []}).items()]


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
