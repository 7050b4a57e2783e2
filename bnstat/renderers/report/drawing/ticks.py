"""Ticks at round numbers, few enough that their labels have room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from bnstat import text
from bnstat.renderers.report.drawing.lettering import LINE, SIZE, cut, width
from bnstat.renderers.report.drawing.scales import Scale

# Pixels between two labels side by side.
_GAP = 14
# Numbers that are written out on an axis; others are in powers of ten.
_PLAIN_LOG = (1e-3, 1e5)
_PLAIN_LINEAR = (1e-4, 1e7)
_SMALLER = 10 / SIZE  # the size of an exponent


@dataclass(frozen=True)
class Tick:
    """A tick.

    Attributes:
        value: Where it is.
        text: What is written at it; empty for a tick without a label.
        exponent: The exponent that follows the text, as in 10 to the power of it; empty for none.
        full: The whole text, if only a part of it is written; empty otherwise.
    """

    value: float
    text: str
    exponent: str = ""
    full: str = ""

    @property
    def width(self) -> float:
        """The pixels of its label."""
        return width(self.text) + width(self.exponent, SIZE * _SMALLER)


def ticks_of(scale: Scale, *, across: bool, longest: float = 225.0) -> list[Tick]:
    """Return the ticks of a scale.

    Args:
        scale: the scale.
        across: True if the labels stand side by side, below the axis.
        longest: the pixels that the longest name of a category gets.
    """
    axis = scale.axis
    if axis.scale == "category":
        return _categories(scale, longest, across=across)
    if axis.ticks:
        if axis.names:
            return _named(scale, longest, across=across)
        inside = [value for value in axis.ticks if isfinite(value) and scale.inside(value)]
        log = axis.scale == "log"
        return _thinned([_power(one) if log and not _plain((one,)) else _short(one) for one in inside], scale, across)
    candidates = _log_steps(scale) if axis.scale == "log" else _linear_steps(scale)
    found: list[Tick] = []
    for candidate in candidates:
        if (found := candidate()) and _fit(found, scale, across=across):
            break
    return _thinned(found, scale, across)


def _linear_steps(scale: Scale) -> list[Callable[[], list[Tick]]]:
    """Return ways to set ticks, the finest first."""
    return [partial(_linear, scale.low, scale.high, count) for count in (8, 6, 5, 4, 3, 2)]


def _linear(low: float, high: float, count: int) -> list[Tick]:
    """Return about so many ticks at multiples of 1, 2 or 5 times a power of ten."""
    raw = high / count - low / count
    power = floor(log10(raw))
    steps = [one * 10.0**power for one in (1, 2, 5, 10)]
    step = next((one for one in steps if isfinite(one) and one >= raw * 0.999), steps[0])
    places = range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)
    decimals = max(0, -floor(log10(step) + 1e-9))
    values = [round(place * step, min(decimals, 300)) for place in places]
    greatest = max(map(abs, values), default=0.0)
    if greatest and not _PLAIN_LINEAR[0] <= greatest < _PLAIN_LINEAR[1]:
        exponent = floor(log10(greatest) + 1e-9)
        digits = max(0, exponent - floor(log10(step) + 1e-9))
        return [_scaled(value, exponent, digits) for value in values]
    return [Tick(value, _signed(f"{value:,.{decimals}f}")) for value in values]


def _scaled(value: float, exponent: int, digits: int) -> Tick:
    if value == 0:
        return Tick(value, "0")
    mantissa = value / 10.0**exponent if exponent > -300 else value * 1e300 / 10.0 ** (exponent + 300)
    return Tick(value, f"{_signed(f'{mantissa:.{digits}f}')}×10", _signed(str(exponent)))


def _log_steps(scale: Scale) -> list[Callable[[], list[Tick]]]:
    """Return ways to set ticks: 1, 2 and 5 times powers of ten, powers, and every second, third … of them."""
    first, last = ceil(log10(scale.low) - 1e-9), floor(log10(scale.high) + 1e-9)
    powers = last - first + 1
    ways: list[Callable[[], list[Tick]]] = []
    if powers <= 3:
        between = [one * 10.0**power for power in range(first - 1, last + 1) for one in (1, 2, 5)]
        inside = [value for value in between if scale.inside(value)]
        if len(inside) < 3:
            return _linear_steps(scale)
        ways.append(partial(_log, inside))
        if powers < 2:
            return ways
    return ways + [
        partial(_log, [10.0**power for power in range(first, last + 1) if power % stride == 0])
        for stride in (1, 2, 3, 5, 10, 20, 50, 100, 200)
    ]


def _log(values: Sequence[float]) -> list[Tick]:
    return [_short(value) for value in values] if _plain(values) else [_power(value) for value in values]


def _plain(values: Sequence[float]) -> bool:
    return all(_PLAIN_LOG[0] * 0.999 <= value < _PLAIN_LOG[1] for value in values)


def _short(value: float) -> Tick:
    return Tick(value, _signed(text.short(value)))


def _power(value: float) -> Tick:
    """Return a tick in powers of ten: 10 with its exponent, or so many times that."""
    if value <= 0:
        return _short(value)
    exponent = floor(log10(value) + 1e-9)
    times = f"{value / 10.0**exponent:.3g}"
    return Tick(value, "10" if times == "1" else f"{times}×10", _signed(str(exponent)))


def _signed(number: str) -> str:
    """Return a number with a minus sign in place of a hyphen, and no sign at zero."""
    if not number.strip("-0.,"):
        return number.lstrip("-")
    return number.replace("-", "−")


def _categories(scale: Scale, most: float, *, across: bool) -> list[Tick]:
    """Return a tick for each category; where they are too many, every second, third … has its name."""
    names = scale.axis.names
    slot = scale.length / max(len(names), 1)
    least = 96 if across else LINE - 2
    longest = max((width(name) for name in names), default=0) + 8
    stride = max(1, ceil(min(least, longest if across else least) / slot))
    room = min(stride * slot - 8, most) if across else most
    found = []
    for place, name in enumerate(names):
        written = cut(name, room) if place % stride == 0 else ""
        found.append(Tick(float(place), written, full=name if written != name else ""))
    return found


def _named(scale: Scale, most: float, *, across: bool) -> list[Tick]:
    """Return the ticks that have names in place of numbers."""
    found = [
        Tick(value, written := cut(name, most), full=name if written != name else "")
        for value, name in zip(scale.axis.ticks, scale.axis.names, strict=False)
        if isfinite(value) and scale.inside(value)
    ]
    return _thinned(found, scale, across)


def _fit(ticks: Sequence[Tick], scale: Scale, *, across: bool) -> bool:
    """Return True if no label is over another one."""
    ends = sorted(_extent(tick, scale, across) for tick in ticks)
    return all(one[1] <= other[0] for one, other in pairwise(ends))


def _extent(tick: Tick, scale: Scale, across: bool) -> tuple[float, float]:
    half = (tick.width + _GAP) / 2 if across else LINE
    place = scale.at(tick.value) or 0.0
    return place - half, place + half


def _thinned(ticks: Sequence[Tick], scale: Scale, across: bool) -> list[Tick]:
    """Return ticks of which those keep their label that leave room for the one before."""
    found: list[Tick] = []
    taken: list[tuple[float, float]] = []
    for tick in ticks:
        low, high = _extent(tick, scale, across)
        free = all(high <= other[0] or other[1] <= low for other in taken)
        if free:
            taken.append((low, high))
        found.append(tick if free else Tick(tick.value, "", full=tick.text))
    return found
