"""Several values of `--intensity` in one text, with commas between them, as in 'none,zscore,clip:-1000,1000|zscore'.

Commas also stand between the numbers of a step, so a new value begins only after a comma that a step follows.
"""

from __future__ import annotations

import re

from bnstat.errors import UsageError
from bnstat.preprocessing.by_channel import keyed
from bnstat.preprocessing.steps import parsed

# The words that steps of percentiles take after their numbers.
_WORDS_OF_PERCENTILES = ("nonzero", "mask", "all-channels", "clip")
_WORD = re.compile(r"[A-Za-z][\w-]*")


def listed_steps(text: str) -> tuple[str, ...]:
    """Return the values in a text, in order; an unknown step begins one too, so that a message can name it."""
    found: list[str] = []
    for piece in text.split(","):
        if found and not _begins(piece, found[-1]):
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return tuple(one.strip() for one in found)


def _begins(piece: str, before: str) -> bool:
    """Return True if a piece between commas begins a value, and does not go on with the one before."""
    steps = keyed(piece.partition(";")[0])[1]
    word = _WORD.match(steps)
    if word is None:  # a number, or nothing: the missing end of `clip:0,`, or else refused as a step
        return not steps.strip() and not re.search(r"clip:[^,|;]*$", before)
    rest = steps[word.end() :].lstrip()
    if rest and rest[0] not in ":|":
        return False  # as of p99.5, or of a path
    if rest.startswith(":") or _is_step(word.group()):
        return True
    return not (
        word.group() in _WORDS_OF_PERCENTILES
        or re.fullmatch(r"p\d+", word.group())
        or re.search(r"ct:[^|;]*[^\d\s.,eE+|;-][^|;]*$", before)  # a path with a comma
    )


def _is_step(name: str) -> bool:
    try:
        parsed(name)
    except UsageError:
        return False
    return True
