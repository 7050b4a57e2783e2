"""What a line of kept moments has to hold, so that a file that was edited is refused where it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

Kind = Callable[[Any], bool]

# Counts are kept in 64 bits; sizes of axes are far from that, and products of them have to stay in it.
_MOST, _MOST_LONG = 2**63 - 1, 2**40


def require_kinds(fields: Mapping[str, Any]) -> None:
    """Refuse a field of another kind than `moments_file.line_of` writes, or one that is missing.

    Raises:
        ValueError: which, with its value.
    """
    _require(fields, _LINE, "")
    settings, patch = fields["settings"], fields.get("patch")
    _require(settings, _SETTINGS, "settings.")
    if (patch is None) != (settings["patches"] is None):
        raise ValueError("it is of a patch, or its settings are, and not both")
    if patch is not None:
        _require(patch, _PATCH, "patch.")
        _require(settings["patches"], _PATCHES, "settings.patches.")
        if unknown := settings["patches"].keys() - _PATCHES:
            raise ValueError(f"its settings.patches have {min(unknown)}, which this version does not know")
        if len(patch["start"]) != len(patch["size"]):
            raise ValueError(f"its patch.start {patch['start']!r} has other axes than its patch.size {patch['size']!r}")
        if len(fields["shape"]) < len(patch["size"]):
            raise ValueError(f"its shape {fields['shape']!r} has fewer axes than its patch.size {patch['size']!r}")
    if fields["axis"] > len(fields["tensor"]):
        raise ValueError(f"its axis {fields['axis']} is none of its tensor {fields['tensor']!r}")
    if fields["channels"] and len(fields.get("names", fields["channels"])) != len(fields["channels"]):
        raise ValueError(f"its names {_shown(fields['names'])} are not those of its {len(fields['channels'])} channels")
    for place, channel in enumerate(fields["channels"]):
        _require(channel, _CHANNEL, f"channels[{place}].")
        _require_extremes(channel, place)


def _require(fields: Mapping[str, Any], kinds: Mapping[str, Kind], where: str) -> None:
    for name, kind in kinds.items():
        if name not in fields and name not in _OPTIONAL:
            raise ValueError(f"it lacks {where}{name}")
        if name in fields and not kind(fields[name]):
            raise ValueError(f"its {where}{name} cannot be {_shown(fields[name])}")


def _require_extremes(channel: Mapping[str, Any], place: int) -> None:
    """Values have a least and a greatest, and a mean that is not far beyond both; what rounding did is no matter."""
    least, most, mean, tail = (channel[name] for name in ("min", "max", "mean", "mean_tail"))
    if not channel["count"] or None in (least, most):
        return
    if least > most:
        raise ValueError(f"its channels[{place}].min {least!r} is above its max {most!r}")
    for name, value in (("mean", mean), ("mean_tail", tail)):
        if abs(value or 0.0) / 2 > max(abs(least), abs(most)):
            raise ValueError(f"its channels[{place}].{name} {value!r} is beyond its min {least!r} and max {most!r}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _whole(least: int, most: int = _MOST) -> Kind:
    return lambda value: type(value) is int and least <= value <= most


def _number(value: object) -> bool:
    """A finite number."""
    try:
        return type(value) in (int, float) and isfinite(value)  # type: ignore[arg-type]
    except OverflowError:  # a whole number that float64 does not reach
        return False


def _extreme(value: object) -> bool:
    """A value of a volume: whole ones have 64 bits."""
    return _number(value) and (isinstance(value, float) or -(2**63) <= value < 2**64)  # type: ignore[operator]


def _seed(value: object) -> bool:
    return type(value) is int and value >= 0


def _spread(value: object) -> bool:
    return _number(value) and value >= 0  # type: ignore[operator]


def _text(value: object) -> bool:
    return isinstance(value, str)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _table(value: object) -> bool:
    return isinstance(value, dict)


def _absent(value: object) -> bool:
    return value is None


def _either(*kinds: Kind) -> Kind:
    return lambda value: any(kind(value) for kind in kinds)


def _each(kind: Kind, least: int = 0) -> Kind:
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(kind, value))


def _type(value: object) -> bool:
    """A stored type of numbers, by numpy's name."""
    try:
        return isinstance(value, str) and np.dtype(value).kind in "biuf"
    except TypeError:
        return False


def _stated(value: object) -> bool:
    return isinstance(value, str) and bool(value)


_COUNT, _SIZE = _whole(0), _whole(1, _MOST_LONG)
_ANY_WHOLE = _whole(-_MOST)

# What a line has only where there is something to say.
_OPTIONAL = ("files", "names", "repetition", "types", "patch")

_LINE: dict[str, Kind] = {
    "source": _stated,
    "index": _either(_absent, _COUNT),
    "shape": _each(_SIZE),
    "dtype": _stated,
    "files": _each(_stated, 2),
    "names": _each(_text),
    "repetition": _text,
    "types": _each(_type),
    "patch": _table,
    "tensor": _each(_SIZE, 1),
    "axis": _SIZE,
    "place": _COUNT,
    "samples": _SIZE,
    "bytes": _either(_absent, _COUNT),
    "mtime_ns": _either(_absent, _ANY_WHOLE),
    "settings": _table,
    "channels": _each(_table),
}
_SETTINGS: dict[str, Kind] = {
    "axis": _ANY_WHOLE,
    "batch_axis": _either(_absent, _ANY_WHOLE, lambda value: value == "none"),
    "intensity": _either(_absent, _text),
    "mask": _either(_absent, _text),
    "patches": _either(_absent, _table),
}
_PATCH: dict[str, Kind] = {
    "start": _each(_ANY_WHOLE, 1),
    "size": _each(_SIZE, 1),
    "foreground": _either(_absent, _flag),
}
_PATCHES: dict[str, Kind] = {
    "size": _each(_SIZE, 1),
    "number": _SIZE,
    "per_volume": _SIZE,
    "foreground": _either(_absent, _text),
    "labels": _either(_absent, _text),
    "pad": _text,
    "seed": _seed,
}
_CHANNEL: dict[str, Kind] = {
    "count": _COUNT,
    "mean": _either(_absent, _number),
    "mean_tail": _either(_absent, _number),
    "m2": _either(_absent, _spread),
    "min": _either(_absent, _extreme),
    "max": _either(_absent, _extreme),
    "nan": _COUNT,
    "inf": _COUNT,
    "varies": _flag,
}
