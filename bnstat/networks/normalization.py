"""What every framework says of a normalization layer, and what entered one in a forward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from bnstat.moments.moments import Doubles, Moments

# The normalizations that networks contain; "batch" with the statistics of the batch or with stored ones.
Kind = Literal["batch", "instance", "group", "layer", "rms"]

# A batch, or what a network returns for one: samples along axis 0, then in the framework's own order.
Tensors: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Normalization:
    """One normalization of a network. A module that is called twice in a forward pass is two.

    Attributes:
        layer: The name of the module, as "encoder.0.norm"; of its second call in one pass "encoder.0.norm#2". For a
            function that is called in a `forward`, the name of the module whose `forward` it is.
        kind: What it normalizes over.
        epsilon: ε, which is added to the variance.
        groups: The number of groups of a group normalization; None for another kind.
        momentum: In the framework's own convention; None if running statistics are not exponential, or if there are
            none.
        running_mean: The stored means, shape (channels,); None if the layer stores none.
        running_variance: The stored variances, likewise.
        scale: γ, by which the normalized value is multiplied; None if the layer has none.
        shift: β, which is added then; None if the layer has none.
        functional: True for a call of a function, which no module of its own stands for.
        frozen: True if the layer normalizes with stored statistics in training too, as far as it says so itself.
    """

    layer: str
    kind: Kind
    epsilon: float
    groups: int | None = None
    momentum: float | None = None
    running_mean: Doubles | None = None
    running_variance: Doubles | None = None
    scale: Doubles | None = None
    shift: Doubles | None = None
    functional: bool = False
    frozen: bool = False

    @property
    def takes_batch(self) -> bool:
        """True if the layer normalizes with the statistics of the batch in training mode."""
        return self.kind == "batch" and not self.frozen

    @property
    def stored(self) -> bool:
        """True if the layer normalizes with stored statistics in evaluation mode."""
        return self.running_variance is not None


@dataclass(frozen=True, eq=False)
class Seen:
    """What entered one normalization in one forward pass.

    Attributes:
        normalization: The layer; its stored statistics are those before the pass.
        shape: The shape of the input as the layer got it, samples first.
        axis: The axis of that shape that holds the channels, never negative.
        dtype: The type of the input as the layer got it, as "float32" or "bfloat16".
        moments: The moments of each channel of each sample, shape (samples, channels).
        together: The number of values that are normalized together, if a layer or RMS normalization normalizes each
            place of a sample by itself, as a transformer does with each token; None if it takes a whole sample.
        place_variances: For each sample the median over its places of the variance of these values (RMS: of their mean
            square), shape (samples,); None if a whole sample is normalized together.
    """

    normalization: Normalization
    shape: tuple[int, ...]
    axis: int
    dtype: str
    moments: Moments
    together: int | None = None
    place_variances: Doubles | None = None


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass.

    Attributes:
        outputs: The first output of the network, samples along axis 0, as float32 or float64.
        seen: The normalizations in the order in which they ran.
    """

    outputs: Tensors
    seen: tuple[Seen, ...]
