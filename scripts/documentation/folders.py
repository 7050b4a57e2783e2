"""Miniature folders for the examples: a few volumes of a few kilobytes, laid out as data sets are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np

SHAPE = (24, 28, 20)


def make(name: str, folder: Path) -> None:
    """Make one of the folders of this file, by its name."""
    _FOLDERS[name](folder)


def _write(file: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), file)  # type: ignore[no-untyped-call]


def _level(case: int, level: float) -> float:
    """Return the brightness of a case: scanners differ."""
    return level * (0.7, 1.0, 1.25, 1.6)[case % 4]


def _brain(seed: int, level: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Return a noisy ellipsoid in a background of 0."""
    drawn = np.random.default_rng(seed).normal(level, level / 5, SHAPE)
    grid = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    inside = sum(axis**2 for axis in grid) < 0.7
    return np.where(inside, drawn.clip(1), 0).astype(np.int16)


def _lesion(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """Return a label map: 1 in a cube, 0 elsewhere."""
    labels = np.zeros(SHAPE, np.int16)
    start = np.random.default_rng(seed).integers(6, 12)
    labels[start : start + 4, start : start + 4, start : start + 4] = 1
    return labels


def _nnunet(top: Path) -> None:
    """Make a data set of nnU-Net v2: four cases of two channels, and labels."""
    dataset = top / "nnUNet_raw" / "Dataset042_Brain"
    for case in range(4):
        for channel, level in enumerate((400, 150)):
            _write(
                dataset / f"imagesTr/brain_{case:03}_{channel:04}.nii.gz",
                _brain(case * 2 + channel, _level(case, level)),
            )
        _write(dataset / f"labelsTr/brain_{case:03}.nii.gz", _lesion(case))
    _write(dataset / "imagesTs/brain_900_0000.nii.gz", _brain(900, 400))
    description = {
        "channel_names": {"0": "T1", "1": "FLAIR"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 4,
        "file_ending": ".nii.gz",
    }
    (dataset / "dataset.json").write_text(json.dumps(description, indent=2), encoding="utf-8")
    _preprocessed(top / "nnUNet_preprocessed" / "Dataset042_Brain")


def _preprocessed(folder: Path) -> None:
    """Write the plans and the fingerprint of the data set, with the keys that nnU-Net gives them."""
    foreground = {
        str(channel): {"mean": level, "std": level / 3, "percentile_00_5": level / 3, "percentile_99_5": 2.0 * level}
        for channel, level in enumerate((470.0, 176.0))
    }
    network = {
        "n_stages": 3,
        "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    }
    full = {
        "batch_size": 2,
        "patch_size": [12, 16, 16],
        "spacing": [1.0, 1.0, 1.0],
        "normalization_schemes": ["ZScoreNormalization", "ZScoreNormalization"],
        "use_mask_for_norm": [True, True],
        "architecture": {"network_class_name": "PlainConvUNet", "arch_kwargs": network},
    }
    plans = {
        "transpose_forward": [0, 1, 2],
        "configurations": {"3d_fullres": full},
        "foreground_intensity_properties_per_channel": foreground,
    }
    fingerprint = {
        "shapes_after_crop": [list(SHAPE)] * 4,
        "spacings": [[1.0, 1.0, 1.0]] * 4,
        "foreground_intensity_properties_per_channel": foreground,
    }
    folder.mkdir(parents=True)
    for name, content in (("nnUNetPlans", plans), ("dataset_fingerprint", fingerprint)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2), encoding="utf-8")


def _monai(top: Path) -> None:
    """Make a MONAI data list: three training cases of two files, and one for validation."""
    for case in range(4):
        for name, level in (("t1", 400), ("t2", 150)):
            _write(top / f"data/images/{case}_{name}.nii.gz", _brain(case, _level(case, level)))
    entries = [{"image": [f"images/{case}_t1.nii.gz", f"images/{case}_t2.nii.gz"]} for case in range(4)]
    description: dict[str, object] = {
        "modality": {"0": "T1", "1": "T2"},
        "training": entries[:3],
        "validation": entries[3:],
    }
    lines = ",\n".join(f"  {json.dumps(key)}: {_rows(value)}" for key, value in description.items())
    (top / "data/datalist.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    (top / "bundle/configs").mkdir(parents=True)
    (top / "bundle/configs/train.json").write_text(_TRAINING, encoding="utf-8")


# As the bundles of MONAI's model zoo are written.
_TRAINING = """{
  "network_def": {"_target_": "UNet", "spatial_dims": 3, "in_channels": 2, "norm": "batch"},
  "network": "$@network_def.to(@device)",
  "train": {
    "deterministic_transforms": [
      {"_target_": "LoadImaged", "keys": "image"},
      {"_target_": "Spacingd", "keys": "image", "pixdim": [1.0, 1.0, 1.0]},
      {"_target_": "NormalizeIntensityd", "keys": "image", "nonzero": true, "channel_wise": true}
    ],
    "random_transforms": [
      {"_target_": "RandSpatialCropSamplesd", "keys": "image", "roi_size": [12, 12, 12], "num_samples": 2},
      {"_target_": "RandGaussianNoised", "keys": "image"}
    ],
    "preprocessing": {
      "_target_": "Compose",
      "transforms": "$@train#deterministic_transforms + @train#random_transforms"
    },
    "dataloader": {"_target_": "DataLoader", "dataset": "@train#dataset", "batch_size": 2}
  }
}
"""


def _rows(value: object) -> str:
    """Return JSON in which each entry of a list is a line."""
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(f"    {json.dumps(one)}" for one in value) + "\n  ]"


def _bids(top: Path) -> None:
    """Make a BIDS data set: three subjects, of which two have two sessions, T1w and FLAIR."""
    for subject, sessions in (("01", ("01", "02")), ("02", ("01",)), ("03", ("01", "02"))):
        for session in sessions:
            name = f"sub-{subject}_ses-{session}"
            folder = top / f"bids/sub-{subject}/ses-{session}/anat"
            seed = int(subject) * 10 + int(session)
            _write(folder / f"{name}_T1w.nii.gz", _brain(seed, _level(seed, 400)))
            _write(folder / f"{name}_FLAIR.nii.gz", _brain(seed + 5, _level(seed, 150)))
    for subject in ("01", "03"):
        series = np.stack([_brain(int(subject) * 100 + time, 300) for time in range(6)], axis=-1)
        _write(top / f"bids/sub-{subject}/ses-01/func/sub-{subject}_ses-01_task-rest_bold.nii.gz", series)
    description = {"Name": "miniature", "BIDSVersion": "1.10.0"}
    (top / "bids/dataset_description.json").write_text(json.dumps(description), encoding="utf-8")


def _brats(top: Path) -> None:
    """Make a BraTS folder: four cases of four modalities and a segmentation; one T1ce has the same value everywhere."""
    for case in range(1, 5):
        name = f"BraTS_{case:03}"
        for channel, level in (("flair", 200), ("t1", 400), ("t1ce", 450), ("t2", 150)):
            values = _brain(case * 10 + len(channel), _level(case, level))
            missing = case == 3 and channel == "t1ce"
            _write(top / f"brats/{name}/{name}_{channel}.nii.gz", values * 0 if missing else values)
        _write(top / f"brats/{name}/{name}_seg.nii.gz", _lesion(case))


_FOLDERS: dict[str, Callable[[Path], None]] = {"nnunet": _nnunet, "monai": _monai, "bids": _bids, "brats": _brats}
