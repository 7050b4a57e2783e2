"""What a checkpoint stores of its normalization layers, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.networks.checkpoints.stored import Checkpoint


@dataclass(frozen=True)
class Audit:
    """What a checkpoint stores of its normalization layers.

    Attributes:
        checkpoint: The file.
    """

    checkpoint: Checkpoint
