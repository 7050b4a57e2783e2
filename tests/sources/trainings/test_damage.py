"""Files of a training with values of any kind in any place: settings, or one line."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from bnstat.errors import BnstatError
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.sources.datasets.nnunet_fingerprint import read_fingerprint
from bnstat.sources.trainings import monai, nnunet

RECORDING = Path(__file__).parents[2] / "recordings" / "nnunet-run.json"
RUN = json.loads(RECORDING.read_text(encoding="utf-8"))["datasets"]["Dataset501_CtMr"]
BUNDLE = {
    "network_def": {"_target_": "UNet", "norm": ["group", {"num_groups": 4, "eps": 1e-5}]},
    "train": {
        "first": [
            {"_target_": "ScaleIntensityRanged", "keys": "@key", "a_min": 0, "a_max": 4, "b_min": 0, "b_max": 1},
            {"_target_": "ConcatItemsd", "keys": ["image", "pet"], "name": "image"},
            {"_target_": "SpatialPadd", "keys": ["image"], "spatial_size": 8, "mode": ["constant"]},
        ],
        "random": [{"_target_": "RandCropByPosNegLabeld", "keys": ["image"], "spatial_size": [8, 8, 8], "pos": 1}],
        "preprocessing": {"_target_": "Compose", "transforms": "$@train#first + @train#random"},
        "dataloader": {"batch_size": 2},
    },
    "key": "image",
}
ODD = [
    *(None, True, -1, 0, 1, 2.5, 1e308, 10**400, float("inf"), "", "x", "$x", "@key", "@train", "%train#first"),
    *("@train#preprocessing", [], [1], [[]], {}, {"a": 1}, ["a", None], [0, 1, 2], {"_target_": "ScaleIntensityd"}),
]


def places(value, path=()):
    """Yield the path of every value inside of another."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def damaged(content, draw):
    found = copy.deepcopy(content)
    for _ in range(draw.randint(1, 3)):
        *path, last = draw.choice([*places(found)] or [("x",)])
        inner = found
        for key in path:
            inner = inner[key]
        if isinstance(inner, dict) and draw.random() < 0.25:
            inner.pop(last, None)
        else:
            inner[last] = copy.deepcopy(draw.choice(ODD))
    return found


def use(training):
    """Use the settings as a command would."""
    values = training.values
    assert all(isinstance(note, str) for note in training.told)
    training.resampling({"a": (1.0, 1.0, 1.0)})
    names = ("number", "per_volume", "foreground", "pad")
    patches = (
        Patching(values["size"], **{key: values[key] for key in names if key in values}) if "size" in values else None
    )
    Preparation(values.get("intensity"), patches=patches)
    layer = ("framework", "normalizer", "epsilon", "batch_size")
    Settings.of(**{key: values[key] for key in layer if key in values})


@pytest.mark.parametrize(
    ("content", "read"),
    [(RUN["plans"], nnunet.training_of), (BUNDLE, monai.training_of), (RUN["fingerprint"], read_fingerprint)],
)
def test_damaged_files_give_settings_or_a_line(tmp_path, content, read):
    path = tmp_path / "file.json"
    good, lines = 0, []
    for seed in range(400):
        path.write_text(json.dumps(damaged(content, random.Random(seed))))
        try:
            found = read(str(path))
            if hasattr(found, "told"):
                use(found)
            good += 1
        except BnstatError as error:
            lines.append(str(error))
    assert good
    assert lines
    assert not [line for line in lines if "\n" in line]
