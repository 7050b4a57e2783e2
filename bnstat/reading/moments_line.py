"""One sample as a line of a moments file: JSON of the schema `bnstat.moments/1`.

A line has all that an answer needs. Floats are written so that reading gives back the same bits. Undefined values are
null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import inf, isfinite
from typing import Protocol, TypeVar

import numpy as np
from msgspec import UnsetType, structs

from bnstat.errors import UsageError
from bnstat.escapes import json_text
from bnstat.moments.exact import sum_residues
from bnstat.moments.extremes import typed
from bnstat.moments.few_values import Distinct
from bnstat.moments.kernels import Array
from bnstat.moments.moments import Moments
from bnstat.preprocessing.clipped_values import ClippedChannels, ClippedValues
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.moments_schema import (
    SCHEMA,
    ChannelFields,
    LineFields,
    PatchFields,
    SelectionFields,
    SettingsFields,
    decode,
)
from bnstat.reading.network_layer import NetworkLayer
from bnstat.reading.scan_settings import ScanSettings
from bnstat.redaction import redacted
from bnstat.sources.addresses import Access
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample
from bnstat.sources.selection import ANY, Selection
from bnstat.sources.storage import state_of

T = TypeVar("T")


@dataclass(frozen=True)
class Stamp:
    """The size and the last change of all files of a case, which tell whether the case has changed; None if unknown."""

    nbytes: int | None
    mtime_ns: int | None


def stamp_of(files: Iterable[str], access: Access) -> Stamp:
    """Return the stamp that files have now."""
    states = [state_of(file, access) for file in files]
    sizes = [size for size, _ in states if size is not None]
    times = [time for _, time in states if time is not None]
    return Stamp(
        sum(sizes) if 0 < len(sizes) == len(states) else None,
        max(times) if 0 < len(times) == len(states) else None,
    )


@dataclass(frozen=True)
class MomentsLine:
    """The contents of a line.

    Attributes:
        row: the sample.
        settings: the settings that it was read with.
        stamp: the stamp of its files at that time.
        place: the number of the sample in its case, from 0.
        samples: the number of samples of the case.
    """

    row: Row
    settings: ScanSettings
    stamp: Stamp
    place: int
    samples: int

    @property
    def case(self) -> tuple[str, tuple[str, ...]]:
        """The name and the files of the case, which all lines of a case share."""
        return self.row.sample.source, self.row.sample.files


def line_of(sample_line: MomentsLine) -> str:
    """Return the text of a line, with its end."""
    row, sample, settings = sample_line.row, sample_line.row.sample, sample_line.settings
    optional = {
        "files": list(sample.files),
        "names": list(sample.channels),
        "repetition": sample.repetition,
        "types": list(row.types),
        "distinct": [None if one is None else asdict(one) for one in row.distinct] if any(row.distinct) else None,
        "patch": None if sample.patch is None else asdict(sample.patch),
    }
    fields = {
        "schema": SCHEMA,
        "source": sample.source,
        "index": sample.index,
        "shape": list(sample.shape),
        "dtype": sample.dtype,
        **{name: value for name, value in optional.items() if value},
        "tensor": list(row.tensor.sample_shape),
        "axis": row.tensor.axis,
        "place": sample_line.place,
        "samples": sample_line.samples,
        "bytes": sample_line.stamp.nbytes,
        "mtime_ns": sample_line.stamp.mtime_ns,
        "settings": settings_fields(settings),
        "channels": list(_channels(row)),
    }
    return json_text(json.dumps(fields, allow_nan=False)) + "\n"


def settings_fields(settings: ScanSettings) -> dict[str, object]:
    """Return the settings as a line has them."""
    return {
        "axis": settings.axis,
        "batch_axis": settings.batch_axis,
        **_preparation(settings.preparation),
        "selection": _selected(settings.selection),
        **({} if settings.network is None else {"network": asdict(settings.network)}),
    }


def _selected(selection: Selection | None) -> dict[str, object] | None:
    """Return what of a selection was asked for; None if nothing was."""
    if selection is None or not selection.asked:
        return None
    return {name: value for name, value in asdict(selection).items() if value}


def _preparation(preparation: Preparation) -> dict[str, object]:
    """Return the settings of the preprocessing; `intensity_per` only if it is not the usual one."""
    fields = asdict(preparation)
    fields["mask"] = fields["mask"] and redacted(fields["mask"])
    if fields["patches"] is not None and fields["patches"]["labels"]:
        fields["patches"]["labels"] = redacted(fields["patches"]["labels"])
    if preparation.intensity_per == "volume":
        del fields["intensity_per"]
    return fields


def _channels(row: Row) -> Iterator[dict[str, int | float | list[int] | None]]:
    clipped = (list(one) for one in row.clipped)
    for cell in _numbers(row.moments):
        yield {**cell, "clipped": next(clipped)} if row.clipped else {**cell}


def _numbers(moments: Moments) -> Iterator[dict[str, int | float | None]]:
    columns = {
        "count": moments.finite,
        "mean": moments.mean,
        "mean_tail": np.where(np.isfinite(moments.mean_tail), moments.mean_tail, 0.0),
        "m2": moments.m2,
        "min": moments.minimum,
        "max": moments.maximum,
        "nan": moments.nan,
        "inf": moments.inf,
        "varies": moments.varies,
        "residue": moments.residue,
    }
    rounded = ~moments.varies & (moments.residue != sum_residues(moments.mean, columns["mean_tail"]))
    for *cells, told in zip(*(column.tolist() for column in (*columns.values(), rounded)), strict=True):
        cell = dict(zip(columns, cells, strict=True))
        if not told:  # mean and mean_tail are the constant, or there is none
            del cell["residue"]
        if not cell["count"]:  # the extremes of no values are placeholders that any value replaces
            cell["min"] = cell["max"] = None
        yield {name: value if isfinite(value or 0) else None for name, value in cell.items()}


def parse(line: bytes) -> MomentsLine:
    """Return the contents of a line that `line_of` wrote.

    Raises:
        ValueError: if the line is damaged, or was edited to something that `line_of` does not write.
    """
    fields = decode(line)
    row = Row(
        sample_of(fields),
        moments_of(fields.channels),
        Tensor(fields.tensor, fields.axis),
        (),
        fields.types,
        clipped=clipped_of(fields),
        distinct=distinct_of(fields),
    )
    stamp = Stamp(fields.bytes, fields.mtime_ns)
    return MomentsLine(row, settings_of(fields.settings), stamp, fields.place, fields.samples)


class Shared(Protocol):
    """A function that is called twice with one value, and returns an equal one that samples can share."""

    def __call__(self, value: T, same: T, /) -> T:
        """Return the value that stands for equal ones."""


def _as_it_is(value: T, _: T, /) -> T:
    return value


def sample_of(fields: LineFields, shared: Shared = _as_it_is) -> Sample:
    """Return the identity of the sample of a line.

    Args:
        fields: the fields of the line.
        shared: returns the value that stands for equal ones.
    """
    names = _given(fields.names, ())
    return Sample(
        source=fields.source,
        index=fields.index,
        shape=shared(fields.shape, fields.shape),
        dtype=shared(fields.dtype, fields.dtype),
        repetition=_given(fields.repetition, None),
        files=_given(fields.files, ()),
        channels=shared(names, names),
        patch=_patch(fields.patch),
    )


def distinct_of(fields: LineFields) -> tuple[Distinct | None, ...]:
    """Return what a line says of distinct values."""
    if not fields.distinct:
        return ()
    return tuple(None if one is None else Distinct(**structs.asdict(one)) for one in fields.distinct)


def clipped_of(fields: LineFields) -> ClippedChannels:
    """Return how many values of each channel of a line a step clips."""
    if isinstance(fields.channels[0].clipped, UnsetType):  # then no channel has it
        return ()
    return tuple(ClippedValues(*one.clipped) for one in fields.channels if not isinstance(one.clipped, UnsetType))


def _given(value: T | UnsetType, absent: T) -> T:
    return absent if isinstance(value, UnsetType) else value


def _patch(fields: PatchFields | UnsetType) -> Patch | None:
    return None if isinstance(fields, UnsetType) else Patch(fields.start, fields.size, fields.foreground)


@lru_cache(maxsize=16)  # the lines of a file share one value
def settings_of(fields: SettingsFields) -> ScanSettings:
    """Return the settings of a line.

    Raises:
        ValueError: if they cannot be used.
    """
    try:
        patches = None if fields.patches is None else Patching(**structs.asdict(fields.patches))
    except UsageError as error:
        raise ValueError(f"settings.patches cannot be used: {error}") from error
    return ScanSettings(
        fields.axis,
        fields.batch_axis,
        Preparation(fields.intensity, fields.mask, patches, fields.intensity_per, recorded=True),
        _selection(fields.selection),
        None if isinstance(fields.network, UnsetType) else NetworkLayer(**structs.asdict(fields.network)),
    )


def _selection(fields: SelectionFields | UnsetType | None) -> Selection | None:
    """Return what was taken of folders; None if the line is of a version that did not write it."""
    if isinstance(fields, UnsetType):
        return None
    try:
        found = ANY if fields is None else Selection(**structs.asdict(fields))
    except UsageError as error:
        raise ValueError(f"settings.selection cannot be used: {error}") from error
    if fields is not None and not found.asked:
        raise ValueError("settings.selection asks for nothing, and is then null")
    return found


def moments_of(channels: tuple[ChannelFields, ...]) -> Moments:
    """Return the moments of a line."""
    least, most = _extremes(channels)
    mean = np.array([inf if channel.mean is None else channel.mean for channel in channels], np.float64)
    tail = np.array([channel.mean_tail for channel in channels], np.float64)
    told = zip(channels, sum_residues(mean, tail).tolist(), strict=True)
    return Moments(
        finite=np.array([channel.count for channel in channels], np.int64),
        mean=mean,
        m2=np.array([inf if channel.m2 is None else channel.m2 for channel in channels], np.float64),
        minimum=least,
        maximum=most,
        nan=np.array([channel.nan for channel in channels], np.int64),
        inf=np.array([channel.inf for channel in channels], np.int64),
        mean_tail=tail,
        varies=np.array([channel.varies for channel in channels], np.bool_),
        residue=np.array([_given(channel.residue, rest) for channel, rest in told], np.int64),
    )


def _end(channel: ChannelFields, end: int | float | None, beyond: float) -> int | float | None:
    """Return an end of the values of a channel; one that is beyond float64 is infinite, None if there are no values."""
    if end is not None or not channel.count:
        return end
    return beyond if channel.varies else inf  # equal values have equal ends, and a line does not keep their sign


def _extremes(channels: tuple[ChannelFields, ...]) -> tuple[Array, Array]:
    """Return the least and the greatest values, all of one type that rounds none of them. Integers stay integers."""
    ends = (
        [_end(channel, channel.min, -inf) for channel in channels],
        [_end(channel, channel.max, inf) for channel in channels],
    )
    known = [value for end in ends for value in end if value is not None]
    dtype = typed(known)
    neutral = (known[0], known[0]) if dtype.kind in "iu" else (inf, -inf)  # those of an empty channel do not matter
    least, most = (
        np.array([instead if value is None else value for value in end], dtype)
        for end, instead in zip(ends, neutral, strict=True)
    )
    return least, most
