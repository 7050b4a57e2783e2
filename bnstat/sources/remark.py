"""What is odd about a file that is read all the same, and the notes on many such files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bnstat.text import plural


@dataclass(frozen=True)
class Remark:
    """An oddity of one file.

    Attributes:
        text: what it is and what that means, without the name of the file: alike for all files of which it is true.
        mend: a command that mends the file; an empty text if there is none.
    """

    text: str
    mend: str = ""


def notes_of(told: Iterable[tuple[str, str | Remark]]) -> list[str]:
    """Return each remark once, with the first of the files that it holds for.

    Args:
        told: files, each with a remark on it, or with the text of one.
    """
    gathered: dict[str, dict[str, Remark]] = {}
    for source, one in told:
        remark = one if isinstance(one, Remark) else Remark(one)
        gathered.setdefault(remark.text, {}).setdefault(source, remark)
    return [_note(text, files) for text, files in gathered.items()]


def _note(text: str, files: dict[str, Remark]) -> str:
    source, first = next(iter(files.items()))
    more = len(files) - 1
    counted = f" and {plural(more, 'more file')}" if more else ""
    mend = f"; to mend {'the first' if more else 'it'}, type: {first.mend}" if first.mend else ""
    return f"{source}{counted}: {text}{mend}"
