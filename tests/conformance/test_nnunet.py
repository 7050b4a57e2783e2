"""`--plans` gives the statistics of the arrays that nnU-Net's own preprocessing made, as a real run recorded them."""

from __future__ import annotations

import json
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import nnunet_cases
import pytest

RECORDING = Path(__file__).parents[1] / "recordings" / "nnunet-run.json"
DATASETS = json.loads(RECORDING.read_text(encoding="utf-8"))["datasets"]
# nnU-Net computes in float32, and bnstat in float64.
SAME = 1e-6


@pytest.fixture(params=DATASETS)
def dataset(request, tmp_path, monkeypatch):
    """Return a data set and what nnU-Net made of it; its plans and its fingerprint lie in the current folder."""
    monkeypatch.chdir(tmp_path)
    name = request.param
    nnunet_cases.write(tmp_path, name)
    for file, key in (("nnUNetPlans.json", "plans"), ("dataset_fingerprint.json", "fingerprint")):
        (tmp_path / file).write_text(json.dumps(DATASETS[name][key]))
    return name


@pytest.fixture
def preprocessed(bnstat_run):
    """Return the statistics of each case and channel after the steps of the plans, in whole volumes."""

    def call(name):
        options = ("--plans", "nnUNetPlans.json", "--patch", "none", "--batch-size", 1, "--format", "json")
        ran = bnstat_run("inspect", name, *options)
        assert ran.code == 0, ran
        found = json.loads(ran.out)
        assert found["settings"]["normalizer"] == "instance"
        return [batch["groups"] for batch in found["batches"]]

    return call


def test_the_run_had_what_this_is_about():
    """Both kinds of normalization, axes in another order than the file's, and one spacing for all."""
    full = {name: found["plans"]["configurations"]["3d_fullres"] for name, found in DATASETS.items()}
    assert full["Dataset501_CtMr"]["normalization_schemes"] == ["CTNormalization", "ZScoreNormalization"]
    assert full["Dataset502_Brain"]["use_mask_for_norm"] == [True, True]
    for name, found in DATASETS.items():
        assert found["plans"]["transpose_forward"] == [2, 0, 1]
        assert sorted(full[name]["spacing"]) == sorted(nnunet_cases.SPACING)


def test_whole_volumes_have_the_statistics_of_nnunets_own_arrays(dataset, preprocessed):
    for groups, case in zip(preprocessed(dataset), DATASETS[dataset]["cases"], strict=True):
        for own, theirs in zip(groups, case["channels"], strict=True):
            total, mean = own["count"], own["mean"]
            # nnU-Net crops to the nonzero voxels. The voxels that it drops are 0 after the masked z-score too, so that
            # sums are those of the crop; without a border of zeros nothing is dropped.
            assert mean * total == pytest.approx(theirs["sum"], abs=SAME * theirs["count"])
            assert (own["variance"] + mean**2) * total == pytest.approx(theirs["squares"], rel=SAME)
            assert own["min"] == pytest.approx(theirs["min"], rel=SAME)
            assert own["max"] == pytest.approx(theirs["max"], rel=SAME)
            if dataset == "Dataset501_CtMr":
                assert total == theirs["count"]
                assert mean == pytest.approx(theirs["mean"], rel=SAME, abs=SAME)
                assert own["variance"] == pytest.approx(theirs["variance"], rel=SAME)
            else:
                assert total > theirs["count"]


def test_the_patch_is_along_the_axes_of_the_preprocessed_arrays(dataset, bnstat_run):
    ran = bnstat_run("inspect", "--plans", "nnUNetPlans.json", "--show-settings")
    shown = {line.split()[0]: line.split()[1] for line in ran.out.splitlines()}
    patch = tuple(map(int, shown["patch"].split("x")))
    configuration = DATASETS[dataset]["plans"]["configurations"]["3d_fullres"]
    # the shape of the array, whose axes are (x, z, y) in these plans, beside the patch along the same axes
    assert patch == tuple(configuration["patch_size"][place] for place in (0, 2, 1))
    if dataset == "Dataset501_CtMr":
        assert tuple(DATASETS[dataset]["cases"][0]["shape"][place] for place in (0, 2, 1)) == nnunet_cases.SHAPE


def test_plans_are_of_use_on_every_command(dataset, bnstat_run):
    for command in ("inspect", "compare", "check"):
        ran = bnstat_run(command, dataset, "--plans", "nnUNetPlans.json", "--format", "json", "--patches", 2)
        assert ran.code in (0, 1), ran
        assert json.loads(ran.out)["settings"]["patches"]["foreground"] == "nnunet:0.33"


@pytest.mark.skipif(find_spec("nnunetv2") is None, reason="needs nnunetv2: pip install 'bnstat[test-nnunet]'")
@pytest.mark.parametrize("name", DATASETS)
def test_a_run_today_gives_what_was_recorded(name, tmp_path, monkeypatch):
    script = Path(__file__).parents[2] / "scripts" / "conformance" / "nnunet_run.py"
    spec = spec_from_file_location("nnunet_run", script)
    nnunet_run = module_from_spec(spec)
    spec.loader.exec_module(nnunet_run)
    for key in ("raw", "preprocessed", "results"):
        (tmp_path / key).mkdir()
        monkeypatch.setenv(f"nnUNet_{key}", str(tmp_path / key))
    found = json.loads(json.dumps(nnunet_run.run(tmp_path, name)))
    for own, theirs in zip(found["cases"], DATASETS[name]["cases"], strict=True):
        assert own["shape"] == theirs["shape"]
        for one, other in zip(own["channels"], theirs["channels"], strict=True):
            assert one == pytest.approx(other, rel=1e-5, abs=1e-3)
