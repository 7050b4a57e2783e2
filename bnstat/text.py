"""Numbers and shapes in sentences: the same words in every message."""

from __future__ import annotations

from collections.abc import Sequence


def plural(count: int, word: str, words: str | None = None) -> str:
    """As in "1 batch", "2 batches"."""
    return f"{count:,} {word if count == 1 else words or word + 's'}"


def samples_of(samples: int, volumes: int | None) -> str:
    """As in "12 samples", or "96 patches of 12 volumes" where samples are patches."""
    if volumes is None:
        return plural(samples, "sample")
    return f"{plural(samples, 'patch', 'patches')} of {plural(volumes, 'volume')}"


def by(shape: Sequence[int], times: str = " × ") -> str:
    """A shape as in "64 × 64 × 32"."""
    return times.join(str(size) for size in shape)


def channel_title(channel: int, names: Sequence[str] = ()) -> str:
    """A channel as in "channel 1", or "channel 1 (FLAIR)" where channels have names."""
    return f"channel {channel}" + (f" ({names[channel]})" if names else "")


def short_of(promised: int, there: int) -> str:
    """What is wrong where a file has fewer bytes than its header says, and what to do."""
    return (
        f"its header promises {promised:,} bytes of values, and the file has {there:,}: "
        "it is truncated, or its header is wrong; copy it again"
    )


def printable(value: object) -> str:
    """Return a name that a file gives, without characters that would move a cursor."""
    return "".join(c if c.isprintable() else "?" for c in str(value)).strip()
