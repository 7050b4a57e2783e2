"""The samples that a network is run on: fetched one at a time, each with the volume that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnstat.networks.normalization import Tensors
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.sample import Sample

# A callable that is called after each forward pass: what is being measured, the passes done of it, and all of them.
Progress: TypeAlias = Callable[[str, int, int], None]


class Samples(Protocol):
    """What enters a network, as training would give it.

    - A sample has the network's own order of axes, without the batch axis. Its type is float32.
    - It is fetched each time that it is needed, and is not held by who fetches it.
    """

    @property
    def identities(self) -> Sequence[Sample]:
        """Which file, entry and patch each sample is. Patches of one volume are not independent."""

    @property
    def preparation(self) -> Preparation:
        """What the voxels went through. Its patching says how a batch takes patches of volumes."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, place: int, /) -> Tensors:
        """Return one sample."""


@dataclass(frozen=True, eq=False)
class HeldSamples:
    """Samples that are in memory already.

    Attributes:
        arrays: One array for each sample, in the network's order of axes, without the batch axis.
        identities: Which volume each sample is of.
        preparation: What the voxels went through.
    """

    arrays: Sequence[NDArray[Any]]
    identities: Sequence[Sample]
    preparation: Preparation = UNPREPARED

    @classmethod
    def of(cls, arrays: Sequence[ArrayLike]) -> HeldSamples:
        """Return samples that are independent of each other, named "sample 1" and so on."""
        held = [np.asarray(array, np.float32) for array in arrays]
        named = [Sample(f"sample {place}", None, array.shape, "float32") for place, array in enumerate(held, 1)]
        return cls(held, named)

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, place: int, /) -> Tensors:
        return self.arrays[place]
