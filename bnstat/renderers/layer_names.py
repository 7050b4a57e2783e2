"""Names of layers in a table: what all of them share is left out and said once, so that they stay short and apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from bnstat.text import printable

# The part of the width that names may take, and the least that they get.
_PART, _LEAST = 3, 16
# Where a name such as "encoder.0.norm" or "model/bn" is split into parts: after a separator, or before one.
_AFTER, _BEFORE = re.compile(r"(?<=[./])"), re.compile(r"(?=[./])")


@dataclass(frozen=True)
class LayerNames:
    """Names as a table shows them.

    Attributes:
        shown: a name for each layer.
        beginning: what all names begin with and the table leaves out; it may be empty.
        end: what all names end with and the table leaves out; it may be empty.
    """

    shown: tuple[str, ...]
    beginning: str = ""
    end: str = ""

    @property
    def remark(self) -> str:
        """What is left out of the names, as a line below the table; empty if nothing."""
        left_out = [f"{verb} with {part}" for verb, part in (("begin", self.beginning), ("end", self.end)) if part]
        if not left_out:
            return ""
        return f"layer: all names {' and '.join(left_out)}, which {'is' if len(left_out) == 1 else 'are'} left out"


def in_table(every: Sequence[str], chosen: Sequence[str], width: int) -> LayerNames:
    """Return the names of the chosen layers for a table.

    Args:
        every: the names of all layers.
        chosen: those that the table shows.
        width: columns of the terminal.
    """
    return shortened(every, chosen, max(width // _PART, _LEAST))


def shortened(every: Sequence[str], chosen: Sequence[str], most: int) -> LayerNames:
    """Return the chosen names in at most so many characters; in more if two would become alike.

    If one is longer, the parts that the names of all layers share at their beginning and end are left out. Names that
    are still longer are cut in the middle.
    """
    names, shown = [printable(name) for name in every], [printable(name) for name in chosen]
    if max(map(len, shown), default=0) <= most:
        return LayerNames(tuple(shown))
    beginning, end = _shared(names)
    inner = [name[len(beginning) : len(name) - len(end)] for name in shown]
    return LayerNames(tuple(_apart(inner, most)), beginning, end)


def cut(name: str, most: int, end: int | None = None) -> str:
    """Return a name of at most so many characters, whose middle is left out.

    Args:
        name: the name.
        most: characters that it may have.
        end: how many of them are those of its end; half by default.
    """
    kept = most // 2 if end is None else end
    return name if len(name) <= most else f"{name[: most - kept - 1]}…{name[len(name) - kept :]}"


def _shared(names: Sequence[str]) -> tuple[str, str]:
    """Return the whole parts that all names begin with, and those that they end with; something is left of each."""
    if len(set(names)) < 2:
        return "", ""
    beginning = "".join(_same([_AFTER.split(name) for name in names]))
    rest = [name[len(beginning) :] for name in names]
    end = "".join(reversed(_same([_BEFORE.split(name)[::-1] for name in rest])))
    return ("", "") if any(len(name) <= len(end) for name in rest) else (beginning, end)


def _same(names: Sequence[Sequence[str]]) -> list[str]:
    """Return the parts with which all names begin."""
    return [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*names, strict=False))]


def _apart(names: Sequence[str], most: int) -> list[str]:
    """Return names cut in the middle, as short as they can be without two that become alike."""
    for width in range(most, max(map(len, names))):
        for end in (width // 2, width // 3, width // 6, width * 2 // 3, 0):
            found = [cut(name, width, end) for name in names]
            if len(set(found)) == len(set(names)):
                return found
    return list(names)
