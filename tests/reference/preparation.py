"""Steps on intensities, masks and patches, value by value in fractions, as docs/how-to/preprocessing.md has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reference import moments
from reference.balls import CONTEXT, decimal
from reference.moments import Cell

UNIT = Fraction(1, 2**53)
# What a division by a standard deviation costs relative to the result: the claim for variances, halved by the root.
DEVIATION = Fraction(1, 10**13)
LEAST_DEVIATION = Fraction(1e-8)

# A value: NaN and Inf stay floats, and the rest are fractions.
Value = Fraction | float


class Unclear(Exception):  # noqa: N818  (no error, but a case that says nothing)
    """Rounding decides which values a step takes, in float64 or here."""


@dataclass(frozen=True)
class Channel:
    """The values of a channel of one sample.

    Attributes:
        values: all of them.
        noise: how far float64 may be from each.
    """

    values: tuple[Value, ...]
    noise: Fraction = Fraction(0)

    @property
    def finite(self) -> list[Fraction]:
        """The finite values."""
        return [one for one in self.values if isinstance(one, Fraction)]

    @property
    def largest(self) -> Fraction:
        """The magnitude of the largest finite value."""
        return max((abs(one) for one in self.finite), default=Fraction(0))

    def affine(self, slope: Fraction, shift: Fraction, lost: Fraction = Fraction(0)) -> Channel:
        """Return slope · x + shift. `lost` is what the factors themselves are off by, in the result."""

        def changed(value: Value) -> Value:
            if isinstance(value, Fraction):
                return slope * value + shift
            return value if slope > 0 else -value

        rounding = 3 * UNIT * (abs(slope) * self.largest + abs(shift))
        return Channel(tuple(map(changed, self.values)), abs(slope) * self.noise + rounding + lost)


def channel_of(numbers: Sequence[float], slope: Fraction, intercept: Fraction) -> Channel:
    """Return the values of stored numbers: slope · number + intercept."""
    plain = Channel(tuple(Fraction(one) if math.isfinite(one) else float(one) for one in numbers))
    return plain if slope == 1 and intercept == 0 else plain.affine(slope, intercept)


def steps_of(text: str | None, channel: int) -> str | None:
    """Return the steps of a channel, by its number or `*`: of 'zscore', or of '0=zscore;*=none'."""
    if text is None:
        return None
    parts = (part.rpartition("=") for part in text.split(";"))  # no steps have this sign
    lists = {name or "*": steps for name, _, steps in parts}
    return lists.get(str(channel), lists.get("*"))


def prepared(channel: Channel, steps: str | None, inside: Sequence[bool] = (), filled: Sequence[bool] = ()) -> Channel:
    """Return the values after all steps, from left to right.

    Args:
        channel: the values.
        steps: the steps of this channel.
        inside: which values are inside the mask.
        filled: which values are inside nnU-Net's mask.

    Raises:
        Unclear: if rounding decides.
    """
    zeros_are_sure = True
    for step in (steps or "none").split("|"):
        name, _, rest = step.partition(":")
        if name == "scale-percentile" or "p" in rest:
            if "nonzero" in rest:
                _refuse_unclear(channel, zeros_are_sure)
            channel, zeros_are_sure = _by_percentiles(channel, name, rest.split(","), inside), False
            continue
        given = rest.split(",") if rest and rest != "mask" else []
        numbers = [Fraction(float(one)) if one else None for one in given]
        if name in ("clip", "ct"):
            ends = [end for end in numbers[:2] if end is not None]
            near = any(abs(one - end) <= channel.noise for one in channel.finite for end in ends)
            zeros_are_sure = not channel.noise or (Fraction(0) in ends and not near)
        elif name in ("zscore-nonzero", "zscore-nonzero-all"):
            _refuse_unclear(channel, zeros_are_sure)
        if name == "zscore" and rest == "mask":
            channel = _by_place(channel, inside)
        elif name == "zscore-nonzero-filled":
            channel = _filled(channel, filled)
        else:
            channel = STEPS[name](channel, numbers)
        zeros_are_sure = zeros_are_sure and name in ("none", "noNorm", "clip", "zscore-nonzero")
    return channel


def _refuse_unclear(channel: Channel, zeros_are_sure: bool) -> None:
    if channel.noise and (not zeros_are_sure or any(0 < abs(one) <= channel.noise for one in channel.finite)):
        raise Unclear


def _by_percentiles(channel: Channel, name: str, given: Sequence[str], inside: Sequence[bool]) -> Channel:
    """Return the values clipped or scaled by percentiles of the finite ones: all, those not 0, or those inside.

    Raises:
        Unclear: if two percentiles are so close that rounding decides whether they are equal.
    """
    if "mask" in given:
        taken = [one for one, kept in zip(channel.values, inside, strict=True) if kept]
    else:
        taken = [one for one in channel.values if "nonzero" not in given or one != 0]
    ranked = sorted(one for one in taken if isinstance(one, Fraction))
    if not ranked:
        return channel
    low, high = (_end(ranked, one, numbers=name == "clip") for one in given[:2])
    # A rank is computed in float64, and the values beside it are interpolated there.
    noise = channel.noise + 4 * UNIT * (len(ranked) * (ranked[-1] - ranked[0]) + channel.largest)
    if name == "clip":
        if low is not None and high is not None:
            low = min(low, high)  # what all values become if the upper end is below the lower one
        return replace(_clip(channel, [low, high]), noise=noise)
    assert low is not None
    assert high is not None
    least, most = Fraction(float(given[2])), Fraction(float(given[3]))
    if 0 < high - low <= 4 * noise:
        raise Unclear
    if low == high:
        shifted = channel.affine(Fraction(1), least - low, noise)
        whole = channel.finite
        return replace(shifted, noise=2 * UNIT * abs(least)) if min(whole) == max(whole) else shifted
    factor = (most - least) / (high - low)
    reach = max(abs(one - low) for one in channel.finite) / (high - low)
    lost = (1 + 2 * reach) * (3 * abs(factor) * noise + 4 * UNIT * (abs(least) + abs(most)))
    scaled = channel.affine(factor, least - factor * low, lost)
    return _clip(scaled, [least, most]) if "clip" in given else scaled


def _end(ranked: Sequence[Fraction], text: str, *, numbers: bool) -> Fraction | None:
    """Return what an end stands for: a percentile of sorted values by linear interpolation, a number, or nothing."""
    if not text:
        return None
    if numbers and not text.startswith("p"):
        return Fraction(float(text))
    place = (len(ranked) - 1) * Fraction(float(text.removeprefix("p"))) / 100
    lower = min(int(place), len(ranked) - 1)
    upper = min(lower + 1, len(ranked) - 1)
    return ranked[lower] + (ranked[upper] - ranked[lower]) * (place - lower)


def _none(channel: Channel, _: list[Fraction | None]) -> Channel:
    return channel


def _scale(channel: Channel, numbers: list[Fraction | None]) -> Channel:
    factor, shift = numbers
    return channel.affine(factor or Fraction(0), shift or Fraction(0))


def _clip(channel: Channel, numbers: list[Fraction | None]) -> Channel:
    low, high = numbers

    def clipped(value: Value) -> Value:
        if math.isnan(value):
            return value
        if low is not None and value < low:
            return low
        return high if high is not None and value > high else value

    return replace(channel, values=tuple(map(clipped, channel.values)))


def _ct(channel: Channel, numbers: list[Fraction | None]) -> Channel:
    low, high, mean, deviation = (one or Fraction(0) for one in numbers)
    divisor = max(deviation, LEAST_DEVIATION)
    return _clip(channel, [low, high]).affine(1 / divisor, -mean / divisor)


def _minmax(channel: Channel, numbers: list[Fraction | None]) -> Channel:
    low, high = (one or Fraction(0) for one in numbers or [Fraction(0), Fraction(1)])
    finite = channel.finite
    if not finite:
        return channel
    least, span = min(finite), max(finite) - min(finite)
    if not span:
        way = Fraction(1) if high >= low else Fraction(-1)  # infinite values go the way that the range goes
        return replace(channel.affine(way, low - way * least), noise=2 * UNIT * abs(low))
    factor = (high - low) / span
    # the range is off by twice the noise, and so is each part of it
    lost = abs(factor) * (3 * channel.noise + 4 * UNIT * channel.largest) + 4 * UNIT * abs(low)
    return channel.affine(factor, low - factor * least, lost)


def _rescale_to_0_1(channel: Channel, _: list[Fraction | None]) -> Channel:
    finite = channel.finite
    span = max(finite) - min(finite) if finite else Fraction(0)
    if not finite or span > 2 * LEAST_DEVIATION:
        return _minmax(channel, [])
    if span + 2 * channel.noise >= LEAST_DEVIATION and span:
        raise Unclear
    return channel.affine(1 / LEAST_DEVIATION, -min(finite) / LEAST_DEVIATION, 3 * channel.noise / LEAST_DEVIATION)


def _zscore(channel: Channel, _: list[Fraction | None]) -> Channel:
    return _standardized(channel, lambda _: True)


def _zscore_nonzero(channel: Channel, _: list[Fraction | None]) -> Channel:
    return _standardized(channel, lambda value: value != 0)


def _zscore_nonzero_all(channel: Channel, _: list[Fraction | None]) -> Channel:
    return _by_place(channel, [value != 0 for value in channel.values])


def _by_place(channel: Channel, taken: Sequence[bool]) -> Channel:
    """Return all values shifted and scaled by what makes those that are taken have mean 0 and variance 1."""
    chosen = Channel(tuple(one for one, takes in zip(channel.values, taken, strict=True) if takes), channel.noise)
    finite = chosen.finite
    if not finite:
        return channel
    cell = moments.cell_of_fractions(finite)
    deviation = Fraction(CONTEXT.sqrt(decimal(cell.variance))) or Fraction(1)
    lost = (17 * UNIT * channel.largest + channel.noise) / deviation
    relative = DEVIATION + (4 * UNIT * abs(cell.mean) + channel.noise) / deviation
    farthest = max(abs(one - cell.mean) for one in channel.finite) / deviation
    return channel.affine(1 / deviation, -cell.mean / deviation, lost + relative * farthest)


def _filled(channel: Channel, filled: Sequence[bool]) -> Channel:
    """Return the values inside nnU-Net's mask with mean 0 and variance 1, and 0 outside of it."""
    chosen = tuple(one for one, takes in zip(channel.values, filled, strict=True) if takes)
    own = Channel(chosen, channel.noise)
    variance = moments.cell_of_fractions(own.finite).variance if own.finite else Fraction(0)
    if 0 < variance < 4 * LEAST_DEVIATION**2:
        raise Unclear
    changed = _standardized(own, lambda _: True)
    rest = iter(changed.values)
    return Channel(tuple(next(rest) if takes else Fraction(0) for takes in filled), changed.noise)


