"""Numbers in JSON: a value is one only if Python can compute with it."""

from __future__ import annotations

from math import isfinite
from typing import TypeGuard


def is_number(value: object) -> TypeGuard[float]:
    """Return True for a finite number that float64 holds, and that is no truth value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
