"""Which samples make which training step."""

from __future__ import annotations

import numpy as np

from bnstat.layers.settings import Batching


def steps_of(samples: int, batching: Batching) -> tuple[tuple[int, ...], ...]:
    """Group the samples 0 … samples − 1 into training steps, in order or shuffled.

    Returns:
        The samples of each step: a batch, or one batch after the other for several ranks.

    Raises:
        UsageError: if there are fewer samples than one step takes.
    """
    number = batching.steps(samples)
    order, size = order_of(samples, batching), batching.step
    return tuple(order[step * size : (step + 1) * size] for step in range(number))


def order_of(samples: int, batching: Batching) -> tuple[int, ...]:
    """Return the samples 0 … samples − 1 in the order in which batches take them."""
    if not batching.shuffle:
        return tuple(range(samples))
    return tuple(np.random.default_rng(batching.seed).permutation(samples).tolist())
