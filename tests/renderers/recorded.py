"""A recorded training of three layers, one of which lags behind."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from recorded_steps import entered, write

from bnstat.workflows.recording import recording_of

NAMES = ("encoder.0.norm", "decoder.very_long_name_of_a_block.conv_1.adn.N", "head.norm")


def recording():
    """80 recorded steps of batches of one, in which the running mean of the second layer moves away."""
    rng = np.random.default_rng(0)
    steps = []
    for step in range(0, 4000, 50):
        offset = 0.6 * rng.normal(size=(1, 2, 1))
        first = (offset + rng.normal(size=(1, 2, 64))).round(3)
        second = (rng.normal(size=(1, 3, 64)) + step / 2000).round(3)
        last = rng.normal(size=(1, 4, 64)).round(3)
        listed = [
            entered(first, NAMES[0], running=(np.zeros(2), np.full(2, 1.36))),
            entered(second, NAMES[1], running=(np.full(3, step / 4000), np.ones(3))),
            entered(last, NAMES[2], kind="instance"),
        ]
        steps.append((step, listed))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "run.jsonl", steps, every=50, layers=NAMES)
        return replace(recording_of(path), source="run.jsonl")
