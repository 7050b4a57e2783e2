"""Which samples make which batch."""

from __future__ import annotations

import numpy as np

from bnstat.errors import UsageError


def make_batches(
    samples: int, batch_size: int, *, drop_last: bool = False, shuffle: bool = False, seed: int = 0
) -> tuple[tuple[int, ...], ...]:
    """Group samples 0 … samples − 1 into batches, in order or shuffled.

    Args:
        samples: how many there are.
        batch_size: samples in a batch; the last may have fewer.
        drop_last: leave a last batch of fewer out.
        shuffle: permute the samples first.
        seed: of the permutation.

    Raises:
        UsageError: there are fewer samples than one batch takes.
    """
    require(samples, batch_size)
    order = order_of(samples, shuffle=shuffle, seed=seed)
    batches = tuple(order[start : start + batch_size] for start in range(0, samples, batch_size))
    return batches[:-1] if drop_last and len(batches[-1]) < batch_size else batches


def order_of(samples: int, *, shuffle: bool = False, seed: int = 0) -> tuple[int, ...]:
    """Samples 0 … samples − 1 in the order in which batches take them."""
    return tuple(np.random.default_rng(seed).permutation(samples).tolist() if shuffle else range(samples))


def require(samples: int, batch_size: int, ranks: int = 1) -> None:
    """Refuse fewer samples than one training step takes.

    Raises:
        UsageError: there are fewer.
    """
    if samples < batch_size * ranks:
        where = f" on each of {ranks} ranks" if ranks > 1 else ""
        raise UsageError(
            f"batch size {batch_size}{where} asks for more samples than there are ({samples}); "
            "give more volumes, a smaller --batch-size, or name the axis whose entries are samples with --batch-axis"
        )
