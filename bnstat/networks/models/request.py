"""What a user asks for when a network is opened."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """A model, and how it is to be run.

    Attributes:
        model: The model, as the user named it.
        weights: A file of weights, with the key of a state dict in it after `::`; None for the model's own.
        device: Where it runs, as PyTorch writes it.
        amp: The type of automatic mixed precision; None without it.
        channels: The number of channels of a sample; None if samples differ.
        sizes: The voxels of a sample along each axis, in the network's order; None if samples differ.
    """

    model: str
    weights: str | None = None
    device: str = "cpu"
    amp: str | None = None
    channels: int | None = None
    sizes: tuple[int, ...] | None = None
