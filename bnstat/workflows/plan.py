"""The story of `plan`: how many values a channel has at each level of an encoder, and where training stops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import cast, get_args

from bnstat.errors import UsageError, require_least, whole, wholes
from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS, Framework, preset_of
from bnstat.reports.plan import Downsampling, Head, HeadKind, Level, Plan
from bnstat.text import by, plural

Sizes = tuple[int, ...]

# Axes of a patch of which one number is given: those of a volume.
_AXES = 3
# Stride of a level where none is given: half on each axis.
HALVING = 2


def plan(
    patch: int | Sequence[int],
    *,
    levels: int | None = None,
    strides: Sequence[int | Sequence[int]] | None = None,
    batch_size: int = 2,
    downsample: Downsampling | Sequence[Downsampling] = "conv",
    head: str | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """Return how many values a channel has at each level of an encoder. No data are needed.

    Args:
        patch: the voxels of the input along each axis, as in the file (x, y, z); one number holds for all axes, of
            which there are as many as a stride has, else 3.
        levels: the number of levels; the patch itself is level 0. By default one more than there are strides.
        strides: what each further level divides by: one number for all axes, or one for each; 2 by default.
        batch_size: patches in a batch.
        downsample: "conv" rounds up, as a strided convolution with padding does; "pool" rounds down, as max-pooling;
            one for all levels, or one for each level after the first.
        head: "global-pool" or "flatten", which make one value of a feature in each sample behind the encoder, with
            ":C" for the number of features, as in "global-pool:512"; None for no head.
        notes: notes that the answer carries.

    Returns:
        The levels, where each framework's batch and instance norm refuse to train, and the least batch size that
        trains at all levels with batch norm.

    Raises:
        UsageError: if a size, a stride or the number of levels is not possible, or pooling leaves nothing.
    """
    start = _start(patch, strides)
    require_least("batch_size", batch_size, 1)
    size = whole("batch_size", batch_size)
    steps = _strides(len(start), levels, strides)
    ways = _ways(downsample, len(steps))
    behind = None if head is None else _head(head, size)
    # the shape of each level
    shapes = [start]
    for stride, way in zip(steps, ways, strict=True):
        shapes.append(_divided(shapes[-1], stride, way))
        if 0 in shapes[-1]:
            raise UsageError(_too_small(shapes, steps, by_levels=strides is None))
    return Plan(
        patch=start,
        strides=steps,
        batch_size=size,
        downsample=ways[0] if len(set(ways)) == 1 else "mixed" if ways else _ways(downsample, 1)[0],
        levels=tuple(
            _level(level, shape, size, way)
            for level, (shape, way) in enumerate(zip(shapes, (None, *ways), strict=True))
        ),
        least_batch_size=_least_batch_size(shapes if behind is None else [*shapes, ()]),
        notes=tuple(notes),
        head=behind,
    )


def _start(patch: int | Sequence[int], strides: Sequence[int | Sequence[int]] | None) -> Sizes:
    """Return the size of the patch along each axis.

    Raises:
        UsageError: if it has no axis, or none of its voxels.
    """
    sizes = wholes("patch", patch if isinstance(patch, Iterable) else (patch,))
    if not sizes or min(sizes) < 1:
        said = by(sizes, "x") or "empty"
        raise UsageError(f"`patch` must be at least 1 along each axis, as in `patch=(128, 128, 64)`, and is {said}")
    if len(sizes) != 1:
        return sizes
    each = strides if isinstance(strides, Sequence) else ()
    return sizes * next((len(stride) for stride in each if isinstance(stride, Sequence)), _AXES)


def _strides(ndim: int, levels: int | None, strides: Sequence[int | Sequence[int]] | None) -> tuple[Sizes, ...]:
    """Return a stride for each axis of each further level.

    Raises:
        UsageError: if these are no strides of so many levels.
    """
    if levels is None and strides is None:
        raise UsageError("say how deep the encoder is, with `levels` or `strides`, or give a plans file of nnU-Net")
    if levels is not None:
        require_least("levels", levels, 1)
    if strides is not None and not isinstance(strides, Iterable):
        wholes("strides", strides)
    given = [HALVING] * ((levels or 1) - 1) if strides is None else list(strides)
    if levels is not None and len(given) != levels - 1:
        raise UsageError(f"{plural(levels, 'level')} need {plural(levels - 1, 'stride')}, and {len(given)} are given")
    found = []
    for stride in given:
        several = isinstance(stride, Iterable)
        each = wholes("strides", stride) if several else (whole("strides", stride),) * ndim
        if len(each) != ndim:
            raise UsageError(f"the stride {by(each, 'x')} has {len(each)} axes, and the patch has {ndim}; give as many")
        if any(step < 1 for step in each):
            raise UsageError(f"`strides` must all be at least 1, and one is {by(each, 'x')}")
        found.append(each)
    return tuple(found)


def _ways(downsample: Downsampling | Sequence[Downsampling], levels: int) -> tuple[Downsampling, ...]:
    """Return how sizes are rounded on the way to each further level.

    Raises:
        UsageError: if a way is not known, or there are not as many as levels.
    """
    several = [downsample] if isinstance(downsample, str) else list(downsample)
    for way in several:
        if way not in get_args(Downsampling):
            raise UsageError(
                f"`downsample` must be conv (sizes are rounded up) or pool (down), and is {way!r}; the factors that "
                "sizes are divided by are `strides`, as in `strides=2,2,1x2x2`"
            )
    if len(several) == 1:
        return tuple(several * levels)
    if len(several) != levels:
        raise UsageError(
            f"`downsample` has {plural(len(several), 'entry', 'entries')}, and {plural(levels, 'level')} "
            f"{'follows' if levels == 1 else 'follow'} the first; give one for each, or one for all"
        )
    return tuple(several)


def _head(text: str, batch_size: int) -> Head:
    """Return what follows the encoder, as "global-pool" or "flatten:512" name it.

    Raises:
        UsageError: if it is neither, or has a number of features that cannot be.
    """
    kind, colon, number = str(text).partition(":")
    if kind not in get_args(HeadKind) or (colon and not (number.isdecimal() and int(number) > 0)):
        kinds = " or ".join(get_args(HeadKind))
        raise UsageError(f"`head` must be {kinds}, with a number of features as in global-pool:512, and is {text!r}")
    raises = tuple(row.name for row in _stand_ins("batch") if batch_size < row.least_values)
    refusals = (FRAMEWORKS[name].refusal for name in raises)
    refusal = next((words for words in refusals if words is not None), None)
    shape = f"[{batch_size}, {number or 'C'}]"
    return Head(
        kind=cast(HeadKind, kind),
        features=int(number) if number else None,
        values_per_batch=batch_size,
        raises=raises,
        refusal=None if refusal is None else refusal.format(shape=shape),
    )


def _stand_ins(normalizer: str) -> list[Framework]:
    """Return the presets that stand for each maker's layers of a kind: a maker's presets refuse alike."""
    makers = dict.fromkeys(row.maker for row in FRAMEWORKS.values() if row.normalizer == normalizer)
    return [preset_of(maker, normalizer) for maker in makers]


def _divided(shape: Sizes, stride: Sizes, downsample: Downsampling) -> Sizes:
    up = downsample == "conv"
    return tuple(-(-size // step) if up else size // step for size, step in zip(shape, stride, strict=True))


def _too_small(shapes: Sequence[Sizes], strides: Sequence[Sizes], *, by_levels: bool) -> str:
    """Say that pooling leaves nothing at the last of these levels, and which levels and which patch are possible."""
    level = len(shapes) - 1
    before, stride = shapes[-2], strides[level - 1]
    least = tuple(max(size, prod(steps)) for size, steps in zip(shapes[0], zip(*strides, strict=True), strict=True))
    fewer = f"`levels={level}`" if by_levels else f"the first {plural(level - 1, 'stride')} only"
    short = any(size == 0 for size in shapes[-1]) and any(shapes[-1])
    return (
        f"`patch={shapes[0]}` is too small for {len(strides) + 1} levels: at level {level} (the first is 0), "
        f"pooling {by(before, 'x')} by {by(stride, 'x')} leaves nothing; use {fewer}, "
        f"{'a stride of 1 along the short axis, ' if short else ''}or `patch={least}`"
    )


def _level(level: int, shape: Sizes, batch_size: int, way: Downsampling | None) -> Level:
    alone, together = prod(shape), batch_size * prod(shape)
    reduced = {"batch": together, "instance": alone}
    raises = (
        row.name for normalizer in reduced for row in _stand_ins(normalizer) if reduced[normalizer] < row.least_values
    )
    bessel = together / (together - 1) if together > 1 else None
    return Level(level, shape, alone, together, tuple(raises), bessel, way)


def _least_batch_size(shapes: Sequence[Sizes]) -> int:
    """Return the least batch size with which no framework's batch norm refuses to train at any level."""
    fewest = min(prod(shape) for shape in shapes)
    needed = max(framework.least_values for framework in BATCH_NORMS.values())
    return -(-needed // fewest)
