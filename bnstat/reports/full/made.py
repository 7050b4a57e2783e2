"""How a report was made, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Made:
    """How a report was made.

    Attributes:
        command: What to type to make it again, as words of a command line; empty in Python.
        seconds: How long it took, without writing it; None if it was not measured.
        date: The day on which it was made, as in 2026-11-29.
        settings: Each setting that differs from its default, by its option or parameter, as text.
    """

    command: tuple[str, ...] = ()
    seconds: float | None = None
    date: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
