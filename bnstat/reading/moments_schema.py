"""The fields of a line of a moments file, so that a line that was edited or damaged is refused when it is read.

msgspec checks types and ranges while it parses; checks of one field against another follow here. docs/schema has the
same fields as a JSON schema, with what each of them means.
"""

from __future__ import annotations

import json
import re
from math import isfinite, isinf
from typing import Annotated, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType

SCHEMA, FAILURE_SCHEMA = "bnstat.moments/1", "bnstat.moments-failure/1"

# The fields of one kind of line.
Fields = TypeVar("Fields", bound=Struct)

# Counts are kept in 64 bits; sizes of axes are far from that, and products of them have to stay in it.
_MOST, _MOST_LONG = 2**63 - 1, 2**40

# What numpy calls the types of real numbers.
_TYPES = frozenset(np.dtype(code).name for code in np.typecodes["AllInteger"] + np.typecodes["Float"] + "?")

_Count = Annotated[int, Meta(ge=0, le=_MOST)]
_Size = Annotated[int, Meta(ge=1, le=_MOST_LONG)]
_Whole = Annotated[int, Meta(ge=-_MOST, le=_MOST)]
_Text = Annotated[str, Meta(min_length=1)]
_Sizes = Annotated[tuple[_Size, ...], Meta(min_length=1)]


class ChannelFields(Struct, frozen=True, gc=False):
    """The moments of one channel; undefined ones are None."""

    count: _Count
    mean: float | None
    mean_tail: float
    m2: Annotated[float, Meta(ge=0)] | None
    min: int | float | None
    max: int | float | None
    nan: _Count
    inf: _Count
    varies: bool
    residue: _Count | UnsetType = UNSET
    clipped: tuple[_Count, _Count] | UnsetType = UNSET


class DistinctFields(Struct, frozen=True, gc=False):
    """The distinct values of one channel, all of them whole."""

    count: _Size
    values: _Count
    least: float
    greatest: float
    alike: float | None = None
    steps: float | None = None
    jumps: float | None = None
    declared: bool = False


class PatchFields(Struct, frozen=True, gc=False):
    """The patch that a sample is."""

    start: Annotated[tuple[_Whole, ...], Meta(min_length=1)]
    size: _Sizes
    foreground: bool


