"""The same tiny cases in the layouts of nnU-Net, the Decathlon and MONAI, and as 4-D files."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np

CHANNELS = ("FLAIR", "T1")
CASES = ("case_001", "case_002", "case_003")
SHAPE = (5, 4, 3)


def values(case: str, channel: int) -> np.ndarray:
    """Return the voxels of one channel of a case. The second channel of the last case is constant."""
    if case == CASES[-1] and channel == 1:
        return np.full(SHAPE, 7, np.int16)
    seed = 10 * CASES.index(case) + channel
    return np.random.default_rng(seed).integers(-50, 500 + 100 * channel, SHAPE).astype(np.int16)


def whole(case: str) -> np.ndarray:
    return np.stack([values(case, channel) for channel in range(len(CHANNELS))], axis=-1)


def save(path: Path, data: np.ndarray, spacing: tuple[float, ...] = (1, 1, 1)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([*spacing, 1])), path)
    return str(path)


def describe(root: Path, content: object, name: str = "dataset.json") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(content), encoding="utf-8")
    return root / name


def numbered(root: Path, folder: str = "imagesTr") -> None:
    """Write a file for each channel, and labels, as nnU-Net has them, and a file that macOS leaves behind."""
    for case in CASES:
        for channel in range(len(CHANNELS)):
            save(root / folder / f"{case}_{channel:04}.nii.gz", values(case, channel))
        save(root / folder.replace("images", "labels") / f"{case}.nii.gz", (values(case, 0) > 0).astype(np.uint8))
    (root / folder / "._case_001_0000.nii.gz").write_bytes(b"resource fork")


def nnunet_v2(root: Path, **changes: object) -> Path:
    content = {
        "channel_names": {"1": CHANNELS[1], "0": CHANNELS[0]},
        "labels": {"background": 0, "tumour": 1},
        "numTraining": len(CASES),
        "file_ending": ".nii.gz",
    }
    describe(root, content | changes)
    numbered(root)
    save(root / "imagesTs" / "test_001_0000.nii.gz", values(CASES[1], 0))
    save(root / "imagesTs" / "test_001_0001.nii.gz", values(CASES[1], 1))
    return root


def training(image: str = "./imagesTr/{}.nii.gz") -> list[dict[str, str]]:
    return [{"image": image.format(case), "label": f"./labelsTr/{case}.nii.gz"} for case in CASES]


MODALITY = {"0": CHANNELS[0], "1": CHANNELS[1]}


def nnunet_v1(root: Path) -> Path:
    describe(
        root,
        {"modality": MODALITY, "labels": {"0": "background"}, "training": training(), "test": ["./imagesTs/x.nii.gz"]},
    )
    numbered(root)
    return root


def decathlon(root: Path) -> Path:
    describe(root, {"modality": MODALITY, "training": training(), "test": ["./imagesTs/test_001.nii.gz"]})
    for case in CASES:
        save(root / "imagesTr" / f"{case}.nii.gz", whole(case))
        save(root / "labelsTr" / f"{case}.nii.gz", (values(case, 0) > 0).astype(np.uint8))
    (root / "imagesTr" / "._case_001.nii.gz").write_bytes(b"resource fork")
    save(root / "imagesTs" / "test_001.nii.gz", whole(CASES[1]))
    return root


def monai(root: Path) -> Path:
    """Write a list, and a folder for each case with a file for each channel."""
    entries = []
    for case in CASES:
        files = []
        for channel, name in enumerate(CHANNELS):
            save(root / case / f"{case}_{name}.nii.gz", values(case, channel))
            files.append(f"{case}/{case}_{name}.nii.gz")
        entries.append({"image": files, "label": f"{case}/{case}_seg.nii.gz"})
        save(root / case / f"{case}_seg.nii.gz", (values(case, 0) > 0).astype(np.uint8))
    return describe(root, {"training": entries, "validation": [{"image": "nowhere.nii.gz"}]}, "list.json")


def four_d(root: Path) -> list[str]:
    return [save(root / f"{case}.nii.gz", whole(case)) for case in CASES]
