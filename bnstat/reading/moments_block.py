"""Lines of a moments file as columns, many at once: the same numbers and the same checks as line by line.

Most lines pass checks of whole arrays that are as strict as those of a line, or stricter. A line that does not pass is
read by itself, so that neither its numbers nor the reason to refuse it depend on the lines around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import UnsetType, structs
from numpy.typing import NDArray

from bnstat.moments.exact import Doubles, Integers, sum_residues
from bnstat.moments.kernels import Array
from bnstat.moments.moments import Moments
from bnstat.reading.moments_line import moments_of
from bnstat.reading.moments_schema import LineFields, require_channels

# Whole numbers up to this size are exact in float64, and sums of three of them in 64 bits.
_EXACT = 2**53


@dataclass(frozen=True)
class Numbers:
    """The moments of lines.

    Attributes:
        found: the places of lines, and their moments, of shape (lines, channels).
        damaged: the places of lines that contradict themselves, each with the reason.
    """

    found: tuple[tuple[list[int], Moments], ...]
    damaged: Mapping[int, ValueError]


def numbers_of(lines: Sequence[LineFields]) -> Numbers:
    """Return the moments of lines, and which lines are damaged."""
    together: dict[int, list[int]] = {}
    for place, line in enumerate(lines):
        together.setdefault(len(line.channels), []).append(place)
    found: list[tuple[list[int], Moments]] = []
    odd: list[int] = []
    for channels, places in together.items():
        for some, columns in _of_one_type(lines, places):
            whole = _whole(*columns)
            if whole is None:
                odd += some
                continue
            moments, fits = whole[0].reshape((-1, channels)), whole[1].reshape(-1, channels).all(axis=1)
            kept = np.flatnonzero(fits)
            odd += [some[at] for at in np.flatnonzero(~fits).tolist()]
            if len(kept) == len(some):
                found.append((some, moments))
            elif len(kept):
                found.append(([some[at] for at in kept.tolist()], moments[kept]))
    damaged: dict[int, ValueError] = {}
    for place in sorted(odd):
        own = lines[place].channels
        try:
            require_channels(lines[place])
            found.append(([place], moments_of(own).reshape((1, len(own)))))
        except ValueError as error:
            damaged[place] = error
    return Numbers(tuple(found), damaged)


def _of_one_type(lines: Sequence[LineFields], places: list[int]) -> Iterator[tuple[list[int], list[tuple[Any, ...]]]]:
    """Yield the columns of all channels of lines, those of lines with extremes of the same types together."""
    columns = _columns(lines, places)
    if len(_types(columns)) == 1:
        yield places, columns
        return
    together: dict[object, list[int]] = {}
    for place in places:
        kinds = frozenset(type(end) for one in lines[place].channels for end in (one.min, one.max))
        together.setdefault(kinds, []).append(place)
    for some in together.values():
        yield some, _columns(lines, some)


def _columns(lines: Sequence[LineFields], places: list[int]) -> list[tuple[Any, ...]]:
    """Return the fields of `ChannelFields` as columns, over the channels of all these lines."""
    return list(zip(*[structs.astuple(one) for place in places for one in lines[place].channels], strict=True))


def _types(columns: Sequence[tuple[Any, ...]]) -> set[type]:
    return {*map(type, columns[4]), *map(type, columns[5])}


def _whole(*columns: tuple[Any, ...]) -> tuple[Moments, NDArray[np.bool_]] | None:
    """Return the moments of channels, and which of these pass all checks; None if each line has to be read by itself.

    Channels without values do not pass, since their extremes are placeholders, nor do those with an undefined number.
    """
    count, mean, tail, m2, low, high, nan, inf, varies, residue, clipped = columns
    kinds = _types(columns)
    if kinds not in ({int}, {float}):
        return None
    try:
        least, most = (np.array(end, np.int64 if kinds == {int} else np.float64) for end in (low, high))
    except OverflowError:  # integers beyond 63 bits
        return None
    counts, nans, infs = (np.array(column, np.int64) for column in (count, nan, inf))
    means, tails, squares = (np.array(column, np.float64) for column in (mean, tail, m2))  # None becomes NaN
    fits = _agree(counts, least, most, means, tails) & np.isfinite(means) & np.isfinite(squares)
    if not {UnsetType} >= set(map(type, clipped)):
        if UnsetType in set(map(type, clipped)):
            return None
        parts = np.array(clipped, np.int64).reshape(-1, 2)
        # a sum of three counts beyond this could exceed 64 bits
        exact = (np.stack([counts, nans, infs, *parts.T]) <= _EXACT).all(axis=0)
        fits &= exact & (parts.sum(axis=1) <= counts + nans + infs)
    residues = sum_residues(means, tails)
    for place in () if {UnsetType} >= set(map(type, residue)) else range(len(residue)):
        if not isinstance(residue[place], UnsetType):
            residues[place] = residue[place]
    return Moments(
        finite=counts,
        mean=means,
        m2=squares,
        minimum=least,
        maximum=most,
        nan=nans,
        inf=infs,
        mean_tail=tails,
        varies=np.array(varies, np.bool_),
        residue=residues,
    ), fits


def _agree(counts: Integers, least: Array, most: Array, means: Doubles, tails: Doubles) -> NDArray[np.bool_]:
    """Return which channels have values, and means and extremes that do not contradict each other."""
    low, high = least.astype(np.float64), most.astype(np.float64)
    furthest = np.maximum(np.abs(low), np.abs(high))
    exact = furthest <= (_EXACT if least.dtype.kind == "i" else np.inf)
    beyond = (np.abs(means) / 2 > furthest) | (np.abs(tails) / 2 > furthest)
    return np.asarray((counts > 0) & exact & (low <= high) & ~beyond)
