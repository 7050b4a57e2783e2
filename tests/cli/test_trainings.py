"""`--plans` and `--monai`: a training's own file gives options their values."""

from __future__ import annotations

import json

import dataset_cases
import numpy as np
import pytest

CT = {"mean": 10.5, "std": 3.25, "percentile_00_5": -3, "percentile_99_5": 99.5}
NETWORK = {
    "strides": [[1, 1, 1], [2, 2, 2]],
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-4, "affine": True},
}
FULL = {
    "patch_size": [2, 3, 4],
    "batch_size": 2,
    "spacing": [1.0, 1.0, 1.0],
    "normalization_schemes": ["CTNormalization", "ZScoreNormalization"],
    "use_mask_for_norm": [False, False],
    "architecture": {"arch_kwargs": NETWORK},
}
CONFIGURATIONS = {
    "3d_fullres": FULL,
    "3d_lowres": FULL | {"spacing": [2.0, 2.0, 2.0]},
    "big": FULL | {"batch_size": 7, "patch_size": [3, 3, 3]},
}
STEPS = "0=ct:-3.0,99.5,10.5,3.25;1=zscore"


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"foreground_intensity_properties_per_channel": {"0": CT}, "configurations": CONFIGURATIONS}
    (tmp_path / "plans.json").write_text(json.dumps(content))
    return dataset_cases.nnunet_v2(tmp_path / "data")


@pytest.fixture
def answer(bnstat_run):
    def call(*arguments):
        ran = bnstat_run(*arguments, "--format", "json")
        assert ran.code in (0, 1), ran
        return json.loads(ran.out)

    return call


@pytest.fixture
def shown(bnstat_run):
    def call(*arguments):
        ran = bnstat_run(*arguments, "--show-settings")
        assert ran.code == 0, ran
        rows = (line.split(maxsplit=2) for line in ran.out.splitlines())
        return {name: (value, origin) for name, value, origin in rows}

    return call


def test_a_plans_file_says_the_same_as_the_options(answer):
    options = ["--framework", "torch", "--normalizer", "instance", "--epsilon", 1e-4, "--batch-size", 2]
    options += ["--patch", "4x3x2", "--foreground", "nnunet:0.33", "--intensity", STEPS]
    for command in ("inspect", "check"):
        by_plans = answer(command, "data", "--plans", "plans.json")
        by_hand = answer(command, "data", *options)
        assert by_plans["settings"] == by_hand["settings"]
        assert by_plans["settings"]["intensity"] == STEPS
        assert by_plans["findings"] == by_hand["findings"]
    assert (
        answer("inspect", "data", "--plans", "plans.json")["batches"] == answer("inspect", "data", *options)["batches"]
    )


def test_each_value_that_was_taken_is_said(bnstat_run):
    ran = bnstat_run("inspect", "data", "--plans", "plans.json")
    said = ran.err.splitlines()[0]
    assert said == (
        "bnstat: note: plans.json (3d_fullres) sets --framework torch, --normalizer instance, --epsilon 0.0001, "
        f"--batch-size 2, --patch 4x3x2, --foreground nnunet:0.33, --intensity {STEPS}"
    )
    assert "nnU-Net crops an image to its nonzero voxels" in ran.err


def test_settings_show_the_file_that_a_value_is_from(shown):
    found = shown("inspect", "--plans", "plans.json:big", "--seed", 3)
    assert found["batch-size"] == ("7", "plans.json (big)")
    assert found["patch"] == ("3x3x3", "plans.json (big)")
    assert found["intensity"] == (STEPS, "plans.json (big)")
    assert found["plans"] == ("plans.json:big", "command line")
    assert found["seed"] == ("3", "command line")
    assert found["momentum"] == ("–", "default")


def test_what_is_typed_overrules_the_plans_and_is_said(bnstat_run, answer):
    typed = ["--batch-size", 1, "--framework", "keras", "--foreground", "none"]
    found = answer("inspect", "data", "--plans", "plans.json", *typed)["settings"]
    assert (found["batch_size"], found["framework"], found["normalizer"]) == (1, "keras-group", "instance")
    assert found["patches"]["foreground"] is None
    assert found["patches"]["size"] == [4, 3, 2]
    err = bnstat_run("inspect", "data", "--plans", "plans.json", *typed).err
    assert "; you override --framework torch, --batch-size 2, --foreground nnunet:0.33" in err


