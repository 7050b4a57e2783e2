"""The layer of a network whose input the moments of a file are of, in place of voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How the network ran: in evaluation mode sample by sample, or in training mode on batches.
Mode = Literal["evaluation", "training"]


@dataclass(frozen=True)
class NetworkLayer:
    """A layer of a network, and how the network ran.

    Attributes:
        model: the network, as the user named it.
        weights: the file of its weights, as the user named it; None without one.
        layer: the name of the layer.
        mode: "evaluation" or "training".
        batch_size: the number of samples in a batch; 1 in evaluation mode, where it does not matter.
        below_batch_norm: True if a batch norm runs before the layer. Then what enters it in training mode depends on
            the other samples of the batch, and batches of one size cannot be merged from those of another.
    """

    model: str
    weights: str | None
    layer: str
    mode: Mode
    batch_size: int
    below_batch_norm: bool

    def __str__(self) -> str:
        """Return what entered, in a sentence."""
        mode = "evaluation mode" if self.mode == "evaluation" else f"training batches of {self.batch_size}"
        weights = f" with {self.weights}" if self.weights else ""
        return f"what enters the layer {self.layer} of {self.model}{weights} in {mode}"

    @property
    def caution(self) -> str:
        """What a merge of these moments says of training batches."""
        if not self.below_batch_norm:
            return "no batch norm runs before it, so that a training batch is a merge of these moments"
        if self.mode == "training":
            return "a batch norm runs before it, so that batches of another size are no merge of these moments"
        return (
            "a batch norm runs before it, so that training batches are no merge of these moments; bnstat layers runs "
            "real ones"
        )


def mixed(one: NetworkLayer | None, other: NetworkLayer | None) -> str:
    """Return why moments that differ in this are not samples of the same thing."""
    return f"moments of different things cannot be samples of one: {one or 'voxels'}, and {other or 'voxels'}"
