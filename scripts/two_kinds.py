"""Two kinds of volumes by numpy: what odd-volume says of a cohort of two scanners, computed without bnstat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def scores(values: Values, least: float) -> Values | None:
    """Return how many robust deviations each value is from the nearer of two kinds; None if there are not two."""
    upper = split(values, least)
    if upper is None:
        return None
    away = np.abs(values[:, None] - [np.median(values[~upper]), np.median(values[upper])]).min(axis=1)
    return np.asarray(away / max(1.4826 * float(np.median(away)), least))


def split(values: Values, least: float) -> NDArray[np.bool_] | None:
    """Return which values are of the upper kind: those above the widest gap with 4 or more on each side.

    None unless the medians are 12 times as far apart as values typically are from their own.
    """
    ordered = np.sort(values)
    gaps = np.diff(ordered)[3:-3]
    if not gaps.size or not gaps.max():
        return None
    upper = values > ordered[3 + gaps.argmax()]
    medians = np.where(upper, np.median(values[upper]), np.median(values[~upper]))
    within = max(1.4826 * float(np.median(np.abs(values - medians))), least)
    return upper if np.ptp(medians) >= 12 * within else None
