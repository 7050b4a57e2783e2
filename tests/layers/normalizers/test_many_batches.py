"""Many batches at once, and each by itself: the same numbers, whatever the normalizer."""

from __future__ import annotations

import numpy as np
import pytest

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.normalizers import normalize
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments

KINDS = ["batch", "renorm", "weight-init", "instance", "layer", "group:2", "rms"]


def batches(seed, framework):
    """Return batches of several sizes, with constants and NaN among their values."""
    random, found, start = np.random.default_rng(seed), [], 0
    for index in range(25):
        size = int(random.choice([1, 3, 9]))
        values = 10.0 ** random.integers(-2, 5) + random.normal(size=(size, 7, 4))
        values[:, :, int(random.integers(4))] = random.choice([3.0, np.nan, values[0, 0, 0]])
        tables = [Moments.from_array(sample.astype(np.float32 if index % 2 else np.float64)) for sample in values]
        names = ("a", "b", "c", "d") if index % 3 else ()
        batch = Batch(index, tuple(range(start, start + size)), (size, 7, 4), 2, (0, 1), names=names)
        found.append((batch, Moments.stack(tables)))
        start += size
    return found, FRAMEWORKS[framework]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_many_batches_and_each_by_itself_have_the_same_numbers(kind, framework):
    for seed in range(4):
        found, preset = batches(seed, framework)
        settings = Settings(preset, 1e-3, 0.9, normalizer=kind)
        together = normalize(found, settings)
        if kind == "renorm":  # whose batches depend on those before them
            assert [batch.channels[0].mean for batch in together] == [
                normalize([one], settings)[0].channels[0].mean for one in found
            ]
            assert normalize(found[:9], settings) == together[:9]
            continue
        assert together == tuple(normalize([one], settings)[0] for one in found)
