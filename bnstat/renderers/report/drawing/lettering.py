"""Text in a picture: what is shown of it, how wide it is, and what is left of it where there is little room."""

from __future__ import annotations

from bnstat import text

# The size of letters in a plot, in the pixels of its 720.
SIZE = 13
LINE = 17

# Parts of the letter size that characters take across in the wider ones of the fonts of systems. A picture must leave
# enough room for all of them, since nobody knows which font a reader has.
_NARROW, _WIDE = frozenset("fijlrt.,:;'|!()[]/ \u00a0"), frozenset("mwMW@%…—×−+=<>±")
_WIDTHS = {"narrow": 0.37, "usual": 0.64, "capital": 0.72, "wide": 0.95}


def shown(content: str) -> str:
    """Return a text with characters that are not seen, and that turn or hide others, as escapes."""
    if content.isprintable():
        return content
    return "\n".join(map(text.sentence, content.split("\n")))


def width(content: str, size: float = SIZE) -> float:
    """Return how wide a text is at most, in pixels."""
    return size * sum(map(_share, content))


def _share(letter: str) -> float:
    if letter in _NARROW:
        return _WIDTHS["narrow"]
    if letter in _WIDE or ord(letter) >= 0x2E80:  # Chinese, Japanese and Korean characters are as wide as they are high
        return _WIDTHS["wide"]
    return _WIDTHS["capital"] if letter.isupper() else _WIDTHS["usual"]


def cut(content: str, room: float, size: float = SIZE) -> str:
    """Return a text that fits into so many pixels: its start and its end, which tell names of files apart."""
    if width(content, size) <= room:
        return content
    kept = len(content) - 1
    while kept > 1:
        short = f"{content[: kept // 3]}…{content[len(content) - (kept - kept // 3) :]}"
        if width(short, size) <= room:
            return short
        kept = min(kept - 1, int(kept * max(room / width(short, size), 0.5)))
    return content[:1] + "…"


def wrapped(content: str, room: float, size: float = SIZE) -> list[str]:
    """Return a text as lines of so many pixels, broken at spaces; a word that is longer is cut."""
    lines: list[str] = []
    for word in content.split(" "):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(cut(word, room, size))
    return lines
