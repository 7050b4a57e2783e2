"""Transforms of MONAI as steps of `--intensity`: what each of them does, read from MONAI 1.6.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bnstat.sources.json_numbers import is_number

# The arguments of a transform.
Arguments = Mapping[str, object]

# Transforms that change no value and no size, or only the order of voxels.
HARMLESS = (
    *("LoadImage", "EnsureChannelFirst", "AsChannelFirst", "AddChannel", "EnsureType", "ToTensor", "ToDevice"),
    *("CastToType", "SelectItems", "DeleteItems", "Identity", "RandFlip", "RandRotate90", "RandAxisFlip", "Flip"),
    *("ConcatItems", "CopyItems", "FgBgToIndices", "ClassesToIndices", "AsDiscrete", "SaveImage", "SqueezeDim"),
)


class UnreadableError(ValueError):
    """A transform whose arguments mean nothing that can be said as steps."""


def steps_of(name: str, arguments: Arguments) -> str:
    """Return the steps of a transform of intensities.

    Raises:
        UnreadableError: if its arguments are expressions, or ask for what no step does; the text says which.
    """
    return INTENSITIES[name](arguments)


def numbers_of(arguments: Arguments, *names: str) -> list[float]:
    """Return arguments that must be numbers.

    Raises:
        UnreadableError: if one is none.
    """
    found = []
    for name in names:
        value = arguments.get(name)
        if not is_number(value):
            raise UnreadableError(f"its {name} is no number")
        found.append(float(value))
    return found


def _flag(arguments: Arguments, name: str) -> bool:
    value = arguments.get(name, False)
    if not isinstance(value, bool):
        raise UnreadableError(f"its {name} is neither true nor false")
    return value


def _normalized(arguments: Arguments) -> str:
    nonzero = _flag(arguments, "nonzero")
    given = [name for name in ("subtrahend", "divisor") if arguments.get(name) is not None]
    if not given:
        return "zscore-nonzero" if nonzero else "zscore"
    if nonzero or len(given) < 2:
        raise UnreadableError(f"its {given[0]} goes together with a computed number or with nonzero")
    subtrahend, divisor = numbers_of(arguments, *given)
    divisor = divisor or 1.0  # as MONAI divides by 1 in place of 0
    return _line(1 / divisor, -subtrahend / divisor)


def _scaled(arguments: Arguments) -> str:
    if arguments.get("minv", 0.0) is None and arguments.get("maxv", 1.0) is None:
        return _line(1 + numbers_of({"factor": 0.0, **arguments}, "factor")[0], 0.0)
    ends = {"minv": 0.0, "maxv": 1.0, **arguments}
    if ends["minv"] is None or ends["maxv"] is None:
        return "minmax"
    low, high = numbers_of(ends, "minv", "maxv")
    return "minmax" if (low, high) == (0.0, 1.0) else f"minmax:{low!r},{high!r}"


def _ranged(arguments: Arguments) -> str:
    first, last = numbers_of(arguments, "a_min", "a_max")
    if first == last:
        raise UnreadableError("its a_min is its a_max")
    low, high = 0.0, 1.0
    if arguments.get("b_min") is not None and arguments.get("b_max") is not None:
        low, high = numbers_of(arguments, "b_min", "b_max")
    factor = (high - low) / (last - first)
    return _clipped(_line(factor, low - factor * first), arguments)


def _percentiles(arguments: Arguments) -> str:
    if _flag(arguments, "relative"):
        raise UnreadableError("it is relative")
    low, high, first, last = numbers_of(arguments, "lower", "upper", "b_min", "b_max")
    return _clipped(f"scale-percentile:{low!r},{high!r},{first!r},{last!r}", arguments)


def _clip_percentiles(arguments: Arguments) -> str:
    if arguments.get("sharpness_factor") is not None:
        raise UnreadableError("it clips softly (sharpness_factor)")
    low, high = numbers_of(arguments, "lower", "upper")
    return f"clip:p{low!r},p{high!r}"


def _thresholded(arguments: Arguments) -> str:
    (threshold,) = numbers_of(arguments, "threshold")
    if numbers_of({"cval": 0.0, **arguments}, "cval") != [threshold]:
        raise UnreadableError("its cval is another number than its threshold")
    above = "above" not in arguments or _flag(arguments, "above")
    return f"clip:{threshold!r}," if above else f"clip:,{threshold!r}"


def _line(factor: float, offset: float) -> str:
    return f"scale:{factor!r},{offset!r}"


def _clipped(steps: str, arguments: Arguments) -> str:
    """Return steps that end with the clip of `clip=True`, from b_min to b_max."""
    if not _flag(arguments, "clip"):
        return steps
    low, high = arguments.get("b_min"), arguments.get("b_max")
    if low is None and high is None:
        return steps  # which MONAI leaves as it is
    ends = ["" if end is None else repr(numbers_of({"end": end}, "end")[0]) for end in (low, high)]
    return f"{steps}|clip:{','.join(ends)}"


# The transforms of intensities that are known, without the "d" of dictionaries.
INTENSITIES: dict[str, Callable[[Arguments], str]] = {
    "NormalizeIntensity": _normalized,
    "ScaleIntensity": _scaled,
    "ScaleIntensityRange": _ranged,
    "ScaleIntensityRangePercentiles": _percentiles,
    "ClipIntensityPercentiles": _clip_percentiles,
    "ThresholdIntensity": _thresholded,
}
# Those that use one number for all channels unless `channel_wise` is true.
OF_ALL_CHANNELS = ("NormalizeIntensity", "ScaleIntensity", "ScaleIntensityRangePercentiles", "ClipIntensityPercentiles")
