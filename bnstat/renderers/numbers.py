"""Numbers and names as text: one way for every format that a person reads."""

from __future__ import annotations

from math import floor, log10

from bnstat.layers.results import Number

UNDEFINED = "–"


def number(value: Number | None, digits: int = 5) -> str:
    """Return a number with thousands separated, rounded to significant digits, in powers of ten where far from 1."""
    if value is None:
        return UNDEFINED
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**9 else f"{value:.{digits}g}"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{max(digits - 3, 1)}e}"
    decimals = digits - 1 - floor(log10(abs(value)))
    return f"{value:,.{max(decimals, 0)}f}"


def share(value: float | None) -> str:
    """Return a share in percent, never rounded to a bare 0 where it is more."""
    if value is None:
        return UNDEFINED
    if 0 < value < 1e-4:
        return "<0.01%"
    return f"{100 * value:.3g}%"


def variance_of_one(value: float | None) -> str:
    """Return an output variance with six decimals, since it is compared with 1."""
    return UNDEFINED if value is None else f"{value:.6f}"


def ratio(value: float | None) -> str:
    """Return a number with three decimals, as one that is compared with 1."""
    return UNDEFINED if value is None else f"{value:.3f}"


def setting(value: float | None) -> str:
    """Return an epsilon or a momentum as it was given."""
    return UNDEFINED if value is None else f"{value:g}"
