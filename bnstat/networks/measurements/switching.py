"""How much the outputs of a network change if layers use the statistics of each sample itself."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bnstat.networks.normalization import Tensors

# What is counted of outputs: the places whose class changes, or the difference of their values.
Output = Literal["classes", "values"]


class Change:
    """The change of outputs, gathered sample by sample.

    With two output channels or more it is the share of places at which another channel is the largest. With one it is
    the RMS of the difference, relative to the RMS of the outputs that it is a difference from.
    """

    def __init__(self) -> None:
        self._changed = self._of = 0.0
        self._discarded = False
        self.output: Output | None = None

    def add(self, before: Tensors, after: Tensors, *, channels_last: bool) -> None:
        """Add the outputs for a sample, with the batch axis, before and after the switch."""
        axis = -1 if channels_last else 1
        before, after = np.asarray(before), np.asarray(after)
        if before.ndim > 1 and before.shape[axis] > 1:
            self.output = "classes"
            moved = before.argmax(axis) != after.argmax(axis)
            self._changed += float(np.count_nonzero(moved))
            self._of += moved.size
        else:
            self.output = "values"
            doubles = before.astype(np.float64)
            with np.errstate(all="ignore"):
                self._changed += float(((after.astype(np.float64) - doubles) ** 2).sum())
                self._of += float((doubles**2).sum())

    def discard(self) -> None:
        """Give up the change, as of a layer that is switched with some samples and cannot be with others."""
        self._discarded = True

    @property
    def share(self) -> float | None:
        """The change of all outputs so far; None without outputs, if all are 0, one is not finite, or discarded."""
        if self._discarded or self.output is None or not self._of or not np.isfinite(self._changed / self._of):
            return None
        share = self._changed / self._of
        return share if self.output == "classes" else share**0.5
