"""Random weights of a network that is built here: the same at every run with one seed."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators of Python, numpy, PyTorch and Keras for a block, and give the first three back as they were.

    A network without `weights` has random ones, and so would have other figures at every run. Only frameworks that the
    user's code has imported are touched.
    """
    torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
    states = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    small = seed % 2**32  # numpy takes no other
    random.seed(small)
    np.random.seed(small)
    if torch is not None:
        torch.manual_seed(seed)
    if keras is not None:
        keras.utils.set_random_seed(small)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch is not None:
            torch.set_rng_state(states[2])