def filled_of(nonzero: Sequence[Sequence[bool]], shape: Sequence[int]) -> list[bool]:
    """Return nnU-Net's mask in C order: where a channel is not 0, or no path through faces leads to the border.

    Args:
        nonzero: for each channel, which values are not 0, as `inside` returns them.
        shape: the axes of space.
    """
    places = [(x, y, z) for x in range(shape[0]) for y in range(shape[1]) for z in range(shape[2])]
    empty = {at for number, at in enumerate(places) if not any(one[number] for one in nonzero)}
    outside: set[tuple[int, int, int]] = set()
    waiting = [at for at in empty if any(one in (0, size - 1) for one, size in zip(at, shape, strict=True))]
    while waiting:
        x, y, z = at = waiting.pop()
        if at in outside:
            continue
        outside.add(at)
        near = ((x - 1, y, z), (x + 1, y, z), (x, y - 1, z), (x, y + 1, z), (x, y, z - 1), (x, y, z + 1))
        waiting += [one for one in near if one in empty]
    return [at not in outside for at in places]


def _standardized(channel: Channel, takes: Callable[[Value], bool]) -> Channel:
    """Return the values with those that are taken shifted and scaled to mean 0 and variance 1; constants become 0."""
    taken = Channel(tuple(one for one in channel.values if takes(one)), channel.noise)
    finite = taken.finite
    if not finite:
        return channel
    cell = moments.cell_of_fractions(finite)
    deviation = Fraction(CONTEXT.sqrt(decimal(cell.variance)))
    if not deviation:
        changed = taken.affine(Fraction(1), -cell.mean)
        changed = replace(changed, noise=Fraction(0))
    else:
        lost = (17 * UNIT * channel.largest + channel.noise) / deviation
        relative = DEVIATION + (4 * UNIT * abs(cell.mean) + channel.noise) / deviation
        farthest = max(abs(one - cell.mean) for one in finite) / deviation
        changed = taken.affine(1 / deviation, -cell.mean / deviation, lost + relative * farthest)
    rest = iter(changed.values)
    return Channel(tuple(next(rest) if takes(one) else one for one in channel.values), changed.noise)