class PatchingFields(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The settings by which patches were drawn. One that this version does not know would change their meaning."""

    size: _Sizes
    number: _Size
    per_volume: _Size
    foreground: str | None
    labels: str | None
    pad: str
    seed: Annotated[int, Meta(ge=0)]


class SelectionFields(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What was taken of folders. A field that this version does not know would change what that is."""

    channels: str | None = None
    suffix: str | None = None
    entity: tuple[str, ...] = ()
    each: bool = False
    exclude: tuple[str, ...] = ()


class NetworkFields(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The layer of a network that the moments are of. An unknown field would change its meaning."""

    model: _Text
    weights: _Text | None
    layer: _Text
    mode: Literal["evaluation", "training"]
    batch_size: _Size
    below_batch_norm: bool


class SettingsFields(Struct, frozen=True, gc=False):
    """The settings that the moments depend on."""

    axis: _Whole
    batch_axis: _Whole | Literal["none"] | None
    intensity: str | None
    mask: str | None
    patches: PatchingFields | None
    intensity_per: Literal["volume", "patch"] = "volume"
    selection: SelectionFields | UnsetType | None = UNSET
    network: NetworkFields | UnsetType = UNSET


class LineFields(Struct, frozen=True, gc=False):
    """All fields of a line. Those with a default are written only if there is something to say."""

    schema: Literal["bnstat.moments/1"]
    source: _Text
    index: _Count | None
    shape: tuple[_Size, ...]
    dtype: _Text
    tensor: _Sizes
    axis: _Size
    place: _Count
    samples: _Size
    bytes: _Count | None
    mtime_ns: _Whole | None
    settings: SettingsFields
    channels: tuple[ChannelFields, ...]
    files: Annotated[tuple[_Text, ...], Meta(min_length=2)] | UnsetType = UNSET
    names: tuple[str, ...] | UnsetType = UNSET
    repetition: str | UnsetType = UNSET
    types: tuple[str, ...] = ()
    patch: PatchFields | UnsetType = UNSET
    distinct: tuple[DistinctFields | None, ...] = ()


class FailureFields(Struct, frozen=True, gc=False):
    """All fields of a line on an input that could not be read. Those with a default are written only if there are some.

    `moments_failure` says what they mean.
    """

    schema: Literal["bnstat.moments-failure/1"]
    case: _Text
    source: _Text
    message: _Text
    settings: SettingsFields
    files: Annotated[tuple[_Text, ...], Meta(min_length=2)] = ()
    missing: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(LineFields)
_FAILURE_DECODER = msgspec.json.Decoder(FailureFields)


def decode(line: bytes) -> LineFields:
    """Return the fields of a line.

    Raises:
        ValueError: if the line is not JSON, or a field is missing or has a value that `moments_line.line_of` does not
            write. The message says which field, and its value.
    """
    fields = decode_identity(line)
    require_channels(fields)
    return fields


def decode_identity(line: bytes) -> LineFields:
    """Return the fields of a line whose channels still need `require_channels`, or the same checks on many lines.

    Raises:
        ValueError: as `decode`, for all but contradictions in a channel.
    """
    fields = _decoded_as(_DECODER, SCHEMA, line)
    _require_agreement(fields)
    return fields


def decode_failure(line: bytes) -> FailureFields:
    """Return the fields of a line on an input that could not be read.

    Raises:
        ValueError: if the line is not JSON, or a field is missing or has a value of another type.
    """
    return _decoded_as(_FAILURE_DECODER, FAILURE_SCHEMA, line)


def _decoded_as(decoder: msgspec.json.Decoder[Fields], schema: str, line: bytes) -> Fields:
    """Return the fields of a line of one kind, with the types that they must have.

    Raises:
        ValueError: if the line is not JSON, or a field is missing or has a value of another type.
    """
    try:
        return _decoded(decoder, line)
    except msgspec.ValidationError as error:
        raise ValueError(_explained(str(error), schema, line)) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg.lower()} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def require_channels(fields: LineFields) -> None:
    """Raise ValueError if the numbers of a channel contradict each other."""
    for place, channel in enumerate(fields.channels):
        _require_extremes(channel, place)
        _require_clipped(channel, place, fields.channels[0])


def _decoded(decoder: msgspec.json.Decoder[Fields], line: bytes) -> Fields:
    if not line.isascii():
        line.decode(errors="surrogatepass")  # msgspec does not look into the fields that it skips
    try:
        return decoder.decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The name of a file that is not UTF-8 is written with lone surrogates, which msgspec's parser does not take.
        content = json.loads(line, parse_constant=_finite, parse_float=_finite)
        found: Fields = msgspec.convert(content, decoder.type)
        return found


def _finite(number: str) -> float:
    if not isfinite(float(number)):
        raise ValueError(f"{number} is not a number of JSON")
    return float(number)


def _explained(reason: str, known: str, line: bytes) -> str:
    """Return msgspec's reason with the value of the field: "channels[0].count is '12': expected int, got str"."""
    reason, _, path = reason.replace("`", "").partition(" - at $")
    path = path.removeprefix(".")
    try:
        fields = json.loads(line)
        if isinstance(fields, dict) and (schema := fields.get("schema", known)) != known:
            return f"its schema is {_shown(schema)}, and this version reads {known}"
        found = _found(fields, path)
    except (LookupError, TypeError, ValueError, RecursionError):
        return f"{path or 'it'}: {reason}"
    if reason.startswith("Object "):  # missing required field `…`, contains unknown field `…`
        lacks = reason.replace("Object missing required field", "lacks").replace(
            "Object contains unknown", "has the unknown"
        )
        return f"{path or 'it'} {lacks}"
    return f"{path or 'it'} is {_shown(found)}: {reason[:1].lower()}{reason[1:]}"


def _found(fields: object, path: str) -> object:
    """Return the value at a path such as channels[0].count."""
    for name, place in re.findall(r"(\w+)|\[(\d+)\]", path):
        if isinstance(fields, dict):
            fields = fields[name]
        elif isinstance(fields, list):
            fields = fields[int(place)]
    return fields


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _require_agreement(fields: LineFields) -> None:
    """Raise ValueError if one field contradicts another."""
    patch = fields.patch
    if isinstance(patch, UnsetType) != (fields.settings.patches is None):
        raise ValueError("only one of patch and settings.patches is given, and a patch needs both")
    if not isinstance(patch, UnsetType):
        if len(patch.start) != len(patch.size):
            raise ValueError(f"patch.start {list(patch.start)} has other axes than patch.size {list(patch.size)}")
        if len(fields.shape) < len(patch.size):
            raise ValueError(f"shape {list(fields.shape)} has fewer axes than patch.size {list(patch.size)}")
    if fields.axis > len(fields.tensor):
        raise ValueError(f"axis {fields.axis} is not an axis of tensor {list(fields.tensor)}")
    channels = fields.tensor[fields.axis - 1]
    if len(fields.channels) != channels:
        raise ValueError(f"it has {len(fields.channels)} channels, and its tensor has {channels}")
    if not isinstance(fields.names, UnsetType) and len(fields.names) != channels:
        raise ValueError(f"names {_shown(list(fields.names))} are not those of {channels} channels")
    for name in fields.types:
        if name not in _TYPES:
            raise ValueError(f"types has {name!r}, which is not a type of real numbers")
    _require_distinct(fields, channels)


def _require_distinct(fields: LineFields, channels: int) -> None:
    """Raise ValueError unless the distinct values are those of its channels."""
    if fields.distinct and len(fields.distinct) != channels:
        raise ValueError(f"distinct has {len(fields.distinct)} entries, and it has {channels} channels")
    for place, one in enumerate(fields.distinct):
        if one is not None and (one.least > one.greatest or one.count > max(one.values, 1)):
            raise ValueError(f"distinct[{place}] has ends or counts that contradict each other")


def _require_extremes(channel: ChannelFields, place: int) -> None:
    """Raise ValueError if the least or greatest value is not one of a volume, or the mean is far beyond both."""
    least, most = channel.min, channel.max
    _require_defined(channel, place)
    for name, end in (("min", least), ("max", most)):
        if isinstance(end, int) and not -(2**63) <= end < 2**64:
            raise ValueError(f"channels[{place}].{name} is {_shown(end)}, which is not a number of 64 bits")
    if not channel.count or least is None or most is None:
        return
    if least > most:
        raise ValueError(f"channels[{place}].min {least!r} is above its max {most!r}")
    furthest = max(abs(least), abs(most))
    for name, value in (("mean", channel.mean), ("mean_tail", channel.mean_tail)):
        if value is not None and abs(value) / 2 > furthest:  # what rounding did does not matter
            raise ValueError(f"channels[{place}].{name} {value!r} is beyond its min {least!r} and max {most!r}")


def _require_defined(channel: ChannelFields, place: int) -> None:
    """Raise ValueError if a number is null that is known, or known of no values.

    The ends of values are null only beyond float64, as after a scale factor. Then the mean is null too, unless values
    of both signs make it smaller; and then m2 is.
    """
    ends = {"min": channel.min, "max": channel.max}
    if not channel.count:
        for name, end in ends.items():
            if end is not None:
                raise ValueError(f"channels[{place}].{name} is {end!r}, and there are no values")
        return
    beyond = channel.mean is None or (channel.varies and channel.m2 is None)
    known = [end for end in ends.values() if end is not None]
    for name, end in ends.items():
        # integers are never scaled, and of equal values no end is known if the other is not
        if end is None and not (beyond and all(channel.varies and isinstance(one, float) for one in known)):
            raise ValueError(f"channels[{place}].{name} is null, and there are {channel.count:,} values")
    if channel.mean is None and len(known) == len(ends) and not any(isinf(2.0 * end) for end in known):
        raise ValueError(f"channels[{place}].mean is null, and there are {channel.count:,} values")
    if channel.m2 is None and not channel.varies:
        raise ValueError(f"channels[{place}].m2 is null, and all values are equal")


def _require_clipped(channel: ChannelFields, place: int, first: ChannelFields) -> None:
    """Raise ValueError if more values are clipped than there are, or only some channels say how many are."""
    if isinstance(channel.clipped, UnsetType) != isinstance(first.clipped, UnsetType):
        raise ValueError(f"only one of channels[0] and channels[{place}] has clipped, and a step of either needs both")
    if not isinstance(channel.clipped, UnsetType) and sum(channel.clipped) > channel.count + channel.nan + channel.inf:
        raise ValueError(f"channels[{place}].clipped {list(channel.clipped)} is more than its count")
