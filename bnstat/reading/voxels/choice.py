"""Which volumes are shown as pictures: those that findings are about, and a typical one to compare them with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.moments import Moments
from bnstat.reading.voxels.slices import Asked

# Volumes with findings that are shown. More are not looked at, and a page has to stay small enough to be sent.
MOST_SHOWN = 12
# Channels of a volume that are shown, as many as the usual modalities of a study.
MOST_CHANNELS = 4
# The longest side of a picture in pixels. Of many pictures it shrinks, so that the area of all stays that of so many.
_SIDE, _LEAST_SIDE, _FULL_SIZED = 220, 128, 8
# A volume has three slices of each channel.
_SLICES = 3


@dataclass(frozen=True)
class Suspect:
    """A volume that findings are about.

    Attributes:
        volume: its place.
        channels: the channels that the findings name, the most important first; empty if they name none.
    """

    volume: int
    channels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Shown:
    """The volumes that are shown.

    Attributes:
        channels: the channels of each volume that is shown, by its place.
        typical: the place of the typical volume; None if none can be shown.
        left_out: the number of volumes that findings are about and that are not shown.
        side: the pixels of the longest side of a picture.
    """

    channels: Mapping[int, tuple[int, ...]]
    typical: int | None
    left_out: int
    side: int

    def asked(self, volume: int, sample: int) -> Asked | None:
        """Return the slices that are wanted of a volume, which is this sample of its file; None for none."""
        if volume not in self.channels:
            return None
        return Asked(sample, self.channels[volume], self.side)


def shown_of(volumes: Mapping[int, Moments], suspects: Sequence[Suspect]) -> Shown:
    """Return which volumes are shown.

    Args:
        volumes: the moments of the channels of each volume whose voxels are known, by its place.
        suspects: the volumes that findings are about, the gravest first.
    """
    known = [one for one in suspects if one.volume in volumes]
    typical = typical_of(volumes, {one.volume for one in suspects})
    named: dict[int, tuple[int, ...]] = {}
    for one in known:
        if one.volume in named or len(named) < MOST_SHOWN:
            named[one.volume] = (*named.get(one.volume, ()), *one.channels)
    if typical is not None:
        named.setdefault(typical, tuple(dict.fromkeys(channel for one in known for channel in one.channels)))
    channels = {volume: _some(found, volumes[volume].shape[0]) for volume, found in named.items()}
    number = sum(map(len, channels.values())) * _SLICES
    side = max(min(round(_SIDE * sqrt(_FULL_SIZED / max(number, 1))), _SIDE), _LEAST_SIDE)
    return Shown(channels, typical, len({one.volume for one in known} - channels.keys()), side)


def _some(first: Sequence[int], number: int) -> tuple[int, ...]:
    """Return the channels that are shown of so many: those that are named first, in order."""
    wanted = dict.fromkeys(channel for channel in (*first, *range(number)) if channel < number)
    return tuple(sorted(list(wanted)[:MOST_CHANNELS]))


def typical_of(volumes: Mapping[int, Moments], suspects: Collection[int]) -> int | None:
    """Return the volume whose means and standard deviations are nearest to the medians of all volumes.

    It is one without findings if there is one.
    """
    defined = {place: one for place, one in volumes.items() if (one.finite > 0).all()}
    if not defined:
        return None
    number = Counter(one.shape[0] for one in defined.values()).most_common(1)[0][0]
    places = [place for place, one in defined.items() if one.shape[0] == number]
    with np.errstate(all="ignore"):
        columns = np.array([np.concatenate([defined[one].mean, np.sqrt(defined[one].variance)]) for one in places])
        distances = _distances(columns)
    clean = [at for at, place in enumerate(places) if place not in suspects] or range(len(places))
    return places[min(clean, key=lambda at: distances[at])]


def _distances(columns: NDArray[np.float64]) -> list[float]:
    """Return how far each row is from the medians of the columns, each in median absolute deviations."""
    away = np.abs(columns - np.median(columns, axis=0))
    usual = np.median(away, axis=0)
    usual = np.where(usual > 0, usual, np.where(away.max(axis=0) > 0, away.max(axis=0), 1.0))
    # two volumes may be equally far from the median between them, and then the first one is taken, not by rounding
    return [float(f"{one:.9g}") for one in np.nan_to_num(away / usual, nan=np.inf).sum(axis=1)]
