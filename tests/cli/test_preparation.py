"""--intensity and --mask at the command line: their output, and the messages if they are wrong."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("cohort")

SAID = "values after clip:0,200|zscore, each volume by itself; inside the mask nonzero"
BOTH = ("--intensity", "clip:0,200|zscore", "--mask", "nonzero")


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Two volumes of three channels with an empty border, masks of them, and a third without anything but 0."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    (tmp_path / "cohort").mkdir()
    (tmp_path / "masks").mkdir()
    for name in ("a", "b"):
        values = random.normal(100, 60, (8, 9, 10, 3)).astype(np.int16)
        values[:2] = 0
        nib.Nifti1Image(values, np.eye(4)).to_filename(tmp_path / "cohort" / f"{name}.nii.gz")
        marks = np.zeros((8, 9, 10), np.uint8)
        marks[4:] = 1
        nib.Nifti1Image(marks, np.eye(4)).to_filename(tmp_path / "masks" / f"{name}_mask.nii.gz")
    nib.Nifti1Image(np.zeros((8, 9, 10, 3), np.int16), np.eye(4)).to_filename(tmp_path / "zeros.nii")
    return tmp_path


def document(ran):
    assert ran.code in (0, 3)
    return json.loads(ran.out)


def test_inspect_computes_and_says_what_went_before(cohort, bnstat_run):
    shown = bnstat_run("inspect", "cohort", *BOTH)
    assert (shown.code, shown.out.count(SAID)) == (0, 1)
    answer = document(bnstat_run("inspect", "cohort", *BOTH, "--format", "json"))
    assert (answer["settings"]["intensity"], answer["settings"]["mask"]) == ("clip:0,200|zscore", "nonzero")
    for batch, name in zip(answer["batches"], "ab", strict=True):
        values = np.asarray(nib.load(cohort / "cohort" / f"{name}.nii.gz").dataobj, np.float64)
        for channel in batch["channels"]:
            stored = values[..., channel["channel"]]
            clipped = stored.clip(0, 200)
            after = ((clipped - clipped.mean()) / clipped.std())[stored != 0]
            assert channel["count"] == after.size
            assert channel["mean"] == pytest.approx(after.mean(), rel=1e-12)
            assert channel["variance"] == pytest.approx(after.var(), rel=1e-12)


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "cohort"),
        ("compare", "cohort", "--batch-sizes", "1,2"),
        ("compare", "cohort", "--frameworks", "keras,torch"),
        ("compare", "cohort", "--normalizers", "batch,layer"),
        ("compare", "cohort", "--epsilons", "1e-3,1e-5"),
        ("check", "cohort", "--fail-on", "never", "--epsilon", "0.5"),
    ],
)
def test_every_format_for_people_says_once_what_voxels_went_through(bnstat_run, command, form):
    ran = bnstat_run(*command, *BOTH, "--format", form)
    assert ran.code == 0
    assert " ".join(ran.out.replace("\\", "").split()).count(SAID) == 1
    plain = bnstat_run(*command, "--intensity", "none", "--format", form)
    assert "each volume by itself" not in plain.out


@pytest.mark.parametrize("command", [("compare", "cohort", "--batch-sizes", "1"), ("check", "cohort")])
def test_settings_in_json_have_both(bnstat_run, command):
    ran = bnstat_run(*command, *BOTH, "--format", "json")
    found = json.loads(ran.out)["settings"]
    assert (found["intensity"], found["mask"]) == ("clip:0,200|zscore", "nonzero")


def test_none_is_as_if_nothing_was_said(bnstat_run):
    plain = bnstat_run("inspect", "cohort", "--framework", "keras-tensorflow")
    assert bnstat_run("inspect", "cohort", "--framework", "keras-tensorflow", "--intensity", "none") == plain


def test_each_case_has_a_mask_of_its_own(bnstat_run):
    answer = document(bnstat_run("inspect", "cohort", "--mask", "masks/{case}_mask.nii.gz", "--format", "json"))
    assert {channel["count"] for batch in answer["batches"] for channel in batch["channels"]} == {4 * 9 * 10}
    assert isinstance(answer["batches"][0]["channels"][0]["min"], int)


@pytest.mark.parametrize("mask", ["nonzero", "masks/{case}_mask.nii.gz"])
def test_an_input_without_a_mask_or_without_anything_inside_is_one_line_and_the_rest_goes_on(bnstat_run, mask):
    ran = bnstat_run("inspect", "cohort", "zeros.nii", "--mask", mask, "--format", "json")
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert "zeros.nii: " in ran.errors[0]
    answer = json.loads(ran.out)
    assert (len(answer["batches"]), [error["source"] for error in answer["errors"]]) == (2, ["zeros.nii"])


@pytest.mark.parametrize("command", ["inspect", "compare", "check"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--intensity", "zscores"), "--intensity: step 'zscores' is not known; did you mean 'zscore'?"),
        (("--intensity", "clip:9,1"), "its lower end 9 is above its upper end 1"),
        (("--intensity", "ct:gone.json"), "there is no such file"),
        (
            ("--intensity", "zscore:mask"),
            "--intensity: zscore:mask takes the statistics inside of a mask, and there is none",
        ),
        (("--intensity", "0=zscore;0=none"), "--intensity: there are two lists of steps for channel '0'"),
        (("--mask", "brain"), "--mask: 'brain' is not known, and no such file"),
        (("--mask", ">much"), "--mask: the threshold of '>much' is not a number"),
    ],
)
def test_what_cannot_be_is_one_line_before_anything_is_read(refused, command, option, said):
    assert said in refused(2, command, "no/such/file.nii", *option)


def test_counts_that_differ_inside_a_mask_are_a_range(cohort, bnstat_run):
    ran = bnstat_run("inspect", "cohort/a.nii.gz", "--mask", ">100")
    values = np.asarray(nib.load(cohort / "cohort/a.nii.gz").dataobj)
    counts = [int((values[..., channel] > 100).sum()) for channel in range(3)]
    size = values[..., 0].size
    said = " ".join(ran.out.split())
    assert (
        f": {size:,} values per channel mask >100 keeps {min(counts):,} to {max(counts):,} of {size:,} values" in said
    )
    assert "Batch norm in a network has no mask: it averages over all values." in said


@pytest.mark.usefixtures("cohort")
@pytest.mark.parametrize("more", [(), ("--normalizer", "layer"), ("--normalizer", "group:3"), ("-b", 2)])
def test_the_input_line_counts_all_values_and_the_mask_those_that_it_keeps(bnstat_run, more):
    plain = bnstat_run("inspect", "cohort", *more).out
    masked = " ".join(bnstat_run("inspect", "cohort", "--mask", ">100", *more).out.split())
    counted = re.search(r"reduces axes [\d,]+: [\d,]+ values per", " ".join(plain.split()))
    assert counted
    assert counted[0] in masked
    assert re.search(r"mask >100 keeps [\d,]+( to [\d,]+)? of [\d,]+ values per \w+ \([\d.]+( to [\d.]+)? %\)", masked)


@pytest.mark.usefixtures("cohort")
def test_a_mask_that_keeps_everything_says_so(bnstat_run):
    said = " ".join(bnstat_run("inspect", "cohort/a.nii.gz", "--mask", ">-1e9").out.split())
    assert "mask >-1e9 keeps all " in said


@pytest.mark.parametrize(
    "command",
    [
        ("inspect", "cohort", "--framework", "keras-tensorflow"),
        ("compare", "cohort", "--frameworks", "keras,keras-tensorflow,onnx,torch-channels-last"),
    ],
)
def test_a_preset_that_would_do_its_sums_again_is_bounded_and_says_so_once(bnstat_run, command):
    ran = bnstat_run(*command, "--intensity", "scale:1000,30000", "--format", "json")
    assert sum("the framework's own variance is given as bounds" in line for line in ran.lines) == 1
    assert '"emulated"' not in ran.out
    plain = bnstat_run(*command, "--format", "json")
    assert "the framework's own variance is given as bounds" not in plain.err


def test_a_preset_without_such_sums_says_nothing_of_them(bnstat_run):
    ran = bnstat_run("inspect", "cohort", "--framework", "torch", "--intensity", "zscore")
    assert "emulated" not in ran.err


def test_a_zero_variance_after_a_clip_is_found(bnstat_run):
    ran = bnstat_run("check", "cohort", "--intensity", "clip:5000,6000|zscore")
    assert ran.code == 1
    assert "BN101 zero-variance" in ran.out


def test_a_settings_file_has_both_with_paths_relative_to_it(cohort, bnstat_run, monkeypatch):
    numbers = {"percentile_00_5": 0, "percentile_99_5": 200, "mean": 90, "std": 50}
    properties = {"foreground_intensity_properties_per_channel": {str(channel): numbers for channel in range(3)}}
    (cohort / "plans.json").write_text(json.dumps(properties))
    (cohort / "bnstat.toml").write_text('intensity = "ct:plans.json|minmax"\nmask = "masks/{case}_mask.nii.gz"\n')
    monkeypatch.chdir(cohort / "masks")
    ran = bnstat_run("check", "../cohort", "--fail-on", "never", "--format", "json")
    assert ran.code == 0
    settings = json.loads(ran.out)["settings"]
    assert settings["intensity"] == f"ct:{cohort / 'plans.json'}|minmax"
    assert settings["mask"] == str(cohort / "masks/{case}_mask.nii.gz")
    assert "plans.json" in bnstat_run("check", "--show-settings").out


@pytest.mark.parametrize("beside", [("--mask",), ("--patch", "2", "--foreground", "0.5", "--labels")])
@pytest.mark.parametrize("command", [("inspect",), ("compare",), ("compare", "--epsilons", "1,2"), ("check",)])
def test_no_output_replaces_a_mask_or_labels(cohort, bnstat_run, command, beside):
    mask = cohort / "masks" / "b_mask.nii.gz"
    before = mask.read_bytes()
    ran = bnstat_run(*command, "cohort", *beside, "masks/{case}_mask.nii.gz", "-o", mask)
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "is one of the inputs and stays as it is" in ran.errors[0]
    assert mask.read_bytes() == before


def test_an_option_may_come_from_the_environment(bnstat_run, monkeypatch):
    monkeypatch.setenv("BNSTAT_INSPECT_MASK", "nonzero")
    assert "values inside the mask nonzero" in bnstat_run("inspect", "cohort").out


def test_each_channel_takes_its_own_steps(cohort, bnstat_run):
    steps = "0=zscore;2=clip:0,50|minmax;*=none"
    answer = document(bnstat_run("inspect", "cohort/a.nii.gz", "--intensity", steps, "--format", "json"))
    assert answer["settings"]["intensity"] == steps
    values = np.asarray(nib.load(cohort / "cohort/a.nii.gz").dataobj, np.float64)
    expected = [
        (values[..., 0] - values[..., 0].mean()) / values[..., 0].std(),
        values[..., 1],
        values[..., 2].clip(0, 50) / 50,
    ]
    for found, own in zip(answer["batches"][0]["channels"], expected, strict=True):
        assert found["mean"] == pytest.approx(own.mean(), rel=1e-12, abs=1e-12)
        assert found["variance"] == pytest.approx(own.var(), rel=1e-12)
    assert f"values after {steps}, each volume by itself" in bnstat_run("compare", "cohort", "--intensity", steps).out


def test_names_of_channels_are_those_of_the_pattern(cohort, bnstat_run):
    for channel, name in enumerate(("CT", "PET", "mask")):
        values = np.asarray(nib.load(cohort / "cohort/a.nii.gz").dataobj)[..., channel]
        nib.Nifti1Image(values, np.eye(4)).to_filename(cohort / f"x_{name}.nii.gz")
    pattern = ("--channels", "{case}_{channel:CT,PET,mask}.nii.gz")
    command = ("inspect", ".", *pattern, "--format", "json", "--intensity")
    named = document(bnstat_run(*command, "PET=zscore;CT=clip:0,50;mask=none"))
    numbered = document(bnstat_run(*command, "1=zscore;0=clip:0,50;none"))
    assert named["batches"] == numbered["batches"]
    assert [channel["name"] for channel in named["batches"][0]["channels"]] == ["CT", "PET", "mask"]


@pytest.mark.parametrize("command", [("inspect",), ("compare",), ("check",), ("scan", "-o", "m.jsonl")])
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            "CT=zscore;*=none",
            "--intensity has steps for channel 'CT', which cohort/a.nii.gz does not have; its 3 channels",
        ),
        ("0=zscore", "--intensity has no steps for channel 1 (nor for 1 other) of cohort/a.nii.gz; add '1=…'"),
    ],
)
def test_steps_for_other_channels_are_refused(refused, command, steps, said):
    assert said in refused(2, *command, "cohort", "--intensity", steps)


def test_zeros_that_become_a_constant_are_noted_with_it(cohort, bnstat_run):
    ran = bnstat_run("inspect", "cohort/a.nii.gz", "--intensity", "1=zscore-nonzero-all;none")
    values = np.asarray(nib.load(cohort / "cohort/a.nii.gz").dataobj, np.float64)[..., 1]
    others = values[values != 0]
    constant = -others.mean() / others.std()
    assert f"all zeros become {constant:.4g} in channel 1 of cohort/a.nii.gz, one negative constant" in ran.err
    assert "type --intensity zscore-nonzero" in ran.err
    three = bnstat_run("compare", "cohort", "--intensity", "zscore-nonzero-all")
    assert "all zeros become one negative constant in each channel, from -" in three.err
    assert "zeros become" not in bnstat_run("inspect", "cohort", "--intensity", "zscore-nonzero").err


def test_moments_keep_the_steps_of_each_channel(bnstat_run):
    steps = "0=zscore-nonzero-filled;*=none"
    assert bnstat_run("scan", "cohort", "--intensity", steps, "-o", "m.jsonl").code == 0
    again = document(bnstat_run("inspect", "m.jsonl", "--format", "json"))
    assert again["settings"]["intensity"] == steps
    assert (
        again["batches"]
        == document(bnstat_run("inspect", "cohort", "--intensity", steps, "--format", "json"))["batches"]
    )
