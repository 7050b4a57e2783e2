"""Inputs that cannot be read: as a report has them, and as an error where no other is left."""

from __future__ import annotations

from collections.abc import Iterable, Sized

from bnstat.errors import InputError
from bnstat.reports.finding import Failure


def failures_of(errors: Iterable[InputError]) -> tuple[Failure, ...]:
    """Return the errors as a report has them."""
    return tuple(Failure(error.source, error.message, error.missing) for error in errors)


def require_some(samples: Sized, failures: tuple[Failure, ...]) -> None:
    """Refuse an answer about nothing.

    Args:
        samples: what was read.
        failures: what cannot be read.

    Raises:
        InputError: if nothing was read; it names the first input, and counts the others.
    """
    if samples or not failures:
        return
    first, others = failures[0], len(failures) - 1
    also = f" ({others} other {'input' if others == 1 else 'inputs'} cannot be read either)" if others else ""
    raise InputError(first.source, f"{first.message}{also}", first.missing)
