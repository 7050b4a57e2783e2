"""The steps of `--intensity` as values. Their formulas and their sources are in docs/how-to/preprocessing.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeGuard

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.step_numbers import WrongError, number, numbers, require_order
from bnstat.sources.documents import WRONG_FIELDS, read_json
from bnstat.sources.regular import is_file
from bnstat.text import closest

if TYPE_CHECKING:  # what takes milliseconds, and few steps need
    from bnstat.preprocessing.percentile_steps import PercentileClip, PercentileScale
    from bnstat.sources.volume import Volume

# The key in nnU-Net's dataset_fingerprint.json and in its plans; it has a table for each channel.
_PROPERTIES = "foreground_intensity_properties_per_channel"
# The numbers that CTNormalization reads from each table, in the order of `ct:LO,HI,MEAN,SD`.
_CT_KEYS = ("percentile_00_5", "percentile_99_5", "mean", "std")
# nnU-Net divides by this if the deviation is smaller (default_normalization_schemes.py, for float32).
_LEAST_DEVIATION = 1e-8

# How steps are written, in the order in which a message lists them.
_FORMS = (
    "none",
    "minmax",
    "minmax:A,B",
    "zscore",
    "zscore:mask",
    "zscore-nonzero",
    "zscore-nonzero-all",
    "zscore-nonzero-filled",
    "rescale_to_0_1",
    "noNorm",
    "scale:A,B (A·x + B)",
    "clip:LO,HI (pN: percentile N)",
    "scale-percentile:LO,HI,A,B",
    "ct:LO,HI,MEAN,SD",
    "ct:FILE",
)


# The values that a mean and a deviation are of.
Over = Literal["all", "nonzero", "mask", "filled"]


@dataclass(frozen=True)
class Minmax:
    """(x − min)/(max − min), scaled to the range from `low` to `high`.

    Attributes:
        low: what the least value becomes, and a constant.
        high: what the greatest value becomes.
        least_span: what is divided by if the values span less.
    """

    low: float = 0.0
    high: float = 1.0
    least_span: float = 0.0


@dataclass(frozen=True)
class Zscore:
    """(x − mean)/deviation, with the mean and the deviation of the values that `over` names.

    Attributes:
        name: the name of the step.
        over: "all" values; those that are not 0 ("nonzero") at this step; those inside the mask of `--mask` ("mask"),
            or inside nnU-Net's own mask ("filled"), which is where any channel of the file is not 0, with holes filled.
        everywhere: True if the step changes all values; otherwise those that are not meant stay, or become, 0.
        least_deviation: what is divided by if the deviation is smaller and not 0.
    """

    name: str = "zscore"
    over: Over = "all"
    everywhere: bool = True
    least_deviation: float = 0.0


@dataclass(frozen=True)
class Scale:
    """`factor`·x + `offset`."""

    factor: float
    offset: float


@dataclass(frozen=True)
class Clip:
    """x, but at least `low` and at most `high`, either of which may be infinite."""

    low: float
    high: float


@dataclass(frozen=True)
class Ct:
    """x clipped from `low` to `high`, then (x − mean)/deviation, all four being numbers of a whole data set.

    Attributes:
        channels: low, high, mean and deviation of each channel; one entry for all channels if `everywhere`.
        everywhere: True if the numbers were given, and hold for every channel.
        source: the file that the numbers were read from, else "".
    """

    channels: tuple[tuple[float, float, float, float], ...]
    everywhere: bool = True
    source: str = ""


Step: TypeAlias = "Minmax | Zscore | Scale | Clip | Ct | PercentileClip | PercentileScale"


def parsed(text: str | None) -> tuple[Step, ...]:
    """Return the steps in the order in which they are taken.

    Raises:
        UsageError: if a step is not known, or its numbers are wrong; the message names the step.
    """
    if text is None:
        return ()
    found = (_step(one.strip()) for one in text.split("|"))
    return tuple(step for step in found if step is not None)


def passes(steps: Sequence[Step], for_percentiles: int = 2, *, patches: bool = False) -> int:
    """Return how often the voxels of a volume are read if they go through these steps.

    Args:
        steps: the steps.
        for_percentiles: the passes of a search for percentiles, as `percentile_passes` returns them.
        patches: True if patches are then cut out of the volume, which reads it again.
    """
    number, known = 0, False  # known: the moments of the values so far, which an affine step changes without a pass
    for step in steps:
        if isinstance(step, Zscore) and step.over in ("nonzero", "filled"):
            number, known = number + 1, True
        elif isinstance(step, (Zscore, Minmax)):
            number, known = number + (not known), True
        elif takes_percentiles(step):
            number, known = number + for_percentiles, known and step.affine
        else:
            known = known and isinstance(step, Scale)
    return number + (patches or not known) + any(map(needs_filled, steps))


def needs_filled(step: Step) -> bool:
    """Return True if a step needs nnU-Net's mask, which takes a pass over all channels of a case."""
    return isinstance(step, Zscore) and step.over == "filled"


def percentile_passes(volume: Volume) -> int:
    """Return the passes that a search for percentiles is announced to take: 1 for 8- and 16-bit integers, else 2.

    A search may need more, as for many equal values of 64 bits; these are not announced.
    """
    return 1 if volume.dtype.kind in "iub" and volume.dtype.itemsize <= 2 else 2


def takes_percentiles(step: Step) -> TypeGuard[PercentileClip | PercentileScale]:
    """Return True if a step takes percentiles of the values."""
    return hasattr(step, "ends")


