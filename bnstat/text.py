"""Numbers and shapes in sentences: the same words in every message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# A space at which no line is broken, as between a number and its unit.
NO_BREAK_SPACE = "\u00a0"


def plural(count: int, word: str, words: str | None = None) -> str:
    """Return a count with its word, as in "1 batch" or "2 batches"."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def beyond(value: float, limit: float, digits: int = 4) -> str:
    """Return a number with so many digits, or with as many more as show that it is beyond the limit."""
    text = ""
    for places in range(digits, 18):
        text = f"{value:,.{places}g}"
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


def capitalized(words: str) -> str:
    """Return words with a capital letter at the start; all others stay as they are."""
    return words[0].upper() + words[1:]


def by(shape: Sequence[int], times: str = " × ") -> str:
    """Return a shape as in "64 × 64 × 32"."""
    return times.join(str(size) for size in shape)


def channel_title(channel: int, names: Sequence[str] = ()) -> str:
    """Return the name of a channel: "channel 1", or "channel 1 (FLAIR)" where channels have names."""
    return f"channel {channel}" + (f" ({names[channel]})" if names else "")


def short_of(declared: int, there: int) -> str:
    """Return the message on a file that has fewer bytes than its header declares, with what to do."""
    return (
        f"the header declares {declared:,} bytes of values, and the file has {there:,}: "
        "it is truncated, or its header is wrong; copy the file again"
    )


def printable(name: str) -> str:
    """Return a name with control characters and undecodable bytes escaped, safe for a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def sentence(message: str) -> str:
    """Return a message safe for a terminal; its no-break spaces stay, which Python does not count as printable."""
    return NO_BREAK_SPACE.join(map(printable, message.split(NO_BREAK_SPACE)))


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Return the known name that a mistyped one is most like, in a list of one; an empty list if none is like it."""
    import difflib  # noqa: PLC0415  (1.8 ms, for a name that is wrong)

    return difflib.get_close_matches(name, list(known), n=1)
