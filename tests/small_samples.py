"""Values of a few samples of equal size, and their population, for tests that compare with brute force."""

from __future__ import annotations

import numpy as np

from bnstat.batch_size import closed_form


def small(samples=5, seed=0):
    """Return values of a few samples of equal size with different means."""
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(0, 2, (samples, 1)), rng.uniform(0.5, 2, (samples, 1)), (samples, 40))


def of_values(values, kind="finite"):
    return closed_form.population(values.mean(axis=1), values.var(axis=1), kind)
