"""What is measured of a network."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.errors import UsageError

# Batches drawn for each batch size. At 32 the noise of the mean is known to 13 % (1/√(2·31)), for 32 forward passes.
DRAWS = 32


@dataclass(frozen=True)
class Measuring:
    """What is measured of a network.

    Attributes:
        batch_sizes: The batch sizes of the training passes; none for evaluation mode alone.
        draws: The number of batches that are drawn for each.
        switch: True to switch one layer at a time to each sample's own statistics.
        layers: Patterns (as of a shell) of the layers to report; all without one.
        seed: The seed of the drawn batches.
    """

    batch_sizes: tuple[int, ...] = (1,)
    draws: int = DRAWS
    switch: bool = False
    layers: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for size in self.batch_sizes:
            if size < 1:
                raise UsageError(f"`batch_sizes` must be at least 1, but one is {size}")
        if self.draws < 2:
            raise UsageError(f"`draws` must be at least 2, but is {self.draws}")
