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
    """Return how two checkpoints differ. If they share no name, names are compared behind what all of a file share."""
    one, two = {layer.name: layer for layer in before.layers}, {layer.name: layer for layer in after.layers}
    if not one.keys() & two.keys():
        one, two = _behind_prefix(before.layers), _behind_prefix(after.layers)
    both = [name for name in one if name in two]
    alike = [name for name in both if _alike(one[name], two[name])]
    return Moved(
        tuple(LayerMoved(one[name], two[name]) for name in alike),
        tuple(layer.name for name, layer in one.items() if name not in two),
        tuple(layer.name for name, layer in two.items() if name not in one),
        tuple(one[name].name for name in both if name not in alike),
    )


def _alike(before: LayerAudit, after: LayerAudit) -> bool:
    return before.channels == after.channels and (before.variance is None) == (after.variance is None)


def _behind_prefix(layers: Sequence[LayerAudit]) -> dict[str, LayerAudit]:
    """Return the layers by their names without the parts in front that all names share."""
    parts = [layer.name.split(".") for layer in layers]
    shared = 0
    while all(len(path) > shared + 1 for path in parts) and len({path[shared] for path in parts}) == 1:
        shared += 1
    return {".".join(path[shared:]): layer for path, layer in zip(parts, layers, strict=True)}


def _finite(values: Doubles) -> Doubles:
    return np.where(np.isfinite(values), values, np.nan)
