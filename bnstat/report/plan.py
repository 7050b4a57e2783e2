"""What `bnstat plan` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How an encoder halves: "conv" rounds up, as a strided convolution with padding does, "pool" down, as max-pooling.
Downsampling = Literal["conv", "pool"]


@dataclass(frozen=True)
class Level:
    """One level of an encoder.

    Attributes:
        level: 0 is the patch itself.
        shape: spatial size, in file order.
        values_per_sample: what instance norm reduces over.
        values_per_batch: what batch norm reduces over.
        raises: `framework:normalizer` of the layers that refuse to train here.
        bessel: n/(n − 1) of a batch's values: what an unbiased running variance is multiplied by.
    """

    level: int
    shape: tuple[int, ...]
    values_per_sample: int
    values_per_batch: int
    raises: tuple[str, ...]
    bessel: float | None


@dataclass(frozen=True)
class Plan:
    """What normalization layers have to work with at each level of an encoder.

    Attributes:
        patch: size of the input, in file order.
        strides: what each level but the first divides by, an entry for each axis.
        batch_size: patches in a batch.
        downsample: how sizes are rounded.
        levels: from the patch down.
        least_batch_size: the least with which batch norm trains at every level.
        notes: what else a reader should know.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    downsample: Downsampling
    levels: tuple[Level, ...]
    least_batch_size: int
    notes: tuple[str, ...] = ()
