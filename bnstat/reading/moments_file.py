"""Moments that were kept: JSON lines, one sample a line, schema `bnstat.moments/1`.

A line says all that an answer needs, so that files can be appended to, resumed after a crash and joined with `cat`.
Floats are written so that reading gives back the same bits. What is undefined is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from math import inf, isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.moments.moments import Moments
from bnstat.preprocessing.samples import Row
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.moments_schema import require_kinds
from bnstat.sources.addresses import Access
from bnstat.sources.layout import Tensor
from bnstat.sources.sample import Patch, Sample
from bnstat.sources.storage import state_of
from bnstat.text import by, plural

SCHEMA = "bnstat.moments/1"


@dataclass(frozen=True)
class Stamp:
    """By what a case is known to be unchanged: bytes and last change of all that it is read from."""

    nbytes: int | None
    mtime_ns: int | None


@dataclass(frozen=True)
class Asked:
    """The settings that moments depend on.

    Attributes:
        axis: the kept axis, as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given; "none" for an array that is one.
        preparation: what voxels went through first.
    """

    axis: int
    batch_axis: int | str | None
    preparation: Preparation


@dataclass(frozen=True)
class Kept:
    """What a line says.

    Attributes:
        row: the sample.
        asked: the settings that it was read with.
        stamp: of its files then.
        place: which sample of its case it is, from 0.
        samples: how many the case has.
    """

    row: Row
    asked: Asked
    stamp: Stamp
    place: int
    samples: int

    @property
    def case(self) -> tuple[str, tuple[str, ...]]:
        """What the lines of one case have in common."""
        return self.row.sample.source, self.row.sample.files


@dataclass(frozen=True)
class KeptMoments:
    """A file of moments.

    Attributes:
        lines: its samples, in order; those of cases that are not complete are left out.
        notes: what was left out, a sentence each.
    """

    lines: tuple[Kept, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its samples as rows of the table."""
        return tuple(line.row for line in self.lines)

    @property
    def preparation(self) -> Preparation:
        """What their voxels went through first."""
        return self.lines[0].asked.preparation


def line_of(kept: Kept) -> str:
    """One sample as a line with its end."""
    row, sample, asked = kept.row, kept.row.sample, kept.asked
    optional = {
        "files": list(sample.files),
        "names": list(sample.channels),
        "repetition": sample.repetition,
        "types": list(row.types),
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
        "place": kept.place,
        "samples": kept.samples,
        "bytes": kept.stamp.nbytes,
        "mtime_ns": kept.stamp.mtime_ns,
        "settings": {"axis": asked.axis, "batch_axis": asked.batch_axis, **asdict(asked.preparation)},
        "channels": list(_channels(row.moments)),
    }
    return json.dumps(fields, allow_nan=False) + "\n"


def _channels(moments: Moments) -> Iterator[dict[str, Any]]:
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
    }
    for cells in zip(*(column.tolist() for column in columns.values()), strict=True):
        cell = dict(zip(columns, cells, strict=True))
        if not cell["count"]:  # its extremes are those that any value replaces
            cell["min"] = cell["max"] = None
        yield {name: value if isfinite(value or 0) else None for name, value in cell.items()}


def parse(line: bytes) -> Kept:
    """A line that was written by `line_of`.

    Raises:
        ValueError: it was not, or is damaged.
    """
    try:
        fields = json.loads(line, parse_constant=_refused)
        schema = fields["schema"]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is no line of {SCHEMA}") from error
    if schema != SCHEMA:
        raise ValueError(f"its schema is {schema!r}, and this version reads {SCHEMA}")
    require_kinds(fields)
    return _kept(fields)


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _kept(fields: Mapping[str, Any]) -> Kept:
    patch = fields.get("patch")
    sample = Sample(
        source=fields["source"],
        index=fields["index"],
        shape=tuple(fields["shape"]),
        dtype=fields["dtype"],
        repetition=fields.get("repetition"),
        files=tuple(fields.get("files", ())),
        channels=tuple(fields.get("names", ())),
        patch=None if patch is None else Patch(tuple(patch["start"]), tuple(patch["size"]), patch["foreground"]),
    )
    tensor = Tensor(tuple(fields["tensor"]), fields["axis"])
    channels = fields["channels"]
    if len(channels) != tensor.channels:
        raise ValueError(f"it has {len(channels)} channels where its tensor has {tensor.channels}")
    settings = fields["settings"]
    asked = Asked(settings["axis"], settings["batch_axis"], _preparation(settings))
    stamp = Stamp(fields["bytes"], fields["mtime_ns"])
    return Kept(
        Row(sample, _moments(channels), tensor, (), tuple(fields.get("types", ()))),
        asked,
        stamp,
        fields["place"],
        fields["samples"],
    )


def _preparation(settings: Mapping[str, Any]) -> Preparation:
    patches = settings.get("patches")
    if patches is not None:
        patches = Patching(**{**patches, "size": tuple(patches["size"])})
    return Preparation(settings.get("intensity"), settings.get("mask"), patches)


def _moments(channels: list[dict[str, Any]]) -> Moments:
    def column(name: str, undefined: float) -> list[Any]:
        return [undefined if cell[name] is None else cell[name] for cell in channels]

    least, most = _extremes(channels)
    return Moments(
        finite=np.array(column("count", 0), np.int64),
        mean=np.array(column("mean", nan), np.float64),
        m2=np.array(column("m2", inf), np.float64),
        minimum=least,
        maximum=most,
        nan=np.array(column("nan", 0), np.int64),
        inf=np.array(column("inf", 0), np.int64),
        mean_tail=np.array(column("mean_tail", 0.0), np.float64),
        varies=np.array(column("varies", 0), np.bool_),
    )


