"""The slots of a batch of patches: from which volume each takes a patch, and whether it is forced to be foreground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstat.batch_size.draws import Indices
from bnstat.moments.moments import Doubles


@dataclass(frozen=True)
class Slots:
    """The slots of a batch, B of them.

    Attributes:
        volumes: the volume of the batch that each takes a patch from, 0 … V − 1; shape (B,).
        kinds: 1 where the patch has to be around foreground, 0 where not; shape (B,).
    """

    volumes: Indices
    kinds: Indices

    @property
    def batch_size(self) -> int:
        """The number B of patches in a batch."""
        return len(self.volumes)

    @property
    def distinct(self) -> int:
        """The number V of volumes that a batch takes."""
        return int(self.volumes[-1]) + 1

    def weights(self, kinds: int) -> Doubles:
        """Return wⱼₜ, the share of the batch that each of its volumes gives in each kind, shape (V, kinds)."""
        columns = self.kinds if kinds > 1 else np.zeros_like(self.kinds)
        numbers = np.bincount(self.volumes * kinds + columns, minlength=self.distinct * kinds)
        return np.asarray(numbers.reshape(-1, kinds) / self.batch_size)


@dataclass(frozen=True)
class Taking:
    """The way in which batches take patches.

    Attributes:
        per_volume: the number M of patches that a batch takes from one volume.
        forced: the share F of slots at the end of a batch that nnU-Net forces to be foreground; None for none.
    """

    per_volume: int = 1
    forced: float | None = None

    def volumes(self, batch_size: int, ranks: int = 1) -> int:
        """Return V, the number of volumes that batches of so many ranks take together."""
        return ranks * -(-batch_size // self.per_volume)

    def full(self, batch_size: int, ranks: int = 1) -> int:
        """Return the size M·V that a batch of so many volumes may have.

        Of a larger set the variance of the batch mean is at most (M·τ_v² + τ_p²)/B, which it is at B = M·V. With fewer
        patches of as many volumes it is no less. So the size that would be enough is computed from here by 1/B.
        """
        return self.volumes(batch_size, ranks) * self.per_volume

    def slots(self, batch_size: int, ranks: int = 1) -> Slots:
        """Return the slots of a batch, those of a rank after the other.

        Slot s of a rank's B is forced unless s < round(B·(1 − F)), as in nnU-Net v2's data loader.
        """
        place = np.arange(batch_size)
        own = place // self.per_volume
        volumes = np.concatenate([own + rank * (own[-1] + 1) for rank in range(ranks)])
        free = batch_size if self.forced is None else round(batch_size * (1 - self.forced))
        return Slots(volumes, np.tile((place >= free).astype(np.intp), ranks))
