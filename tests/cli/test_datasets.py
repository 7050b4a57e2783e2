"""Data sets, patterns of channels and names of channels on the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, decathlon, four_d, monai, nnunet_v1, nnunet_v2, save, values
from jsonschema import validate

ROOT = Path(__file__).parents[2]
PATTERN = "{case}/{case}_{channel:FLAIR,T1}.nii.gz"


def schema(name):
    return json.loads((ROOT / f"docs/schema/bnstat.{name}-1.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def root(tmp_path):
    return nnunet_v2(tmp_path / "ds")


@pytest.fixture
def lacking(root):
    """A data set whose first case lacks its second channel."""
    (root / "imagesTr" / f"{CASES[0]}_0001.nii.gz").unlink()
    return root


def test_a_data_set_is_inspected_with_its_channels_by_name(bnstat_run, root):
    ran = bnstat_run("inspect", root, "-b", 3)
    assert (ran.code, ran.lines) == (0, [])
    assert "3 samples from 6 files" in ran.out
    assert "0 FLAIR" in ran.out
    assert "1 T1" in ran.out


def test_one_joined_case_says_how_many_files_it_has(bnstat_run, root):
    ran = bnstat_run("inspect", root / "imagesTs")
    assert "test_001 2 files int16 5 × 4 × 3 × 2".replace(" ", "") in "".join(ran.out.split())


@pytest.mark.parametrize("make", [nnunet_v2, nnunet_v1, decathlon, monai])
def test_every_layout_prints_the_table_of_the_same_4_d_files(bnstat_run, tmp_path, make):
    def numbers(*paths):
        document = json.loads(bnstat_run("inspect", *paths, "-b", 3, "--format", "json").out)
        validate(document, schema("inspect"))
        return [
            (one["mean"], one["variance"], one["min"]) for batch in document["batches"] for one in batch["channels"]
        ]

    np.testing.assert_allclose(numbers(make(tmp_path / "ds")), numbers(*four_d(tmp_path / "4d")), rtol=1e-12)


def test_json_names_channels_where_they_are_known_and_is_silent_elsewhere(bnstat_run, root, tmp_path):
    named = json.loads(bnstat_run("inspect", root, "--format", "json").out)
    validate(named, schema("inspect"))
    assert [channel["name"] for channel in named["batches"][0]["channels"]] == list(CHANNELS)
    assert named["samples"][0]["channels"] == list(CHANNELS)
    assert len(named["samples"][0]["files"]) == 2
    plain = json.loads(bnstat_run("inspect", *four_d(tmp_path / "4d"), "--format", "json").out)
    assert "name" not in plain["batches"][0]["channels"][0]
    assert "channels" not in plain["samples"][0]


@pytest.mark.parametrize("normalizer", ["instance", "group:2", "layer", "renorm", "weight-init", "rms"])
def test_groups_of_one_channel_have_its_name(bnstat_run, root, normalizer):
    ran = bnstat_run("inspect", root, "--normalizer", normalizer, "--format", "json")
    document = json.loads(ran.out)
    validate(document, schema("inspect"))
    batch = document["batches"][0]
    names = [part.get("name") for part in batch.get("groups", batch.get("channels"))]
    assert names == (list(CHANNELS) if normalizer not in ("layer", "rms") else [None])


def test_csv_and_markdown_name_channels(bnstat_run, root):
    rows = list(csv.DictReader(io.StringIO(bnstat_run("inspect", root, "--format", "csv").out)))
    assert [row["name"] for row in rows[:2]] == list(CHANNELS)
    assert "| 0 FLAIR |" in bnstat_run("inspect", root, "--format", "markdown").out


def test_findings_name_channels(bnstat_run, root):
    ran = bnstat_run("check", root)
    assert ran.code == 1
    assert "channel 1 (T1) is missing in" in " ".join(ran.out.split())
    document = json.loads(bnstat_run("check", root, "--format", "json").out)
    validate(document, schema("check"))
    assert document["findings"][0]["source"] == str(root / "imagesTr" / CASES[2])


def test_a_comparison_names_channels_in_every_format(bnstat_run, root):
    document = json.loads(bnstat_run("compare", root, "--format", "json", "--steps", 10, "--ranks", 2).out)
    validate(document, schema("compare"))
    for channels in (document["population"]["channels"], document["batch_sizes"][0]["channels"]):
        assert [channel["name"] for channel in channels] == list(CHANNELS)
    rows = list(csv.DictReader(io.StringIO(bnstat_run("compare", root, "--format", "csv").out)))
    assert [row["name"] for row in rows[:2]] == list(CHANNELS)
    for kind in ("table", "markdown"):
        assert "channel 1 (T1): mean" in bnstat_run("compare", root, "--format", kind).out


@pytest.mark.parametrize(
    ("option", "listed"), [("frameworks", "keras,torch"), ("normalizers", "batch,instance"), ("epsilons", "1e-3,1e4")]
)
def test_compared_layers_name_channels(bnstat_run, root, option, listed):
    document = json.loads(bnstat_run("compare", root, f"--{option}", listed, "--format", "json").out)
    validate(document, schema(f"compare-{option}"))
    for kind in ("table", "markdown"):
        assert "channel 1 (T1)" in bnstat_run("compare", root, f"--{option}", listed, "--format", kind).out
    rows = list(csv.DictReader(io.StringIO(bnstat_run("compare", root, f"--{option}", listed, "--format", "csv").out)))
    assert [row["name"] for row in rows[:2]] == list(CHANNELS)


def test_a_pattern_of_channels_joins_files_for_every_command(bnstat_run, tmp_path):
    folder = monai(tmp_path / "ds").parent
    for arguments in (
        ["inspect"],
        ["compare"],
        ["check", "--fail-on", "never"],
        ["compare", "--epsilons", "1e-3,1e-5"],
    ):
        ran = bnstat_run(*arguments[:1], folder, *arguments[1:], "--channels", PATTERN)
        assert ran.code == 0
        assert "T1" in ran.out or "3 samples" in ran.out
        assert any("skipped 3 files" in line for line in ran.lines)


def test_a_settings_file_may_have_the_pattern(bnstat_run, tmp_path, monkeypatch):
    folder = monai(tmp_path / "ds").parent
    (tmp_path / "bnstat.toml").write_text(f'channels = "{PATTERN}"\nfail-on = "never"\n')
    monkeypatch.chdir(tmp_path)
    assert "in 3 samples" in bnstat_run("check", folder).out


def test_files_that_a_pattern_leaves_out_are_no_error_and_quiet_says_nothing(bnstat_run, tmp_path):
    ran = bnstat_run("inspect", monai(tmp_path / "ds").parent, "--channels", PATTERN, "-q")
    assert (ran.code, ran.lines) == (0, [])


@pytest.mark.parametrize(
    "pattern", ["x.nii", "{case}.nii.gz", "{channel}{channel}", "{other}_{channel}", "{channel:a,a}"]
)
def test_a_pattern_that_cannot_be_is_a_wrong_use(refused, small_image, pattern):
    assert "--channels" in refused(2, "inspect", small_image(), "--channels", pattern)


def test_a_pattern_that_nothing_fits_shows_a_file_that_was_found(refused, small_image):
    line = refused(3, "inspect", small_image("one.nii"), "--channels", "{case}_{channel}.nii.gz")
    assert "one.nii" in line


def test_a_missing_channel_is_a_line_and_a_list_in_json(bnstat_run, lacking):
    ran = bnstat_run("inspect", lacking, "--format", "json")
    assert ran.code == 3
    assert ["channel T1 is missing" in line for line in ran.errors] == [True]
    document = json.loads(ran.out)
    validate(document, schema("inspect"))
    assert document["errors"][0]["missing"] == ["T1"]
    assert len(document["samples"]) == 2
    for command, name in (("check", "check"), ("compare", "compare")):
        document = json.loads(bnstat_run(command, lacking, "--format", "json").out)
        validate(document, schema(name))
        assert document["errors"][0]["missing"] == ["T1"]


def test_an_input_that_failed_otherwise_has_no_missing_channels(bnstat_run, tmp_path):
    document = json.loads(bnstat_run("inspect", tmp_path / "no.nii", "--format", "json").out)
    assert "missing" not in document["errors"][0]


@pytest.mark.parametrize("format_", ["github", "gitlab", "sarif", "junit", "csv", "jsonl", "markdown"])
def test_code_hosts_get_the_first_file_of_a_case(bnstat_run, root, monkeypatch, format_):
    (root / ".git").mkdir()
    monkeypatch.chdir(root)
    ran = bnstat_run("check", ".", "--format", format_)
    assert ran.code == 1
    if format_ in ("github", "gitlab", "sarif"):
        assert f"imagesTr/{CASES[2]}_0000.nii.gz" in ran.out


def test_a_baseline_knows_a_case_by_its_name(bnstat_run, root, tmp_path):
    file = tmp_path / "base.json"
    assert bnstat_run("check", root, "--baseline", file, "--update-baseline").code == 0
    assert f"ds/imagesTr/{CASES[2]}" in file.read_text()
    assert bnstat_run("check", root, "--baseline", file).code == 0


@pytest.mark.parametrize("channel", [0, 1])
def test_no_file_of_a_case_is_written_over(refused, root, channel):
    file = root / "imagesTr" / f"{CASES[0]}_{channel:04}.nii.gz"
    before = file.read_bytes()
    assert "one of the inputs" in refused(2, "inspect", root, "-o", file)
    assert file.read_bytes() == before


def test_groups_of_directories_hold_for_joined_cases(bnstat_run, tmp_path):
    sites = [nnunet_v2(tmp_path / name) for name in ("a", "b")]
    document = json.loads(bnstat_run("compare", *sites, "--group-by", "directory", "--format", "json").out)
    assert document["population"]["groups"] == [
        {"name": "a/imagesTr", "samples": 3},
        {"name": "b/imagesTr", "samples": 3},
    ]


def test_names_that_are_markup_are_escaped_in_markdown(bnstat_run, tmp_path):
    root = nnunet_v2(tmp_path / "ds", channel_names={"0": "a|b", "1": "*c*"})
    out = bnstat_run("inspect", root, "--format", "markdown").out
    assert r"0 a\|b" in out
    assert r"1 \*c\*" in out


def test_a_directory_of_damaged_dicom_files_is_one_line(refused, tmp_path):
    pytest.importorskip("pydicom")
    (tmp_path / "IM1").write_bytes(b"\0" * 128 + b"DICM")
    line = refused(3, "inspect", tmp_path)
    assert "no DICOM file with an image" in line


def test_what_was_passed_over_is_a_note(bnstat_run, tmp_path):
    save(tmp_path / "a.nii", values(CASES[0], 0))
    (tmp_path / "b.dcm").write_bytes(b"\0" * 128 + b"DICM")
    ran = bnstat_run("inspect", tmp_path)
    assert ran.code == 0
    assert any("left out the DICOM slices beside other images" in line for line in ran.lines)


def test_a_url_of_a_kind_that_is_not_known_is_one_line(refused):
    pytest.importorskip("fsspec")
    url = "nowhere://bucket/x.nii.gz"
    assert "--allow-protocol nowhere" in refused(3, "inspect", url)
    assert "no such protocol" in refused(3, "inspect", url, "--allow-protocol", "nowhere")


def test_a_url_is_read_and_its_findings_are_placed_at_it(bnstat_run, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    file = save(tmp_path / "x.nii.gz", np.full((3, 3, 3), 5, np.int16))
    fsspec.filesystem("memory").pipe("/cli/x.nii.gz", Path(file).read_bytes())
    for format_ in ("table", "json", "github", "gitlab", "sarif", "junit"):
        ran = bnstat_run("check", "memory://cli/x.nii.gz", "--allow-protocol", "memory", "--format", format_)
        assert ran.code == 1
        assert "memory://cli/x.nii.gz" in ran.out.replace("%3A", ":")  # as GitHub wants it


def test_a_note_on_how_files_were_found_is_said_once(bnstat_run, tmp_path):
    for name in ("a/a_FLAIR.nii", "a/a_T1.nii", "a/a_seg.nii"):
        save(tmp_path / name, values(CASES[0], 0))
    for command in ("inspect", "compare", "check"):
        ran = bnstat_run(command, tmp_path / "a", "--channels", "{case}_{channel:FLAIR,T1}.nii")
        assert sum("skipped 1 file" in line for line in ran.lines) == 1


@pytest.mark.parametrize("command", ["inspect", "compare", "check"])
def test_cases_with_and_without_names_share_a_csv(bnstat_run, root, tmp_path, command):
    other = save(tmp_path / "other.nii", np.stack([values(CASES[0], k) for k in range(2)], -1))
    for paths in ([other, root], [root, other]):
        ran = bnstat_run(command, *paths, "--format", "csv")
        assert ran.code in (0, 1)
        rows = list(csv.DictReader(io.StringIO(ran.out)))
        assert rows
        if command == "inspect":
            assert {(row["source"] == other, row["name"]) for row in rows} == {
                (True, ""),
                (False, "FLAIR"),
                (False, "T1"),
            }


def test_no_answer_replaces_the_description_of_a_data_set(refused, root):
    before = (root / "dataset.json").read_bytes()
    assert "is one of the inputs" in refused(2, "inspect", root, "-o", root / "dataset.json")
    assert (root / "dataset.json").read_bytes() == before


def test_a_listed_channel_that_no_case_has_is_not_said_to_be_there(bnstat_run, tmp_path):
    for name in ("a_T1.nii", "b_T1.nii"):
        save(tmp_path / name, values(CASES[0], 0))
    ran = bnstat_run("inspect", tmp_path, "--channels", "{case}_{channel:T1,zz}.nii")
    assert ran.code == 3
    assert all("channel zz is missing: no case has it, and this case has" in line for line in ran.errors)


@pytest.mark.parametrize("named", ["the folder", "the file"])
def test_no_moments_replace_the_description_of_a_data_set(bnstat_run, root, named):
    description = root / "dataset.json"
    before = description.read_bytes()
    ran = bnstat_run("scan", root if named == "the folder" else description, "-o", description, "--force")
    assert (ran.code, "is one of the inputs and stays as it is" in ran.err) == (2, True)
    assert description.read_bytes() == before
