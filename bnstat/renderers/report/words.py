"""Words of a page for readers who do not know the words of the commands."""

from __future__ import annotations

import re

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers import numbers

_POPULATION = re.compile(r"\b((?:standard deviations|that) of) the population\b")


def share(value: float | None) -> str:
    """Return a share in percent, as sentences and tables write it here: with a space that does not break."""
    return numbers.share(value).replace("%", f"{NO_BREAK_SPACE}%")


def plain(said: str, noun: str) -> str:
    """Return a sentence of a command with "all volumes" for the population that the volumes are a part of."""
    return _POPULATION.sub(rf"\1 all {noun}s", said)
