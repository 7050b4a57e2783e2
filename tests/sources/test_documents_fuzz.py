"""Descriptions that somebody changed: whatever becomes of them, there is an answer or one line, and no other exception.

Each valid document is changed in thousands of ways, the same ones in every run: values are dropped, replaced, retyped,
nested and repeated, and the text itself is cut, doubled and spoiled.
"""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path

import pytest

from bnstat import BnstatError
from bnstat.networks.models.nnunet_folder import ResultsFolder
from bnstat.preprocessing.settings import Preparation
from bnstat.rules import baseline
from bnstat.sources.datasets.nnunet_fingerprint import read_fingerprint
from bnstat.sources.datasets.nnunet_plans import read_plans
from bnstat.sources.groups import groups_by_source
from bnstat.sources.search import cases_of
from bnstat.sources.trainings import monai, nnunet
from bnstat.workflows.given_layers import given_layers

MUTANTS = 250

PLANS = {
    "dataset_name": "Dataset001",
    "plans_name": "nnUNetPlans",
    "transpose_forward": [0, 1, 2],
    "configurations": {
        "2d": {
            "patch_size": [64, 64],
            "batch_size": 12,
            "architecture": {"arch_kwargs": {"strides": [[1, 1], [2, 2]]}},
        },
        "3d_lowres": {"inherits_from": "3d_fullres", "spacing": [2.0, 2.0, 2.0]},
        "3d_fullres": {
            "batch_size": 2,
            "patch_size": [40, 48, 56],
            "spacing": [3.0, 0.75, 0.75],
            "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
            "use_mask_for_norm": [False, True],
            "architecture": {
                "network_class_name": "PlainConvUNet",
                "arch_kwargs": {
                    "n_stages": 2,
                    "strides": [[1, 1, 1], [2, 2, 2]],
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                },
            },
        },
    },
    "foreground_intensity_properties_per_channel": {
        str(channel): {"mean": 1.0, "std": 2.0, "percentile_00_5": -3.0, "percentile_99_5": 7.0, "max": 9.0}
        for channel in range(2)
    },
}
FINGERPRINT = {
    "shapes_after_crop": [[3, 4, 5], [3, 4, 5]],
    "spacings": [[1.0, 1.0, 1.0]],
    "foreground_intensity_properties_per_channel": PLANS["foreground_intensity_properties_per_channel"],
}
BASELINE = {
    "schema": "bnstat.baseline/1",
    "findings": [
        {"rule": "BN101", "name": "zero-variance", "path": "a.nii", "channel": 0},
        {"rule": "BN102", "name": "nan-voxels", "path": None, "channel": None, "layer": "encoder.0"},
    ],
}
LAYERS = {
    "schema": "bnstat.layers/1",
    "model": {"source": "net:make"},
    "verdict": ["it is as it is"],
    "output": "classes",
    "findings": [],
    "layers": [],
}
NNUNET = {
    "channel_names": {"0": "CT", "1": "PET"},
    "labels": {"background": 0},
    "numTraining": 2,
    "file_ending": ".nii.gz",
    "dataset": {"case": {"images": ["a_0000.nii.gz", "a_0001.nii.gz"], "label": "a.nii.gz"}},
}
NNUNET_V1 = {
    "modality": {"0": "CT"},
    "labels": {"0": "background"},
    "training": [{"image": "a.nii.gz", "label": "b.nii"}],
}
MONAI_LIST = {
    "training": [{"image": ["a_t1.nii", "a_t2.nii"], "label": "l.nii"}, {"image": ["b_t1.nii", "b_t2.nii"]}],
    "validation": [],
}
MODALITIES = [
    {"t1": "a_t1.nii", "flair": "a_flair.nii", "label": "seg.nii"},
    {"t1": "b_t1.nii", "flair": "b_flair.nii"},
]
BUNDLE = {
    "network_def": {"_target_": "UNet", "norm": ["batch", {"eps": 1e-3}]},
    "train": {
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": ["image", "label"]},
                {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 1, "b_min": 0, "b_max": 1},
                {
                    "_target_": "RandCropByPosNegLabeld",
                    "keys": ["image"],
                    "spatial_size": [8, 8, 8],
                    "pos": 1,
                    "neg": 1,
                },
            ],
        },
        "dataloader": {"batch_size": "@size"},
    },
    "size": 2,
}
TABLE = "file,site\na.nii,Bonn\nb.nii,Kiel\n"

DEEP = [1]
for _ in range(400):
    DEEP = [DEEP]
ODD = (
    *(
        None,
        True,
        False,
        -1,
        0,
        1,
        2.5,
        -0.0,
        1e308,
        10**30,
        10**400,
        float("inf"),
        float("nan"),
        "",
        "x",
        "\0",
        "\ud800",
    ),
    *(
        "../../etc/passwd",
        "/dev/zero",
        "http://[x",
        "s3://bucket/key",
        "foo::bar://x",
        "@size",
        "$x",
        "%x#y",
        "@network_def",
    ),
    *([], [1], [[]], {}, {"a": 1}, {"0": {}}, ["a", None], "a" * 300, "\u202e", "3d_fullres", "inherits_from", DEEP),
)