def test_whole_volumes_may_be_read_with_the_intensities_of_the_plans(answer):
    found = answer("inspect", "data", "--plans", "plans.json", "--patch", "none", "--batch-size", 1)
    assert found["settings"]["patches"] is None
    raw = np.stack([dataset_cases.values("case_001", channel) for channel in range(2)]).astype(float)
    expected = (np.clip(raw[0], -3, 99.5) - 10.5) / 3.25
    groups = found["batches"][0]["groups"]
    assert groups[0]["mean"] == pytest.approx(expected.mean(), rel=1e-12)
    assert groups[0]["variance"] == pytest.approx(expected.var(), rel=1e-12)
    assert groups[1]["mean"] == pytest.approx(0, abs=1e-12)


def test_plans_in_a_settings_file_are_overruled_by_all_that_is_said_elsewhere(shown, tmp_path, monkeypatch):
    file = tmp_path / "bnstat.toml"
    file.write_text('plans = "plans.json"\nbatch-size = 5\n[check]\nframework = "flax"\n')
    monkeypatch.setenv("BNSTAT_INSPECT_EPSILON", "0.5")
    found = shown("inspect")
    assert found["plans"] == (f"{tmp_path}/plans.json", str(file))
    assert found["batch-size"] == ("5", str(file))
    assert found["epsilon"] == ("0.5", "environment")
    assert found["framework"] == ("torch", f"{tmp_path}/plans.json (3d_fullres)")
    assert shown("check")["framework"] == ("flax", f"{file} [check]")


def test_plans_on_the_command_line_are_stronger_than_a_settings_file(shown, tmp_path, monkeypatch):
    (tmp_path / "bnstat.toml").write_text('batch-size = 5\n[inspect]\nframework = "flax"\n')
    monkeypatch.setenv("BNSTAT_INSPECT_EPSILON", "0.5")
    found = shown("inspect", "--plans", "plans.json")
    assert {found[name][1] for name in ("batch-size", "framework", "epsilon")} == {"plans.json (3d_fullres)"}
    monkeypatch.setenv("BNSTAT_INSPECT_PLANS", "plans.json:big")
    found = shown("inspect")
    assert found["batch-size"] == ("7", "plans.json (big)")
    assert found["epsilon"] == ("0.5", "environment")


def test_a_comparison_takes_what_it_uses(answer, bnstat_run):
    sizes = answer("compare", "data", "--plans", "plans.json")
    assert sizes["settings"]["framework"] == "torch"
    assert sizes["settings"]["patches"]["size"] == [4, 3, 2]
    said = bnstat_run("compare", "data", "--plans", "plans.json").err.splitlines()[0]
    assert "--normalizer" not in said
    assert "--batch-size" not in said
    layers = answer("compare", "data", "--plans", "plans.json", "--epsilons", "1e-3,1e-5")
    assert layers["settings"]["normalizer"] == "instance"
    assert layers["settings"]["batch_size"] == 2


def test_a_report_takes_what_a_check_takes(answer):
    report = answer("report", "data", "--plans", "plans.json")
    assert report["check"] == answer("check", "data", "--plans", "plans.json", "--fail-on", "never")
    assert report["check"]["settings"]["batch_size"] == 2
    assert report["not_compared"].startswith("instance norm does not use the statistics of batches")
    report = answer("report", "data", "--plans", "plans.json", "--normalizer", "batch", "--batch-sizes", "4,8")
    assert report["check"]["settings"]["batch_size"] == 2
    assert [point["batch_size"] for point in report["compare"]["batch_sizes"]] == [2, 4, 8]


def test_a_scan_takes_what_moments_depend_on(bnstat_run, answer):
    ran = bnstat_run("scan", "data", "--plans", "plans.json", "-o", "moments.jsonl")
    assert ran.code == 0
    assert f"sets --patch 4x3x2, --foreground nnunet:0.33, --intensity {STEPS}" in ran.err
    again = answer("inspect", "moments.jsonl", "--plans", "plans.json")
    assert again["batches"] == answer("inspect", "data", "--plans", "plans.json")["batches"]


def test_volumes_that_nnunet_would_resample_are_noted(bnstat_run):
    err = bnstat_run("inspect", "data", "--plans", "plans.json:3d_lowres").err
    assert "3 of 3 volumes have another spacing than the 2 × 2 × 2 mm of plans.json (3d_lowres)" in err
    assert "resamples volumes" not in bnstat_run("inspect", "data", "--plans", "plans.json").err


def test_volumes_without_labels_say_how_to_ignore_the_foreground(bnstat_run, tmp_path):
    dataset_cases.save(tmp_path / "one.nii.gz", dataset_cases.whole("case_001"))
    asked = ("inspect", "one.nii.gz", "--plans", "plans.json")
    assert "or ignore them with --foreground none" in bnstat_run(*asked).err
    assert bnstat_run(*asked, "--foreground", "none").code == 0


