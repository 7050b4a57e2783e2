"""The number of values that the steps clip, as a sample keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias


class ClippedValues(NamedTuple):
    """The values of a channel that a step clips. A value that two steps clip counts once, where it is clipped first.

    Attributes:
        low: those that became the lower end.
        high: those that became the upper end.
    """

    low: int
    high: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.low + self.high


# Those of each channel of a sample; nothing if no step clips.
ClippedChannels: TypeAlias = tuple[ClippedValues, ...]


def channels_of(low: Iterable[int], high: Iterable[int]) -> ClippedChannels:
    """Return the numbers of each channel, as plain whole numbers."""
    return tuple(ClippedValues(int(below), int(above)) for below, above in zip(low, high, strict=True))


def together(several: Iterable[ClippedValues]) -> ClippedValues:
    """Return the numbers of several channels or samples together."""
    listed = list(several)
    return ClippedValues(sum(one.low for one in listed), sum(one.high for one in listed))