def places(value, path=()):
    """Yield the path of every value inside of another."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def odd(draw):
    """Return an odd value of its own, which later changes may change too."""
    return copy.deepcopy(draw.choice(ODD))


def changed(content, draw):
    """Return a document with one to three changes."""
    found = copy.deepcopy(content)
    for _ in range(draw.randint(1, 3)):
        there = [one for one in places(found) if len(one) < 12]
        if not there:
            return odd(draw)
        *path, last = draw.choice(there)
        inner = found
        for key in path:
            inner = inner[key]
        how = draw.randrange(7)
        if how == 0:
            del inner[last]
        elif how == 1:
            inner[last] = [inner[last]]
        elif how == 2:
            inner[last] = {"a": inner[last]}
        elif how == 3 and isinstance(inner, dict):
            inner[draw.choice(("0", "-1", "x", "image", "label", "\ud800", ""))] = inner.pop(last)
        elif how == 4 and isinstance(inner, list):
            inner += copy.deepcopy(inner[: draw.randint(0, 3)])
        else:
            inner[last] = odd(draw)
    return found


def spoiled(text, draw):
    """Return the bytes of a text with one place spoiled."""
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    at = draw.randrange(len(data) + 1)
    how = draw.randrange(6)
    if how == 0:
        return bytes(data[:at])
    if how == 1:
        return bytes(data[:at] + data)
    if how == 2:
        return (
            bytes(data[:at])
            + draw.choice((b"\0", b"\xff", b"[" * 5000, b"9" * 5000, b"NaN", b"\xed\xa0\x80"))
            + bytes(data[at:])
        )
    if how == 3 and at < len(data):
        data[at] ^= 1 << draw.randrange(8)
        return bytes(data)
    if how == 4:
        return b"\xef\xbb\xbf" + bytes(data)
    return text.encode("utf-16", "surrogatepass")


def written(content, seed):
    """Return the bytes of a changed document."""
    draw = random.Random(seed)
    is_text = isinstance(content, str)
    text = content if is_text else json.dumps(changed(content, draw) if draw.random() < 0.85 else content)
    if draw.random() < 0.1 and not is_text:  # a key that is there twice
        text = text.replace("{", '{"schema": 1, "training": 3, ', 1)
    return spoiled(text, draw) if is_text or draw.random() < 0.25 else text.encode("utf-8", "surrogatepass")


def of_training(read):
    def use(path):
        training = read(path)
        assert all(isinstance(note, str) for note in training.told)
        training.resampling({"a": (1.0, 1.0, 1.0)})

    return use


def update_baseline(path):
    found = baseline.load(path)
    found.split([])
    found.stale([], ["a.nii"], ["BN101", "BN102"])
    found.updated([], [])
    hash(found)


def results_folder(path):
    folder = ResultsFolder(str(Path(path).parent), None)
    folder.configuration("3d_fullres")
    _ = folder.dataset


READERS = {
    "plans": (PLANS, "nnUNetPlans.json", read_plans),
    "lowres": (PLANS, "nnUNetPlans.json", lambda path: read_plans(path, "3d_lowres")),
    "training of plans": (PLANS, "nnUNetPlans.json", of_training(nnunet.training_of)),
    "results of nnU-Net": (PLANS, "plans.json", results_folder),
    "intensities": (PLANS, "plans.json", lambda path: Preparation(f"ct:{path}")),
    "fingerprint": (FINGERPRINT, "dataset_fingerprint.json", read_fingerprint),
    "baseline": (BASELINE, "known.json", update_baseline),
    "layers": (LAYERS, "layers.json", given_layers),
    "bundle": (BUNDLE, "train.json", of_training(monai.training_of)),
    "bundle in YAML": (BUNDLE, "train.yaml", of_training(monai.training_of)),
    "nnU-Net": (NNUNET, "dataset.json", lambda path: cases_of([path])),
    "nnU-Net 1": (NNUNET_V1, "dataset.json", lambda path: cases_of([path])),
    "MONAI": (MONAI_LIST, "list.json", lambda path: cases_of([path])),
    "modalities": (MODALITIES, "list.json", lambda path: cases_of([path])),
    "groups": (TABLE, "t.csv", lambda path: groups_by_source(["a.nii", "b.nii"], f"{path}:site")),
}


@pytest.mark.parametrize("name", READERS)
def test_a_changed_document_is_an_answer_or_one_line(tmp_path, monkeypatch, name):
    content, file, read = READERS[name]
    monkeypatch.chdir(tmp_path)
    if file.endswith("yaml"):
        pytest.importorskip("yaml")
    (tmp_path / "dataset.json").write_text("{}", encoding="utf-8")  # beside the plans in a folder of results
    answers, lines = 0, []
    for seed in range(MUTANTS // 4 if file.endswith("yaml") else MUTANTS):
        (tmp_path / file).write_bytes(written(content, f"{name} {seed}"))
        try:
            read(file if name == "results of nnU-Net" else str(tmp_path / file))
            answers += 1
        except BnstatError as error:
            lines.append(str(error))
    assert answers
    assert not [line for line in lines if "\n" in line]
    assert lines or name in ("MONAI", "modalities", "nnU-Net", "nnU-Net 1")  # whose failures are collected
