"""The code of record.md and networks.md for a model in memory runs as it is written, and finds every layer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import LONGEST

HOW_TO = Path(__file__).parents[2] / "docs/how-to"
BLOCK = re.compile(r"<!-- not run: [^\n]*test_in_memory\.py runs it -->\n```python\n(.*?)```", re.DOTALL)
LOOP, LIGHTNING, NNUNET, KERAS = BLOCK.findall((HOW_TO / "record.md").read_text(encoding="utf-8"))
(IN_MEMORY,) = BLOCK.findall((HOW_TO / "networks.md").read_text(encoding="utf-8"))


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A network of one batch norm, its batches and what a training loop has beside them."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv3d(1, 2, 3, padding=1), torch.nn.BatchNorm3d(2))
    batches = [(torch.randn(2, 1, 5, 4, 3), torch.randn(2, 2, 5, 4, 3)) for _ in range(3)]
    return {
        "model": model,
        "network": model,
        "loader": batches,
        "batches": batches,
        "images": batches[0][0],
        "labels": batches[0][1],
        "loss": torch.nn.functional.mse_loss,
        "criterion": torch.nn.functional.mse_loss,
        "optimizer": torch.optim.SGD(model.parameters(), 0.01),
    }


def recorded(path="run.jsonl"):
    """Return the layers of the steps that a recording has."""
    lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [list(line["layers"]) for line in lines if "layers" in line and "step" in line]


def test_a_training_loop_is_recorded(training):
    exec(LOOP, training)
    assert len(recorded()) == 1  # of three steps, the first
    assert not training["model"][1]._forward_pre_hooks


def test_a_module_of_lightning_is_recorded_from_its_start_to_its_end(training):
    """The two methods are called as Lightning calls them."""
    from bnstat.torch import record

    names = {"LightningModule": object, "record": record}
    exec(LIGHTNING, names)
    module = names["Segmentation"]()
    module.net = training["model"]
    module.on_fit_start()
    module.net(training["images"])
    module.on_fit_end()
    assert len(recorded()) == 1


def test_a_trainer_of_nnunet_is_recorded_from_its_start_to_its_end(training, tmp_path):
    """The two methods are called as nnU-Net calls them."""
    from bnstat.torch import record

    base = type("nnUNetTrainer", (), {"on_train_start": lambda _: None, "on_train_end": lambda _: None})
    names = {"nnUNetTrainer": base, "record": record}
    exec(NNUNET, names)
    trainer = names["nnUNetTrainerRecorded"]()
    trainer.network, trainer.output_folder = training["model"], tmp_path
    trainer.on_train_start()
    trainer.network(training["images"])
    trainer.on_train_end()
    assert len(recorded()) == 1


def test_a_model_in_memory_is_measured_and_watched(training, capsys):
    exec(IN_MEMORY, training)
    assert [layer.layer for layer in training["report"].layers] == ["1"]
    assert [layer.layer for layer in training["watched"].layers] == ["1"]
    assert training["report"].verdict[0] in capsys.readouterr().out


# Keras reads its backend from the environment when it is imported, so this runs in a process of its own.
KERAS_PROGRAM = """
import keras, numpy as np
model = keras.Sequential([keras.Input((6, 5, 4, 2)), keras.layers.BatchNormalization(), keras.layers.Flatten(),
                          keras.layers.Dense(1)])
model.compile("sgd", "mse")
class Data(keras.utils.PyDataset):
    def __len__(self):
        return 3
    def __getitem__(self, place):
        return np.random.default_rng(place).normal(size=(2, 6, 5, 4, 2)).astype("float32"), np.zeros((2, 1), "float32")
data = Data()
{snippet}
"""


def test_a_keras_model_is_recorded(tmp_path):
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    backend = {"KERAS_BACKEND": "torch", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", KERAS_PROGRAM.format(snippet=KERAS)],
        cwd=tmp_path,
        env={**os.environ, **backend},
        capture_output=True,
        timeout=LONGEST,
        check=True,
    )
    assert len(recorded(tmp_path / "run.jsonl")) == 1
