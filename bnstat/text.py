"""Numbers and shapes in sentences: the same words in every message."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from math import isfinite

from bnstat.escapes import NO_BREAK_SPACE, backslashed

# Expressions are compiled at their first use: `--help` and an answer in JSON do without.
# Spaces that stay in their line: between a number and its unit, a sign and its number, an option and its value.
_NO_UNIT = "a|an|and|as|at|between|by|for|from|has|have|in|instead|is|of|on|or|per|than|that|the|to|where|which|with"
_TOGETHER = (
    rf"(?<=\d) (?=[%×]|(?!(?:{_NO_UNIT})\b)[^\W\d_])"
    r"|(?<=[ερ≤≥<>=×±+−]) (?=[\dε≤≥=])| (?=\+ ε|− [\dε])|epsilon (?=ε)"
    r"|\b(?:about|axis|axes|batch|channels?|level|limit|mean|sample|size) (?=\d)|--[a-z][a-z-]* (?=\w)"
)
_UNIT = r"(?<=\d) (?=%|(?:SD|mm)\b)|(?<=n) (?=− 1\))|(?<=n −) (?=1\))"
# A command between backticks, which stays in its line so that it can be copied: up to this length in any line.
_COMMAND, _SHORT_COMMAND = r"`[^`\n]+`", 32

# Places that are named before the rest is counted.
MOST_PLACES = 12

# Significant digits of numbers that a person reads, and the powers of ten from and below which they are written out.
DIGITS = 4
_WRITTEN_OUT = (-4, 9)


def number(value: float, digits: int = DIGITS) -> str:
    """Return a number for a person: so many significant digits, the whole part never rounded, thousands separated.

    It is written out from 0.0001 up to a billion, as in "0.02695", "237.4" and "93,849", and in powers of ten beyond,
    as in "1.500e-07". Tables and sentences use this one rule, so that a number looks the same in both.
    """
    if value == 0 or not isfinite(value):
        return f"{value:.0f}".replace("-0", "0")
    scientific = f"{value:.{digits - 1}e}"
    exponent = int(scientific.partition("e")[2])  # after rounding: 9.99996 is 10.00
    if not _WRITTEN_OUT[0] <= exponent < _WRITTEN_OUT[1]:
        return scientific
    whole = isinstance(value, int)
    return f"{value:,.{0 if whole else max(digits - 1 - exponent, 0)}f}"


def short(value: float, digits: int = DIGITS) -> str:
    """Return a number by the same rule without the zeros that end its decimals, as a finding says it: 15 for 15.00."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def with_units(line: str) -> str:
    """Return a text with numbers joined to %, SD and mm, and n/(n − 1) to itself, for readers that break lines."""
    return re.sub(_UNIT, NO_BREAK_SPACE, line)


def unbroken(line: str, width: int = _SHORT_COMMAND) -> str:
    """Return a text that can be broken into lines at its spaces: what belongs together has no-break spaces.

    Args:
        line: the text.
        width: columns of a line, which may hold a whole command between backticks and a period.
    """
    joined = re.sub(_TOGETHER, lambda found: found[0][:-1] + NO_BREAK_SPACE, line)
    longest = max(width - 1, _SHORT_COMMAND)
    return re.sub(
        _COMMAND, lambda found: found[0].replace(" ", NO_BREAK_SPACE) if len(found[0]) <= longest else found[0], joined
    )


def plural(count: int, word: str, words: str | None = None) -> str:
    """Return a count with its word, as in "1 batch" or "2 batches"."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def beyond(value: float, limit: float, digits: int = 4) -> str:
    """Return a number with so many digits, or with as many more as show that it is beyond the limit."""
    text = ""
    for places in range(digits, 18):
        text = short(value, places)
        shown, most = float(text.replace(",", "")), float(f"{limit:g}")
        if (shown > most) == (value > limit) and (shown < most) == (value < limit):
            break
    return text


def samples_of(samples: int, volumes: int | None) -> str:
    """Return the number of samples: "12 samples", or "96 patches of 12 volumes" where samples are patches."""
    if volumes is None:
        return plural(samples, "sample")
    return f"{plural(samples, 'patch', 'patches')} of {plural(volumes, 'volume')}"


def listed(parts: Sequence[str]) -> str:
    """Return parts of a sentence as in "a", "a, and b" or "a, b, and c"."""
    return ", and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def joined(names: Sequence[str], word: str = "and") -> str:
    """Return names as in "a", "a and b" or "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def capitalized(words: str) -> str:
    """Return words with a capital letter at the start; all others stay as they are, and so does a symbol as ε."""
    return words[0].upper() + words[1:] if words[0].isascii() else words


def by(shape: Sequence[int], times: str = " × ") -> str:
    """Return a shape as in "64 × 64 × 32"."""
    return times.join(str(size) for size in shape)


def channel_title(channel: int, names: Sequence[str] = ()) -> str:
    """Return the name of a channel: "channel 1", or "channel 1 (FLAIR)" where channels have names."""
    return f"channel {channel}" + (f" ({names[channel]})" if names else "")


def numbered(one: str, several: str, numbers: Iterable[int]) -> str:
    """Return numbers as in "channel 2" or "channels 0–2, 5", the first ones of many; empty where there are none."""
    ordered = sorted(set(numbers))
    return first_ones(one if len(ordered) == 1 else several, list(_runs(ordered))) if ordered else ""


def first_ones(word: str, names: Sequence[str]) -> str:
    """Return a word and the names that it is for, the first ones of many."""
    more = f", … ({len(names) - MOST_PLACES:,} more)" if len(names) > MOST_PLACES else ""
    return f"{word} {', '.join(names[:MOST_PLACES])}{more}"


def _runs(ordered: Sequence[int]) -> Iterator[str]:
    """Yield whole numbers in order, three or more that follow each other as in "0–2"."""
    for _, run in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in run]
        yield from [f"{found[0]}–{found[-1]}"] if len(found) > 2 else map(str, found)


def short_of(declared: int, there: int) -> str:
    """Return the message on a file that has fewer bytes than its header declares, with what to do."""
    return (
        f"the header declares {declared:,} bytes of values, and the file has {there:,}: "
        "it is truncated, or its header is wrong; copy the file again"
    )


def printable(name: str) -> str:
    """Return a name with control characters, undecodable bytes and starts of commands escaped, safe for a terminal."""
    return backslashed(name)


def sentence(message: str) -> str:
    """Return a message safe for a terminal; its no-break spaces stay, which Python does not count as printable."""
    return NO_BREAK_SPACE.join(map(backslashed, message.split(NO_BREAK_SPACE)))


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Return the known name that a mistyped one is most like, in a list of one; an empty list if none is like it.

    Args:
        name: the mistyped name.
        known: the names that exist.
        cutoff: how like it a name must be, from 0 to 1.
    """
    import difflib  # noqa: PLC0415  (1.8 ms, for a name that is wrong)

    def likeness(one: str) -> tuple[float, int]:
        """Return how like it is, and where that decides nothing, how many letters are in the same place."""
        return difflib.SequenceMatcher(None, one, name).ratio(), sum(map(str.__eq__, one, name))

    near = difflib.get_close_matches(name, list(known), n=5, cutoff=cutoff)
    return sorted(near, key=likeness, reverse=True)[:1]
