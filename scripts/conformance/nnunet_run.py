"""Run nnU-Net's fingerprint, planning and preprocessing on made data sets, and record what they come to.

Run it where nnunetv2 is installed: `python scripts/conformance/nnunet_run.py`. The recording,
`tests/recordings/nnunet-run.json`, has the plans, the fingerprint, and statistics of each preprocessed array; tests
compare with them what `--plans` and `--reference` give.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

import nnunet_cases  # noqa: E402  (of the tests, found on the path that is set above)

RECORDING = ROOT / "tests" / "recordings" / "nnunet-run.json"
# Voxels that the fingerprint draws of all cases together; nnU-Net's own 100 million are of no more use here.
DRAWN = 1_000_000


def main() -> None:
    """Write the recording."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key in ("raw", "preprocessed", "results"):
            (folder / key).mkdir()
            os.environ[f"nnUNet_{key}"] = str(folder / key)
        found = {dataset: run(folder, dataset) for dataset in nnunet_cases.CHANNELS}
    recording = {"nnunetv2": version("nnunetv2"), "numpy": np.__version__, "datasets": found}
    RECORDING.write_text(json.dumps(recording, indent=1) + "\n", encoding="utf-8")


def run(folder: Path, dataset: str) -> dict[str, Any]:
    """Return what nnU-Net makes of a data set."""
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    raw = nnunet_cases.write(folder / "raw", dataset)
    number = int(dataset[len("Dataset") :].partition("_")[0])
    extractor = DatasetFingerprintExtractor(number, 1)
    extractor.num_foreground_voxels_for_intensitystats = DRAWN
    extractor.run(overwrite_existing=True)
    ExperimentPlanner(number).plan_experiment()
    preprocessed = folder / "preprocessed" / dataset
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text(encoding="utf-8"))
    manager = PlansManager(plans)
    cases = []
    for case in range(nnunet_cases.CASES):
        images = [str(raw / f"imagesTr/case_{case:03}_{channel:04}.nii.gz") for channel in range(2)]
        data, labels, _ = DefaultPreprocessor(verbose=False).run_case(
            images,
            str(raw / f"labelsTr/case_{case:03}.nii.gz"),
            manager,
            manager.get_configuration("3d_fullres"),
            str(raw / "dataset.json"),
        )
        cases.append({"shape": list(data.shape[1:]), "channels": [_statistics(one) for one in data.astype(np.float64)]})
        assert labels.shape[1:] == data.shape[1:]
    fingerprint = json.loads((preprocessed / "dataset_fingerprint.json").read_text(encoding="utf-8"))
    return {"plans": plans, "fingerprint": fingerprint, "cases": cases}


def _statistics(values: np.ndarray[Any, Any]) -> dict[str, float]:
    """Return statistics of one channel, and two that voxels of 0 around it do not change: a sum and one of squares."""
    return {
        "count": int(values.size),
        "mean": float(values.mean()),
        "variance": float(values.var()),
        "min": float(values.min()),
        "max": float(values.max()),
        "sum": float(values.sum()),
        "squares": float(np.square(values).sum()),
    }


if __name__ == "__main__":
    main()