STEPS: dict[str, Callable[[Channel, list[Fraction | None]], Channel]] = {
    "none": _none,
    "scale": _scale,
    "clip": _clip,
    "ct": _ct,
    "minmax": _minmax,
    "zscore": _zscore,
    "zscore-nonzero": _zscore_nonzero,
    "zscore-nonzero-all": _zscore_nonzero_all,
    "rescale_to_0_1": _rescale_to_0_1,
    "noNorm": _none,
}
TESTS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
}


def inside(numbers: Sequence[float], slope: Fraction, intercept: Fraction, mask: str | None) -> list[bool]:
    """Return which values are inside of a mask that judges each by itself: as float64 has them, NaN always."""
    if mask is None:
        return [True] * len(numbers)
    scaled = slope != 1 or intercept != 0
    values = [float(one) * float(slope) + float(intercept) if scaled else float(one) for one in numbers]
    if mask == "nonzero":
        return [one != 0 for one in values]
    sign = mask[:2] if mask[1] == "=" else mask[0]
    limit = float(mask.removeprefix(sign))
    return [math.isnan(one) or TESTS[sign](one, limit) for one in values]


def cell_inside(channel: Channel, chosen: Sequence[bool], *, exact: bool = False) -> Cell:
    """Return the moments of the values that are inside."""
    return cell_of([one for one, taken in zip(channel.values, chosen, strict=True) if taken], channel, exact=exact)