def _extremes(channels: list[dict[str, Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Least and greatest values, of one type; whole numbers stay whole. Those of an empty channel do not matter."""
    ends = [cell["min"] for cell in channels], [cell["max"] for cell in channels]
    known = [value for end in ends for value in end if value is not None]
    kind: Any = np.float64
    neutral = (inf, -inf)
    if known and all(isinstance(value, int) for value in known):
        low, high = min(known), max(known)
        kind = np.int64 if low >= -(2**63) and high < 2**63 else np.uint64 if low >= 0 else object
        neutral = (low, low)
    least, most = (
        np.array([instead if value is None else value for value in end], kind)
        for end, instead in zip(ends, neutral, strict=True)
    )
    return least, most


def stamp_of(files: Iterable[str], access: Access) -> Stamp:
    """How files are now; nothing is known of those that cannot be looked at."""
    sizes, times = zip(*(state_of(file, access) for file in files), strict=True)
    return Stamp(
        None if None in sizes else sum(sizes),
        None if None in times else max(times),
    )


def read_moments(path: str) -> KeptMoments:
    """Read a file of moments.

    Raises:
        InputError: it cannot be read, a line is damaged, samples of one name differ, or there is none.
    """
    found = examine(path)
    if not found.whole:
        raise InputError(path, "holds no complete sample; run bnstat scan again")
    first = found.whole[0][0]
    for kept in chain.from_iterable(found.whole):
        if kept.asked != first.asked:
            raise InputError(
                path,
                f"holds samples of different settings: {differing(first.asked, kept.asked)} of "
                f"{kept.row.sample.title}; scan all of them with one",
            )
    lacking = f"{plural(found.broken, 'case')} {'lacks' if found.broken == 1 else 'lack'} a sample"
    reasons = " and ".join(["its last line has no end"] * found.cut + [lacking] * bool(found.broken))
    notes = (
        [f"{path}: {reasons}, as after a crash, and is left out; bnstat scan --resume completes it"] if reasons else []
    )
    if found.repeated:
        twice = "is there twice and counts" if found.repeated == 1 else "are there twice and count"
        notes.append(f"{path}: {plural(found.repeated, 'line')} {twice} once")
    return KeptMoments(tuple(chain.from_iterable(found.whole)), tuple(notes))


@dataclass(frozen=True)
class Examined:
    """What the lines of a file are.

    Attributes:
        whole: the samples of each case that has all of them, in order.
        broken: cases that lack some.
        repeated: lines that are there more than once.
        cut: whether the last line has no end.
        end: where the last line with an end ends, in bytes.
    """

    whole: tuple[tuple[Kept, ...], ...]
    broken: int
    repeated: int
    cut: bool
    end: int

    @property
    def clean(self) -> bool:
        """Whether every line belongs to a case that is complete, once."""
        return not (self.broken or self.repeated)


def examine(path: str) -> Examined:
    """Read every line.

    Raises:
        InputError: the file cannot be read, a line is damaged, or two samples of one name differ.
    """
    cases: dict[object, dict[int, Kept]] = {}
    repeated = end = 0
    cut = False
    for number, line in enumerate(_lines(path), 1):
        if not line.endswith(b"\n"):
            cut = True
            break
        end += len(line)
        try:
            kept = parse(line)
        except ValueError as error:
            raise InputError(path, f"line {number} holds no moments: {error}; scan again") from error
        known = cases.setdefault(kept.case, {}).setdefault(kept.place, kept)
        repeated += known is not kept
        if known is not kept and line_of(known) != line_of(kept):
            raise InputError(
                path,
                f"line {number} has other moments of {kept.row.sample.title} than a line before it: the file or the "
                "settings changed in between; keep one of them",
            )
    whole = [tuple(found[place] for place in sorted(found)) for found in cases.values() if _complete(found)]
    return Examined(tuple(whole), len(cases) - len(whole), repeated, cut, end)


def _complete(found: Mapping[int, Kept]) -> bool:
    samples = next(iter(found.values())).samples
    return len(found) == samples and max(found) < samples


def _lines(path: str) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (the name as given, so that errors carry it)
            yield from file
    except OSError as error:
        raise InputError(path, f"it cannot be read: {error.strerror}") from error


# What settings of patches are asked for with.
_PATCH_OPTIONS = {
    "size": "--patch",
    "number": "--patches",
    "per_volume": "--per-volume",
    "foreground": "--foreground",
    "labels": "--labels",
    "pad": "--pad",
    "seed": "--seed",
}


def differing(one: Asked, other: Asked) -> str:
    """The first setting in which two differ, as in "--axis 1 and --axis -1"."""
    names = {"axis": "--axis", "batch_axis": "--batch-axis", "intensity": "--intensity", "mask": "--mask"}
    texts = [{"axis": asked.axis, "batch_axis": asked.batch_axis, **vars(asked.preparation)} for asked in (one, other)]
    for name, option in names.items():
        if texts[0][name] != texts[1][name]:
            return " and ".join(f"no {option}" if text[name] is None else f"{option} {text[name]}" for text in texts)
    patches = [asdict(asked.preparation.patches) if asked.preparation.patches else {} for asked in (one, other)]
    for name, option in _PATCH_OPTIONS.items():
        if patches[0].get(name) != patches[1].get(name):
            values = [by(each[name], "x") if name == "size" and name in each else each.get(name) for each in patches]
            return " and ".join(f"no {option}" if value is None else f"{option} {value}" for value in values)
    raise ValueError("they do not differ")
