"""From the units of the data to pixels: linear, logarithmic, and by category."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite, log10

from bnstat.renderers.report.plots import Axis

# The part of the range of values that is left free at either end.
_MARGIN = 0.04
# Ranges below this part of the values are widened: float64 has no round numbers in between.
_NARROWEST = 1e-12
# Ranges below this one are widened: steps between ticks would be no numbers of full precision.
_LEAST_RANGE = 1e-290
# Pixels that a mark may be outside of a picture; beyond, browsers draw lines in a wrong place.
_FARTHEST = 5000.0
# The ends of a logarithmic axis, and of a linear one.
_LEAST, _GREATEST = 1e-300, 1e300
_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Scale:
    """A scale.

    Attributes:
        axis: The axis that it is of.
        low: The value at its start.
        high: The value at its end.
        start: The pixel of its lower end.
        end: The pixel of its upper end.
    """

    axis: Axis
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float | None) -> float | None:
        """Return the pixel of a value; None for one that is undefined or infinite."""
        if value is None or not isfinite(value):
            return None
        if self.axis.scale == "log":
            value, low, high = (log10(max(one, self.low)) for one in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        share = (value / 2 - low / 2) / (high / 2 - low / 2)  # halves, so that no difference overflows
        pixel = self.start + share * (self.end - self.start)
        return min(max(pixel, -_FARTHEST), _FARTHEST)

    def inside(self, value: float | None) -> bool:
        """Return True if a value is on the scale."""
        return value is not None and self.low <= value <= self.high

    def shows(self, value: float | None) -> bool:
        """Return True if a value is on the scale, or has its place at the lower end of a logarithmic one."""
        return self.inside(value) or (self.axis.scale == "log" and value is not None and value <= 0)

    def pixel(self, value: float | None) -> float | None:
        """Return the pixel of a value, or of the end that it is beyond."""
        if (found := self.at(value)) is None:
            return None
        return min(max(found, min(self.start, self.end)), max(self.start, self.end))

    @property
    def length(self) -> float:
        """The pixels from one end to the other."""
        return abs(self.end - self.start)


def scale_of(axis: Axis, values: Iterable[float], start: float, end: float) -> Scale:
    """Return the scale of an axis on which values have room."""
    known = [value for value in values if value is not None and isfinite(value)]
    if axis.scale == "category":
        count = max(len(axis.names), int(max(known, default=0)) + 1, 1)
        return Scale(axis, -0.5, count - 0.5, start, end)
    low, high = (_logarithmic if axis.scale == "log" else _linear)(axis, known)
    return Scale(axis, low, high, start, end)


def _linear(axis: Axis, known: list[float]) -> tuple[float, float]:
    given = _given(axis)
    low, high = _ends(known, given, (0.0, 1.0))
    size = max(abs(low), abs(high))
    if high - low <= max(size * _NARROWEST, _LEAST_RANGE):
        room = size * 0.1 if high == low else max(size * _NARROWEST * 10, _LEAST_RANGE)
        low, high, given = low - (room or 1.0), high + (room or 1.0), (None, None)
    room = high * _MARGIN - low * _MARGIN  # each by itself, so that no difference overflows
    # all values on one side of zero: zero is the end, not what is beyond it
    padded_low = 0.0 if 0 <= low < room else low - room
    padded_high = 0.0 if -room < high <= 0 else high + room
    start, end = padded_low if given[0] is None else given[0], padded_high if given[1] is None else given[1]
    return max(start, -_LARGEST), min(end, _LARGEST)


def _logarithmic(axis: Axis, known: list[float]) -> tuple[float, float]:
    given = _given(axis)
    low, high = _ends([value for value in known if value > 0], given, (1.0, 10.0))
    low, high = min(max(low, _LEAST), _GREATEST / 10), min(max(high, _LEAST), _GREATEST)
    if high <= low * (1 + _NARROWEST):
        low, high, given = low / 3, high * 3, (None, None)
    room = 10 ** ((log10(high) - log10(low)) * _MARGIN)
    start, end = low / room if given[0] is None else low, high * room if given[1] is None else high
    return max(start, _LEAST / 1e6), min(end, _GREATEST * 1e6)


def _given(axis: Axis) -> tuple[float | None, float | None]:
    """Return the ends that an axis is given, in order; none that a logarithm does not have."""
    usable = [end is not None and isfinite(end) and (end > 0 or axis.scale != "log") for end in (axis.low, axis.high)]
    low, high = axis.low if usable[0] else None, axis.high if usable[1] else None
    return (high, low) if low is not None and high is not None and high < low else (low, high)


def _ends(
    known: list[float], given: tuple[float | None, float | None], default: tuple[float, float]
) -> tuple[float, float]:
    """Return the ends that are given, or those of the values."""
    low = min(known, default=default[0]) if given[0] is None else given[0]
    high = max(known, default=max(default[1], low)) if given[1] is None else given[1]
    return min(low, high), max(low, high)
