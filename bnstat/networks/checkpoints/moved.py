"""How the running statistics of two checkpoints differ, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.audit import Audit, LayerAudit


@dataclass(frozen=True, eq=False)
class LayerMoved:
    """One layer of two checkpoints. A figure is NaN in a channel where it is undefined.

    Attributes:
        before: The layer in the first.
        after: The layer in the second.
    """

    before: LayerAudit
    after: LayerAudit

    @property
    def name(self) -> str:
        """The path of the layer in the first file."""
        return self.before.name

    @cached_property
    def same(self) -> bool:
        """True if both files store the same numbers; NaN is like NaN."""
        one, two = self.before.stored, self.after.stored
        pairs = (
            (one.running_mean, two.running_mean),
            (one.running_variance, two.running_variance),
            (one.scale, two.scale),
            (one.shift, two.shift),
        )
        return all(
            a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True)) for a, b in pairs
        )

    @cached_property
    def mean_moved(self) -> Doubles | None:
        """|mean after − mean before|, in standard deviations of the first: √(variance before + ε)."""
        if self.before.mean is None or self.after.mean is None or self.before.variance is None:
            return None
        with np.errstate(all="ignore"):
            moved = np.abs(self.after.mean - self.before.mean) / np.sqrt(self.before.variance + self.before.epsilon)
        return _finite(moved)

    @cached_property
    def variance_ratio(self) -> Doubles | None:
        """The variance after divided by that before."""
        if self.before.variance is None or self.after.variance is None:
            return None
        with np.errstate(all="ignore"):
            return _finite(self.after.variance / self.before.variance)

    @cached_property
    def scale_moved(self) -> Doubles | None:
        """γ after − γ before."""
        if self.before.stored.scale is None or self.after.stored.scale is None:
            return None
        with np.errstate(all="ignore"):
            return _finite(self.after.stored.scale - self.before.stored.scale)


@dataclass(frozen=True, eq=False)
class Moved:
    """How the layers of two checkpoints differ.

    Attributes:
        layers: The layers of both, in the order of the first.
        only_before: The names of layers that only the first has.
        only_after: The names of layers that only the second has.
        reshaped: The names of layers with other numbers of channels, or with running statistics in one file alone.
    """

    layers: tuple[LayerMoved, ...]
    only_before: tuple[str, ...] = ()
    only_after: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()


def moved(before: Audit, after: Audit) -> Moved:
    """Return how two checkpoints differ.

    If they share no name, names are compared behind the parts that all names of a file begin with, such as
    "network_weights" or "state_dict.model".
    """
    one, two = _matching(before.layers, after.layers)
    both = [name for name in one if name in two]
    alike = [name for name in both if _alike(one[name], two[name])]
    return Moved(
        tuple(LayerMoved(one[name], two[name]) for name in alike),
        tuple(layer.name for name, layer in one.items() if name not in two),
        tuple(layer.name for name, layer in two.items() if name not in one),
        tuple(one[name].name for name in both if name not in alike),
    )


def _matching(
    before: Sequence[LayerAudit], after: Sequence[LayerAudit]
) -> tuple[dict[str, LayerAudit], dict[str, LayerAudit]]:
    """Return the layers by names of which the most are alike, with as much of each name as possible."""
    ways = [(one, two) for one in _by_names(before) for two in _by_names(after)]
    if ways[0][0].keys() & ways[0][1].keys():
        return ways[0]
    return max(ways, key=lambda way: len(way[0].keys() & way[1].keys()))


def _by_names(layers: Sequence[LayerAudit]) -> list[dict[str, LayerAudit]]:
    """Return the layers by their names, and by what follows each of the parts that all of them begin with."""
    parts = [layer.name.split(".") for layer in layers]
    shared = 0
    while all(len(path) > shared + 1 for path in parts) and len({path[shared] for path in parts}) == 1:
        shared += 1
    return [
        {".".join(path[start:]): layer for path, layer in zip(parts, layers, strict=True)}
        for start in range(shared + 1)
    ]


def _alike(before: LayerAudit, after: LayerAudit) -> bool:
    return before.channels == after.channels and (before.variance is None) == (after.variance is None)


def _finite(values: Doubles) -> Doubles:
    return np.where(np.isfinite(values), values, np.nan)
