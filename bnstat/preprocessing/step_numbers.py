"""The numbers of a step of `--intensity`, as they are written."""

from __future__ import annotations

from math import isfinite


class WrongError(ValueError):
    """The error in a step, without the name of the step."""


def numbers(given: str, form: str) -> list[float]:
    """Return the numbers with commas between them, of which `form` says how many there are, as in "LO,HI"."""
    parts = given.split(",")
    if len(parts) != form.count(",") + 1 or not given:
        raise WrongError(f"it takes {form}")
    return [number(part) for part in parts]


def number(text: str) -> float:
    """Return a finite number."""
    try:
        found = float(text)
    except ValueError:
        given = text.strip()
        percent = f"; percentile {given.rstrip('%')} is written p{given.rstrip('%')}" if given[-1:] == "%" else ""
        raise WrongError(f"{given!r} is not a number{percent}") from None
    if not isfinite(found):
        raise WrongError(f"{text.strip()!r} is not a finite number")
    return found


def require_order(low: float, high: float) -> None:
    """Raise WrongError if the lower end is above the upper one."""
    if low > high:
        raise WrongError(f"its lower end {low:g} is above its upper end {high:g}")
