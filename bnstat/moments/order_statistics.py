"""Order statistics of values that are read in passes and never held as a whole. They are exact, in bounded memory.

Each value becomes a key: an unsigned whole number, so that keys have the order of their values. A pass counts the keys
of a span by their next bits, at most 16. Then each wanted rank lies in one bin, which is the span of the next pass:

- 8- and 16-bit integers: one pass, which counts each value.
- 32-bit types: two passes. Types of 64 bits: at most four.
- As soon as few values are left in all spans, the next pass holds these in place of counting, and is the last.

If there are very many groups, a pass counts fewer bits for each, so that its counters stay in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bnstat.moments.kernels import Array, Scalar

# Bits that a pass counts, at most; and counters of all spans together, at most: 32 MiB of them.
_MOST_BITS, _MOST_COUNTERS = 16, 1 << 22
# Values that are held in place of another pass that counts: 8 MiB of them at most.
_MOST_HELD = 1 << 20


def key_bits(dtype: DTypeLike) -> int:
    """Return the number of bits of the keys of a native type."""
    return min(np.dtype(dtype).itemsize, 8) * 8


def keys_of(values: Array) -> Array:
    """Return the keys of whole numbers, or of floats that are not NaN. Of zeros, the negative one comes first."""
    values = _without_extended(values)
    kind, size = values.dtype.kind, values.dtype.itemsize
    unsigned, top = np.dtype(f"u{size}"), 1 << (8 * size - 1)
    bits: Array = np.ascontiguousarray(values).view(unsigned)
    if kind == "u":
        return bits
    if kind == "i":
        return np.asarray(bits ^ unsigned.type(top))
    # a negative float has all bits reversed, any other one only its sign
    reverse = (bits.view(f"i{size}") >> (8 * size - 1)).view(unsigned) | unsigned.type(top)
    return np.asarray(bits ^ reverse)


def _without_extended(values: Array) -> Array:
    """Return values whose keys have 64 bits at most."""
    return values.astype(np.float64) if values.dtype.kind == "f" and values.dtype.itemsize > 8 else values


def _counts_of_first_bits(values: Array, step: int) -> NDArray[np.int64]:
    """Return how many keys begin with each of so many bits, without making the keys."""
    size = values.dtype.itemsize
    bits = np.ascontiguousarray(values).view(np.dtype(f"u{size}"))
    counts = np.bincount((bits >> (8 * size - step)).astype(np.intp, copy=False), minlength=1 << step)
    if values.dtype.kind == "u":
        return counts
    # What begins with a one is negative: it comes first, and of floats the greatest magnitude is the least value.
    positive, negative = np.split(counts, 2)
    return np.concatenate((negative if values.dtype.kind == "i" else negative[::-1], positive))


def value_of(key: int, dtype: DTypeLike) -> float:
    """Return the value of a key, in float64."""
    return float(_native(key, dtype))


def _native(key: int, dtype: DTypeLike) -> Scalar:
    """Return the value of a key in its own type, or in float64 if that is longer."""
    kind = np.dtype(dtype)
    kind = np.dtype(np.float64) if kind.itemsize > 8 else kind
    unsigned, top = np.dtype(f"u{kind.itemsize}"), 1 << (8 * kind.itemsize - 1)
    if kind.kind == "i":
        key ^= top
    elif kind.kind == "f":
        key ^= top if key & top else (top << 1) - 1
    return cast(Scalar, np.array(key, unsigned).view(kind)[()])


@dataclass(eq=False)
class _Span:
    """The keys of a group that begin with some bits.

    Attributes:
        group: the group.
        first: the least of these keys.
        width: the number of bits that are open.
        before: the number of keys of the group that are less.
        inside: the number of keys that are in the span.
        ranks: the wanted ranks that are in it.
        counts: how many keys have each of the next bits, while a pass counts.
        held: the keys themselves, if a pass holds them.
    """

    group: int
    first: int
    width: int
    before: int = 0
    inside: int = 0
    ranks: list[int] = field(default_factory=list)
    counts: NDArray[np.int64] | None = None
    held: list[Array] = field(default_factory=list)

    def keys_in(self, values: Array) -> Array:
        """Return the keys of those values whose keys are in the span."""
        ends = [_native(key, values.dtype) for key in (self.first, self.first + (1 << self.width) - 1)]
        if values.dtype.kind == "f":  # beyond the infinities are the keys of NaN, which no value has
            ends = [
                values.dtype.type(inf) if np.isnan(end) else end
                for end, inf in zip(ends, (-np.inf, np.inf), strict=True)
            ]
        keys = keys_of(values[(values >= ends[0]) & (values <= ends[1])])
        # of zeros, only those with the sign
        return np.asarray(keys[keys >> self.width == self.first >> self.width])


class OrderStatistics:
    """The order statistics of some groups of values. Give all values to `count`, then call `advance`, until `done`.

    Args:
        groups: the numbers of the groups.
        bits: the number of bits of a key.
        wanted: a callable that returns the ranks (from 0) that are wanted of so many values. It is called after the
            first pass, and not for a group without values.
    """

    def __init__(self, groups: Iterable[int], bits: int, wanted: Callable[[int], Iterable[int]]) -> None:
        self._bits, self._wanted = bits, wanted
        self._lock = threading.Lock()
        self._holds = False
        self.sizes: dict[int, int] = {}
        self.keys: dict[tuple[int, int], int] = {}
        self._spans: dict[int, list[_Span]] = {}
        self._open([_Span(group, 0, bits) for group in groups])

    @property
    def done(self) -> bool:
        """True if every wanted key is known: `sizes` has the values in each group, `keys` a key for (group, rank)."""
        return not self._spans

    def count(self, group: int, values: Array) -> None:
        """Count the keys of some values of a group: whole numbers, or floats but NaN. Any thread may call it."""
        if not values.size:
            return
        values = _without_extended(values)
        for span in self._spans.get(group, ()):
            step = self._step(span.width)
            if span.width == self._bits:
                self._add(span, _counts_of_first_bits(values, step))
                continue
            keys = span.keys_in(values)
            if self._holds:
                with self._lock:
                    span.held.append(keys)
            elif keys.size:
                bins = (keys & keys.dtype.type((1 << span.width) - 1)) >> (span.width - step)
                self._add(span, np.bincount(bins.astype(np.intp, copy=False), minlength=1 << step))

    def _add(self, span: _Span, counts: NDArray[np.int64]) -> None:
        with self._lock:
            span.counts = counts if span.counts is None else np.add(span.counts, counts, out=span.counts)

    def advance(self) -> None:
        """Narrow the spans down after a pass over all values."""
        spans = [span for some in self._spans.values() for span in some]
        if self._holds:
            for span in spans:
                self._settle(span)
            self._spans = {}
            return
        narrow: list[_Span] = []
        for span in spans:
            narrow += self._narrowed(span)
        self._holds = sum(span.inside for span in narrow) <= _MOST_HELD
        self._open(narrow)

    def _open(self, spans: Sequence[_Span]) -> None:
        """Begin a pass over these spans."""
        most = (_MOST_COUNTERS // max(len(spans), 1)).bit_length() - 1
        self._most = min(max(most, 1), _MOST_BITS)
        self._spans = {}
        for span in spans:
            self._spans.setdefault(span.group, []).append(span)

    def _step(self, width: int) -> int:
        """Return how many bits of a span a pass counts."""
        return min(width, self._most)

    def _narrowed(self, span: _Span) -> list[_Span]:
        """Return the bins of a span that have wanted ranks; note down those of a single key."""
        if span.counts is None:
            return []
        upto = np.cumsum(span.counts)
        if span.width == self._bits:
            self.sizes[span.group] = int(upto[-1])
            span.ranks = sorted(set(self._wanted(int(upto[-1]))))
        width = span.width - self._step(span.width)
        found: dict[int, _Span] = {}
        for rank in span.ranks:
            place = int(np.searchsorted(upto, rank - span.before, side="right"))
            first = span.first + (place << width)
            if not width:
                self.keys[span.group, rank] = first
                continue
            inside = int(span.counts[place])
            before = span.before + int(upto[place]) - inside
            found.setdefault(place, _Span(span.group, first, width, before, inside)).ranks.append(rank)
        return list(found.values())

    def _settle(self, span: _Span) -> None:
        """Note down the wanted keys of a span whose keys are held."""
        keys = np.concatenate(span.held)
        places = [rank - span.before for rank in span.ranks]
        keys.partition(places)
        for rank, place in zip(span.ranks, places, strict=True):
            self.keys[span.group, rank] = int(keys[place])
