"""How well a trained network segments the scans that it was not trained on, by the statistics that it normalizes with.

It switches layers by hand, without bnstat, so that what `bnstat layers` reports can be compared with it.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from networks.acquisitions import GREY, WHITE, Scan
from networks.training import PATCH, patch

# Patches of each scan: with 3 each, the mean Dice of 4 scans is known to about 0.01.
PATCHES = 3


@dataclass(frozen=True)
class Dice:
    """The overlap with the truth, 2·|A∩B|/(|A|+|B|), over all patches together.

    Attributes:
        grey: of grey matter.
        white: of white matter.
    """

    grey: float
    white: float

    def __str__(self) -> str:
        return f"{self.grey:.2f}/{self.white:.2f}"

    @property
    def both(self) -> float:
        """Their sum, from which differences are taken."""
        return self.grey + self.white


@dataclass(frozen=True)
class Patches:
    """Patches, shape (N, 1, 32, 32, 32), and their labels, shape (N, 32, 32, 32)."""

    images: Any
    labels: Any

    @classmethod
    def of(cls, scans: list[Scan], seed: int = 11) -> Patches:
        """Draw patches of each scan."""
        random = np.random.default_rng(seed)
        drawn = [patch([scan], random) for scan in scans for _ in range(PATCHES)]
        return cls(*(torch.stack(one) for one in zip(*drawn, strict=True)))


def batch_norms(net: Any) -> dict[str, Any]:
    """Return the batch norms of a network by their names, in the order of its modules."""
    kind = torch.nn.modules.batchnorm._BatchNorm
    return {name: module for name, module in net.named_modules() if isinstance(module, kind)}


def own_statistics(net: Any, layers: Collection[str]) -> Any:
    """Return a copy in evaluation mode whose layers of these names normalize with the statistics of each patch."""
    changed = copy.deepcopy(net).eval()
    for name, layer in batch_norms(changed).items():
        if name in layers:
            layer.train()
            layer.momentum = 0.0  # the stored statistics stay
    return changed


def outputs(net: Any, patches: Patches) -> Any:
    """Return the classes of all voxels, shape (N, 32, 32, 32), one patch at a time."""
    with torch.no_grad():
        return torch.cat([net(image[None]).argmax(1) for image in patches.images])


def dice(classes: Any, patches: Patches) -> Dice:
    """Return the overlap of classes with the truth."""

    def of(label: int) -> float:
        found, true = classes == label, patches.labels == label
        return float(2 * (found & true).sum() / (found.sum() + true.sum()))

    return Dice(of(GREY), of(WHITE))


def dice_of(net: Any, patches: Patches) -> Dice:
    """Return how well a network in its present mode segments."""
    assert patches.images.shape[-1] == PATCH
    return dice(outputs(net, patches), patches)