def test_the_plans_file_is_not_written_over(bnstat_run, tmp_path):
    before = (tmp_path / "plans.json").read_text()
    ran = bnstat_run("inspect", "data", "--plans", "plans.json", "-o", "plans.json")
    assert ran.code == 2
    assert (tmp_path / "plans.json").read_text() == before


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("nothing.json", 3, "nothing.json: no such file"),
        ("plans.json:3d", 2, "no configuration '3d'; it has 3d_fullres, 3d_lowres, big"),
        ("data/dataset.json", 3, "it is not a plans file of nnU-Net"),
        ("data", 3, "data: it is a directory"),
    ],
)
def test_a_file_that_is_no_plans_file_is_one_line(refused, name, code, words):
    assert words in refused(code, "inspect", "data", "--plans", name)


def test_two_trainings_are_refused(refused):
    assert "--plans and --monai describe two trainings" in refused(
        2, "inspect", "data", "--plans", "plans.json", "--monai", "train.json"
    )


@pytest.fixture
def preprocessed(tmp_path):
    """Return a folder of one case that nnU-Net has preprocessed."""
    folder = tmp_path / "nnUNetPlans_3d_fullres"
    folder.mkdir()
    values = np.random.default_rng(0).normal(size=(2, 6, 7, 8)).astype(np.float32)
    np.save(folder / "case.npy", values)
    np.save(folder / "case_seg.npy", np.ones((1, 6, 7, 8), np.int8))
    (folder / "case.pkl").write_bytes(b"")
    return folder.name


def test_arrays_that_are_preprocessed_are_not_normalized_again(refused, answer, preprocessed):
    asked = ("inspect", preprocessed, "--plans", "plans.json")
    line = refused(2, *asked)
    assert "is preprocessed already, and plans.json (3d_fullres) would normalize it again; add --intensity none" in line
    found = answer(*asked, "--intensity", "none")
    assert found["settings"]["patches"]["size"] == [4, 3, 2]
    assert found["settings"]["intensity"] is None


def test_arrays_that_are_preprocessed_have_the_axes_of_the_plans(refused, answer, preprocessed, tmp_path):
    plans = json.loads((tmp_path / "plans.json").read_text()) | {"transpose_forward": [2, 0, 1]}
    (tmp_path / "plans.json").write_text(json.dumps(plans))
    asked = ("inspect", preprocessed, "--plans", "plans.json", "--intensity", "none")
    assert "add --patch 4x3x2, or give the raw images" in refused(2, *asked)
    assert answer(*asked, "--patch", "4x3x2")["settings"]["patches"]["size"] == [4, 3, 2]


def test_a_comparison_of_batch_sizes_says_that_the_network_has_another_layer(bnstat_run):
    said = "the network has instance norm, whose statistics no batch size changes"
    assert said in bnstat_run("compare", "data", "--plans", "plans.json").err
    assert said not in bnstat_run("compare", "data", "--plans", "plans.json", "--epsilons", "1e-3,1e-5").err
    assert said not in bnstat_run("inspect", "data", "--plans", "plans.json").err


def test_a_bundle_that_normalizes_patches_does_so_unless_other_steps_are_typed(answer, tmp_path):
    transforms = [
        {"_target_": "RandSpatialCropd", "keys": "image", "roi_size": [3, 3, 2]},
        {"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True},
    ]
    (tmp_path / "train.json").write_text(json.dumps({"train_transforms": transforms}))
    asked = ("inspect", "data", "--monai", "train.json")
    per_patch = ("--patch", "3x3x2", "--pad", "none", "--framework", "torch")
    by_hand = answer("inspect", "data", *per_patch, "--intensity", "zscore", "--intensity-per", "patch")
    assert answer(*asked)["batches"] == by_hand["batches"]
    assert answer(*asked, "--intensity", "none")["settings"]["intensity"] is None
    assert answer(*asked, "--patch", "none")["settings"]["patches"] is None


def test_volumes_with_other_channels_than_the_plans_are_refused(refused, tmp_path):
    dataset_cases.save(tmp_path / "one.nii.gz", dataset_cases.values("case_001", 0))
    line = refused(2, "inspect", "one.nii.gz", "--plans", "plans.json", "--foreground", "none")
    assert "plans.json (3d_fullres) is of 2 channels, and one.nii.gz has 1; give the plans of these data" in line
