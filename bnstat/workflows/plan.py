"""The story of `plan`: how many values a channel has at each level of an encoder, and where training stops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import get_args

from bnstat.errors import UsageError, require_least, whole, wholes
from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS, preset_of
from bnstat.report.plan import Downsampling, Level, Plan
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
    downsample: Downsampling = "conv",
    notes: Sequence[str] = (),
) -> Plan:
    """Return how many values a channel has at each level of an encoder. No data are needed.

    Args:
        patch: the voxels of the input along each axis, as in the file (x, y, z); one number holds for all axes, of
            which there are as many as a stride has, else 3.
        levels: the number of levels; the patch itself is level 0. By default one more than there are strides.
        strides: what each further level divides by: one number for all axes, or one for each; 2 by default.
        batch_size: patches in a batch.
        downsample: "conv" rounds up, as a strided convolution with padding does; "pool" rounds down, as max-pooling.
        notes: notes that the answer carries.

    Returns:
        The levels, where each framework's batch and instance norm refuse to train, and the least batch size that
        trains at all levels with batch norm.

    Raises:
        UsageError: if a size, a stride or the number of levels is not possible, or pooling leaves nothing.
    """
    start = _start(patch, strides)
    if not start or any(size < 1 for size in start):
        raise UsageError(
            "`patch` must be at least 1 along each axis, as in `patch=(128, 128, 64)`, and is "
            f"{by(start, 'x') or 'empty'}"
        )
    require_least("batch_size", batch_size, 1)
    if downsample not in get_args(Downsampling):
        raise UsageError(f"`downsample` must be one of {', '.join(get_args(Downsampling))}, and is {downsample!r}")
    steps = _strides(len(start), levels, strides)
    shapes = [start]
    for stride in steps:
        shapes.append(_divided(shapes[-1], stride, downsample))
        if 0 in shapes[-1]:
            raise UsageError(_too_small(shapes, steps, by_levels=strides is None))
    return Plan(
        patch=start,
        strides=steps,
        batch_size=whole("batch_size", batch_size),
        downsample=downsample,
        levels=tuple(_level(level, shape, whole("batch_size", batch_size)) for level, shape in enumerate(shapes)),
        least_batch_size=_least_batch_size(shapes),
        notes=tuple(notes),
    )


def _start(patch: int | Sequence[int], strides: Sequence[int | Sequence[int]] | None) -> Sizes:
    """Return the size of the patch along each axis."""
    sizes = wholes("patch", patch if isinstance(patch, Iterable) else (patch,))
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


def _level(level: int, shape: Sizes, batch_size: int) -> Level:
    alone, together = prod(shape), batch_size * prod(shape)
    reduced = {"batch": together, "instance": alone}
    # A maker's presets say the same, so each maker is named once, by the preset that stands for them.
    raises = dict.fromkeys(
        preset_of(row.maker, row.normalizer).name
        for row in FRAMEWORKS.values()
        if row.normalizer in reduced and reduced[row.normalizer] < row.least_values
    )
    return Level(level, shape, alone, together, tuple(raises), together / (together - 1) if together > 1 else None)


def _least_batch_size(shapes: Sequence[Sizes]) -> int:
    """Return the least batch size with which no framework's batch norm refuses to train at any level."""
    fewest = min(prod(shape) for shape in shapes)
    needed = max(framework.least_values for framework in BATCH_NORMS.values())
    return -(-needed // fewest)
