"""What entered the normalization layers in one training step, in any framework."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.moments.moments import Doubles, Moments
from bnstat.networks.normalization import Kind


@dataclass(frozen=True)
class Described:
    """A normalization layer, as the start of a recording describes it.

    Attributes:
        layer: Its name.
        kind: What it normalizes over.
        epsilon: ε, which is added to the variance; None if it is not known.
        momentum: In the framework's own convention; None without running statistics, or for a cumulative average.
        channels: The number of channels; None if it is not known before the first step.
    """

    layer: str
    kind: Kind
    epsilon: float | None
    momentum: float | None
    channels: int | None


@dataclass(frozen=True, eq=False)
class Entered:
    """What entered one normalization layer in one training step.

    Attributes:
        layer: Its name; "encoder.0.norm#2" for the second call of one module in the step.
        kind: What it normalizes over.
        shape: The shape of the input as the layer got it, samples first.
        axis: The axis of that shape that holds the channels.
        dtype: The type of the input as the layer got it, as "float32" or "bfloat16".
        frozen: True if the layer normalized with its stored statistics although the network was training.
        moments: The moments of each channel of each sample, shape (samples, channels).
        running_mean: The stored means before the step, shape (channels,); None if the layer stores none.
        running_variance: The stored variances before the step, likewise.
    """

    layer: str
    kind: Kind
    shape: tuple[int, ...]
    axis: int
    dtype: str
    frozen: bool
    moments: Moments
    running_mean: Doubles | None = None
    running_variance: Doubles | None = None
