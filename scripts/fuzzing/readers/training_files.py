"""What the options of a training read: plans and fingerprints of nnU-Net, bundles of MONAI, baselines and settings.

The first byte of an input says which; the rest is the file. Each is given to the command line.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fuzzing.mutation import ODD, json_changed, lines_changed, with_bytes
from fuzzing.reader import Reader
from fuzzing.readers.images import nifti
from fuzzing.readers.in_process import command

_ROOT = Path(__file__).resolve().parents[3]
_RUN = _ROOT / "tests" / "recordings" / "nnunet-run.json"
# The file of each form, and the command that reads it.
_FORMS = (
    ("plans.json", ("inspect", "--plans")),
    ("train.json", ("inspect", "--monai")),
    ("train.yaml", ("inspect", "--monai")),
    ("fingerprint.json", ("check", "--reference")),
    ("baseline.json", ("check", "--baseline")),
    ("bnstat.toml", ("check", "--config")),
    ("pyproject.toml", ("inspect", "--config")),
    ("plans.json", ("plan", "--plans")),
)
_VALUES = (
    *(json.dumps(one).encode() for one in ODD),
    *(b"[" * 60, b"{a=" * 40, b"9" * 400, b"1979-05-27", b"nan", b"inf", b"'''", b'"""', b"[[overrides]]", b"&a *a"),
    *(b"!!python/object:os.system", b"<<: *a", b"- - -", b"? ", b"@train", b"$@train#a + @b", b"%train.json#a"),
)


def _attempt(data: bytes, folder: Path) -> None:
    """Give the file to its command."""
    if not data:
        return
    name, (verb, option) = _FORMS[data[0] % len(_FORMS)]
    volume = folder / "a.nii"
    if not volume.exists():
        values = np.random.default_rng(5).integers(0, 100, (6, 5, 4)).astype("i2")
        volume.write_bytes(nifti(values, "<"))
    (folder / name).write_bytes(data[1:])
    command(verb, *(() if verb == "plan" else (str(volume),)), option, str(folder / name))


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if len(data) < 2:
        return data
    first, rest = data[0], data[1:]
    name, _ = _FORMS[first % len(_FORMS)]
    if name.endswith(".json"):
        return bytes([first]) + json_changed(rest, rng)
    if rng.random() < 0.2:
        return bytes([first]) + with_bytes(rest, rng)
    if rng.random() < 0.3:
        return bytes([first]) + lines_changed(rest, rng, _VALUES)
    lines = rest.split(b"\n")
    place = rng.randrange(len(lines))
    mark = b"=" if name.endswith(".toml") else b":"
    key, between, _ = lines[place].partition(mark)
    if between:
        lines[place] = key + between + b" " + rng.choice(_VALUES)
    return bytes([first]) + b"\n".join(lines)


def _seeds() -> Iterator[bytes]:
    """Yield a file of every form."""
    run = json.loads(_RUN.read_text(encoding="utf-8"))["datasets"]["Dataset501_CtMr"]
    yield from (_json(form, run["plans"]) for form in (0, 7))
    yield _json(3, run["fingerprint"])
    bundle = {
        "image_key": "image",
        "network_def": {"_target_": "UNet", "norm": ["group", {"num_groups": 4, "eps": 1e-5}]},
        "train": {
            "first": [
                {
                    "_target_": "ScaleIntensityRanged",
                    "keys": "@image_key",
                    "a_min": 0,
                    "a_max": 4,
                    "b_min": 0,
                    "b_max": 1,
                },
                {"_target_": "ConcatItemsd", "keys": ["image", "pet"], "name": "image"},
                {"_target_": "SpatialPadd", "keys": ["image"], "spatial_size": 8, "mode": ["constant"]},
            ],
            "random": [{"_target_": "RandCropByPosNegLabeld", "keys": ["image"], "spatial_size": [4, 4, 4], "pos": 1}],
            "preprocessing": {"_target_": "Compose", "transforms": "$@train#first + @train#random"},
            "dataloader": {"batch_size": 1},
        },
    }
    yield _json(1, bundle)
    lines = ["image_key: image", "network_def:", "  _target_: UNet", "  norm: batch", "train:", "  preprocessing:"]
    lines += ["  - {_target_: NormalizeIntensityd, keys: image, nonzero: true, channel_wise: true}", "batch_size: 2"]
    yield bytes([2]) + "\n".join(lines).encode()
    entry = {"rule": "BN101", "name": "zero-variance", "path": "a.nii", "channel": 0}
    yield _json(4, {"schema": "bnstat.baseline/1", "findings": [entry, {**entry, "path": None, "channel": None}]})
    settings = [
        *(
            "framework = 'torch'",
            "batch_size = 1",
            "epsilon = 1e-5",
            "intensity = 'zscore'",
            "[check]",
            "fail_on = 'error'",
        ),
        *("ignore = ['BN404']", "[limits]", "batch_mean_sd = 0.3", "[[overrides]]", "paths = ['*.nii']"),
        "ignore = ['BN101']",
    ]
    yield bytes([5]) + "\n".join(settings).encode()
    yield bytes([6]) + "\n".join(["[project]", "name = 'x'", "[tool.bnstat]", *settings[:4]]).encode()


def _json(form: int, document: object) -> bytes:
    return bytes([form]) + json.dumps(document).encode()


READER = Reader(
    "training-files",
    _seeds,
    _attempt,
    _mutate,
    most=16384,
)