def cell_of(values: Sequence[Value], channel: Channel, *, exact: bool = False) -> Cell:
    """Return the moments of some values of a channel."""
    finite = [one for one in values if isinstance(one, Fraction)]
    nan = sum(math.isnan(one) for one in values)
    cell = moments.cell_of_fractions(finite)
    scaled = not exact and bool(channel.noise)
    return replace(cell, nan=nan, inf=len(values) - len(finite) - nan, noise=channel.noise, exact=exact, scaled=scaled)


def start_of(length: int, size: int) -> int | None:
    """Return where a patch begins along an axis if only one place is possible: the smaller half of padding in front."""
    return -((size - length) // 2) if size >= length else None


def patch(
    values: dict[tuple[int, int, int], Value], shape: Sequence[int], start: Sequence[int], size: Sequence[int], pad: str
) -> list[Value]:
    """Return the values of a patch; outside of the volume there are zeros, or the nearest voxels."""
    found: list[Value] = []
    for x in range(start[0], start[0] + size[0]):
        for y in range(start[1], start[1] + size[1]):
            for z in range(start[2], start[2] + size[2]):
                place = (x, y, z)
                if pad == "edge":
                    place = (_within(x, shape[0]), _within(y, shape[1]), _within(z, shape[2]))
                found.append(values.get(place, Fraction(0)))
    return found


def _within(place: int, length: int) -> int:
    return min(max(place, 0), length - 1)
