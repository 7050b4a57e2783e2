"""The steps of `--intensity` that take percentiles of the values, as values. docs/how-to/preprocessing.md has sources.

The percentiles are those of numpy's `percentile` with its linear interpolation, over the finite values.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from bnstat.preprocessing.step_numbers import WrongError, number

# The values whose percentiles are taken: all, those that are not 0 at this step, or those inside of the mask.
Region = Literal["all", "nonzero", "mask"]

# The words that may follow the numbers of a step.
_NONZERO, _MASK, _TOGETHER, _CLIPS = "nonzero", "mask", "all-channels", "clip"


@dataclass(frozen=True)
class Percentile:
    """A percentile, from 0 to 100."""

    percent: float


@dataclass(frozen=True)
class PercentileClip:
    """x, but at least `low` and at most `high`; at least one of the two is a percentile, the other may be infinite.

    Attributes:
        low: the lower end.
        high: the upper end.
        region: the values whose percentiles are taken. All values are clipped.
        together: True if the percentiles are those of all channels of a sample together.
    """

    low: Percentile | float
    high: Percentile | float
    region: Region = "all"
    together: bool = False

    @property
    def name(self) -> str:
        """The name of the step."""
        return "clip"

    @property
    def affine(self) -> bool:
        """False: it changes values and not only moments."""
        return False

    @property
    def ends(self) -> tuple[Percentile | float, Percentile | float]:
        """Both ends."""
        return self.low, self.high


@dataclass(frozen=True)
class PercentileScale:
    """(x − a)/(b − a), scaled to the range from `least` to `most`, where a and b are two percentiles.

    Attributes:
        low: the percentile that becomes `least`.
        high: the percentile that becomes `most`.
        least: the value at the lower percentile.
        most: the value at the upper percentile.
        clips: True to clip the result from `least` to `most`.
        region: the values whose percentiles are taken. All values are scaled.
        together: True if the percentiles are those of all channels of a sample together.
    """

    low: Percentile
    high: Percentile
    least: float
    most: float
    clips: bool = False
    region: Region = "all"
    together: bool = False

    @property
    def name(self) -> str:
        """The name of the step."""
        return "scale-percentile"

    @property
    def affine(self) -> bool:
        """True if it clips nothing, so that it changes only moments."""
        return not self.clips

    @property
    def ends(self) -> tuple[Percentile, Percentile]:
        """Both percentiles."""
        return self.low, self.high


def percentile_clip(given: str) -> PercentileClip | None:
    """Return what `clip:pLO,pHI` with its words means; None if no end is a percentile.

    Raises:
        WrongError: if it is wrong.
    """
    parts = [part.strip() for part in given.split(",")]
    ends, words = parts[:2], parts[2:]
    if not any(end.startswith("p") for end in ends):
        if words and all(word in (_NONZERO, _MASK, _TOGETHER) for word in words):
            raise WrongError(f"{words[0]!r} says which percentiles are taken, and no end is one, as in 'clip:p1,p99'")
        return None
    region, together = _told(words, (_NONZERO, _MASK, _TOGETHER))
    if len(ends) != 2:
        raise WrongError("it takes two ends, as in 'clip:p0.5,p99.5'; one of the two may be missing, as in 'clip:,p99'")
    low, high = (_end(text, missing) for text, missing in zip(ends, (-inf, inf), strict=True))
    if isinstance(low, Percentile) and isinstance(high, Percentile):
        _require_percentiles(low, high)
    return PercentileClip(low, high, region, together)


def percentile_scale(given: str) -> PercentileScale:
    """Return what `scale-percentile:LO,HI,A,B` with its words means.

    Raises:
        WrongError: if it is wrong.
    """
    parts = [part.strip() for part in given.split(",")]
    if len(parts) < 4:
        raise WrongError("it takes LO,HI,A,B, two percentiles and what they become, as in 'scale-percentile:1,99,0,1'")
    low, high = (_percentile(text.removeprefix("p")) for text in parts[:2])
    least, most = map(number, parts[2:4])
    words = parts[4:]
    region, together = _told([word for word in words if word != _CLIPS], (_CLIPS, _NONZERO, _MASK, _TOGETHER))
    clips = _CLIPS in words
    _require_percentiles(low, high)
    if least == most:
        raise WrongError(f"every voxel would be {least:g}")
    if clips and least > most:
        raise WrongError(f"nothing can be clipped from {least:g} to {most:g}; leave 'clip' out, or exchange A and B")
    return PercentileScale(low, high, least, most, clips, region, together)


def _told(words: list[str], known: tuple[str, ...]) -> tuple[Region, bool]:
    """Return the region that the words after the numbers name, and whether channels are taken together."""
    for word in words:
        if word not in known:
            raise WrongError(f"{word!r} is not known after the numbers; add {', '.join(known[:-1])} or {known[-1]}")
    if _NONZERO in words and _MASK in words:
        raise WrongError("it takes either nonzero or mask, and not both")
    return ("nonzero" if _NONZERO in words else "mask" if _MASK in words else "all"), _TOGETHER in words


def _end(text: str, missing: float) -> Percentile | float:
    if text.startswith("p"):
        return _percentile(text[1:])
    return number(text) if text else missing


def _percentile(text: str) -> Percentile:
    percent = number(text)
    if not 0 <= percent <= 100:
        raise WrongError(f"a percentile is a number from 0 to 100, and not {percent:g}")
    return Percentile(percent)


def _require_percentiles(low: Percentile, high: Percentile) -> None:
    if low.percent >= high.percent:
        raise WrongError(f"its lower percentile {low.percent:g} is not below its upper one {high.percent:g}")
