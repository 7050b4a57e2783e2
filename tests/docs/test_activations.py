"""The code in docs/how-to/activations.md runs as it is written, and what it saves is what the layer sees."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from patience import LONGEST

import bnstat

TEXT = (Path(__file__).parents[2] / "docs/how-to/activations.md").read_text(encoding="utf-8")
TORCH, KERAS, *_ = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_pytorchs_five_lines_save_what_enters_the_layer(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    layer = torch.nn.BatchNorm3d(3)
    model = torch.nn.Sequential(torch.nn.Conv3d(1, 3, 3, padding=1), layer).eval()
    batches = [torch.randn(1, 1, 6, 5, 4, generator=torch.Generator().manual_seed(seed)) for seed in range(9)]
    exec(TORCH, {"layer": layer, "model": model, "batches": batches})
    assert np.load("activations.npy").shape == (9, 3, 6, 5, 4)
    report = bnstat.diagnose("activations.npy", axis=1, framework="torch", batch_size=9)
    fresh = torch.nn.BatchNorm3d(3)
    fresh(torch.from_numpy(np.load("activations.npy")))
    assert [one.running_mean for one in report.batches[0].channels] == pytest.approx(
        fresh.running_mean.tolist(), rel=1e-5
    )
    assert bnstat.compare("activations.npy", axis=1).recommendation.applies_to == "array"


# Keras reads its backend from the environment when it is imported, so this runs in a process of its own.
KERAS_PROGRAM = """
import keras, numpy as np, bnstat
inputs = keras.Input((6, 5, 4, 2))
layer = keras.layers.BatchNormalization()
model = keras.Model(inputs, layer(keras.layers.Conv3D(3, 3, padding="same")(inputs)))
batches = [np.random.default_rng(seed).normal(size=(1, 6, 5, 4, 2)).astype("float32") for seed in range(4)]
{snippet}
values = np.load("activations.npy")
assert values.shape == (4, 6, 5, 4, 3)
fresh = keras.layers.BatchNormalization()
fresh(values, training=True)
(batch,) = bnstat.diagnose("activations.npy", batch_size=4).batches
for name, buffer in (("running_mean", fresh.moving_mean), ("running_variance", fresh.moving_variance)):
    found = [getattr(channel, name) for channel in batch.channels]
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(buffer), rtol=1e-6, atol=1e-8)
print("alike")
"""


def test_keras_lines_save_what_enters_the_layer_and_its_buffers_are_ours(tmp_path):
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    ran = subprocess.run(
        [sys.executable, "-c", KERAS_PROGRAM.format(snippet=KERAS)],
        cwd=tmp_path,
        env={**os.environ, "KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert ran.stdout.splitlines()[-1:] == ["alike"], ran.stderr