def of_mask(steps: Sequence[Step]) -> str | None:
    """Return the name of the first step that takes its statistics inside of the mask; None if none does."""
    for step in steps:
        if isinstance(step, Zscore) and step.over == "mask":
            return "zscore:mask"
        if takes_percentiles(step) and step.region == "mask":
            return f"{step.name}:…,mask"
    return None


def _step(text: str) -> Step | None:
    name, colon, rest = text.partition(":")
    known: dict[str, Callable[[str], Step | None]] = {
        "none": _no_step,
        "noNorm": _no_step,
        "minmax": _minmax,
        "rescale_to_0_1": lambda given: _bare(Minmax(least_span=_LEAST_DEVIATION), given),
        "zscore": _zscore,
        "zscore-nonzero": lambda given: _bare(Zscore(name, "nonzero", everywhere=False), given),
        "zscore-nonzero-all": lambda given: _bare(Zscore(name, "nonzero"), given),
        "zscore-nonzero-filled": lambda given: _bare(_filled_zscore(), given),
        "scale": _scale,
        "clip": _clip,
        "scale-percentile": _scale_percentile,
        "ct": _ct,
    }
    if name not in known:
        near = closest(name.lower(), known)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise UsageError(
            f"`intensity`: step {text!r} is not known{hint} Steps are {', '.join(_FORMS[:-1])} and "
            f"{_FORMS[-1]}, with | between them, as in 'clip:-1000,1000|zscore'"
        )
    try:
        if colon and not rest:
            raise WrongError("nothing follows the colon")
        return known[name](rest)
    except WrongError as error:
        forms = " or ".join(form for form in _FORMS if re.split(r"[: ]", form)[0] == name)
        raise UsageError(f"`intensity`: step {text!r} is wrong: {error}; the step is {forms}") from error


def _no_step(given: str) -> None:
    if given:
        raise WrongError("it takes no numbers")


def _zscore(given: str) -> Step:
    if given not in ("", "mask"):
        raise WrongError("it takes nothing, or 'mask' for the statistics inside the mask")
    return Zscore("zscore:mask", "mask") if given else Zscore()


def _filled_zscore() -> Zscore:
    return Zscore("zscore-nonzero-filled", "filled", everywhere=False, least_deviation=_LEAST_DEVIATION)


def _bare(step: Minmax | Zscore, given: str) -> Step:
    _no_step(given)
    return step


def _minmax(given: str) -> Step:
    if not given:
        return Minmax()
    low, high = numbers(given, "A,B")
    if low == high:
        raise WrongError(f"every voxel would be {low:g}")
    return Minmax(low, high)


def _scale(given: str) -> Step:
    factor, offset = numbers(given, "A,B")
    if factor == 0:
        raise WrongError(f"every voxel would be {offset:g}")
    return Scale(factor, offset)


def _clip(given: str) -> Step:
    if any(part.strip()[:1].isalpha() for part in given.split(",")):
        from bnstat.preprocessing.percentile_steps import percentile_clip  # noqa: PLC0415  (milliseconds, and rare)

        percentiles = percentile_clip(given)
        if percentiles is not None:
            return percentiles
    ends = given.split(",")
    if len(ends) != 2 or not any(end.strip() for end in ends):
        raise WrongError("it takes LO,HI; one of the two may be missing, as in 'clip:0,'")
    low, high = (number(end) if end.strip() else nothing for end, nothing in zip(ends, (-inf, inf), strict=True))
    require_order(low, high)
    return Clip(low, high)


def _scale_percentile(given: str) -> Step:
    from bnstat.preprocessing.percentile_steps import percentile_scale  # noqa: PLC0415  (milliseconds, and rare)

    return percentile_scale(given)


def _ct(given: str) -> Step:
    if _is_file(given):
        return _ct_of_file(given)
    try:
        low, high, mean, deviation = numbers(given, "LO,HI,MEAN,SD")
    except WrongError as error:
        raise WrongError("it takes LO,HI,MEAN,SD or a file of nnU-Net, and there is no such file") from error
    return Ct((_ct_channel(low, high, mean, deviation),))


def _is_file(name: str) -> bool:
    return is_file(name)  # False for impossible names


def _ct_channel(low: float, high: float, mean: float, deviation: float) -> tuple[float, float, float, float]:
    require_order(low, high)
    if deviation < 0:
        raise WrongError(f"a standard deviation of {deviation:g} is below 0")
    return low, high, mean, max(deviation, _LEAST_DEVIATION)


def _ct_of_file(path: str) -> Step:
    """Read the properties of each channel that nnU-Net found in the foreground of a data set."""
    try:
        document: Any = read_json(path, "give nnU-Net's dataset_fingerprint.json or nnUNetPlans.json")
        properties = document[_PROPERTIES]
        rows = [[_finite(properties[str(channel)][key]) for key in _CT_KEYS] for channel in range(len(properties))]
    except InputError as error:
        raise WrongError(error.message) from error
    except WRONG_FIELDS as error:
        raise WrongError(
            f"the file has no {_PROPERTIES} with {', '.join(_CT_KEYS)} for each channel; "
            "give nnU-Net's dataset_fingerprint.json or nnUNetPlans.json"
        ) from error
    if not rows:
        raise WrongError(f"{_PROPERTIES} is empty in this file")
    channels = tuple(_ct_channel(low, high, mean, deviation) for low, high, mean, deviation in rows)
    return Ct(channels, everywhere=False, source=path)


def _finite(value: object) -> float:
    """Return a value of JSON if it is a finite number, else raise ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(value)
    return float(value)
