"""`--list` prints what would be read, and reads nothing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from dataset_cases import CASES, CHANNELS, decathlon, describe, monai, nnunet_v1, nnunet_v2, save, values
from patience import LONGEST

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/bnstat.list-1.schema.json").read_text(encoding="utf-8"))


def modalities(root):
    """A MONAI list with a key for each modality."""
    entries = []
    for case in CASES:
        for number, channel in enumerate(CHANNELS):
            save(root / f"{case}_{channel}.nii.gz", values(case, number))
        save(root / f"{case}_seg.nii.gz", (values(case, 0) > 0).astype(np.uint8))
        entries.append({channel: f"{case}_{channel}.nii.gz" for channel in CHANNELS} | {"label": f"{case}_seg.nii.gz"})
    return describe(root, {"training": entries}, "list.json")


def plain(root):
    for name in ("a.nii.gz", "deep/b.nii", "c.npy", "x_seg.nii.gz"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / name, np.ones((1, 3, 4, 5))) if name.endswith("npy") else save(root / name, values(CASES[0], 0))
    return root


def files(*names):
    """Return a maker of a folder with these files for each case."""

    def make(root):
        for case in CASES:
            for name in names:
                save(root / name.format(case=case), values(case, 0))
        return root

    return make


BRATS = files(*(f"{{case}}/{{case}}-{kind}.nii.gz" for kind in ("t1n", "t2f", "seg")))
BIDS = files(
    *(f"sub-{{case}}/anat/sub-{{case}}_{kind}.nii.gz" for kind in ("T1w", "FLAIR")), "derivatives/p/sub-{case}.nii"
)
LAYOUTS = {
    "brats": (BRATS, ()),
    "brats excluded": (BRATS, ("--exclude", "*-t2f.nii.gz")),
    "totalsegmentator": (files("{case}/ct.nii.gz", "{case}/segmentations/liver.nii.gz"), ()),
    "bids suffix": (BIDS, ("--suffix", "T1w")),
    "bids channels": (BIDS, ("--channels", "T1w,FLAIR")),
    "nnunet_v2": (nnunet_v2, ()),
    "nnunet_v1": (nnunet_v1, ()),
    "decathlon": (decathlon, ()),
    "monai": (monai, ()),
    "modalities": (modalities, ()),
    "one modality": (modalities, ("--channels", "T1")),
    "pattern": (lambda root: modalities(root).parent, ("--channels", "{case}_{channel:T1,FLAIR}.nii.gz")),
    "each": (plain, ("--each",)),
    "excluded": (plain, ("--each", "--exclude", "*_seg*")),
    "folder of images": (lambda root: nnunet_v2(root) / "imagesTr", ()),
    "glob": (lambda root: plain(root) / "*.nii.gz", ()),
    "file": (lambda root: plain(root) / "deep/b.nii", ()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_list_is_what_is_read(bnstat_run, tmp_path, layout):
    make, options = LAYOUTS[layout]
    path = make(tmp_path / "data")
    listed = bnstat_run("inspect", path, *options, "--list", "--format", "json")
    read = bnstat_run("inspect", path, *options, "--format", "json")
    assert (listed.code, read.code) == (0, 0), (listed, read)
    document = json.loads(listed.out)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert [(one["case"], one["files"]) for one in document["cases"]] == [
        (sample["source"], sample.get("files", [sample["source"]])) for sample in json.loads(read.out)["samples"]
    ]
    named = [sample.get("channels", []) for sample in json.loads(read.out)["samples"]]
    assert all(one["channels"] in ([], names) for one, names in zip(document["cases"], named, strict=True))


@pytest.mark.parametrize("command", ["inspect", "compare", "check", "scan"])
def test_every_command_that_reads_lists_the_same(bnstat_run, tmp_path, command):
    path = modalities(tmp_path)
    ran = bnstat_run(command, path, "--list")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == bnstat_run("inspect", path, "--list").out.splitlines()
    assert ran.lines[-1] == "bnstat: 3 cases of 6 files; nothing was read"


def test_the_table_the_csv_and_the_markdown_have_the_same_rows(bnstat_run, tmp_path):
    path = modalities(tmp_path)
    header, *lines = bnstat_run("inspect", path, "--list").out.splitlines()
    rows = list(csv.reader(StringIO(bnstat_run("inspect", path, "--list", "--format", "csv").out)))
    assert header.split() == rows[0] == ["case", "channel", "file", "labels"]
    assert [line.split() for line in lines] == rows[1:]
    assert rows[1][1:] == [
        CHANNELS[0],
        f"{tmp_path}/{CASES[0]}_{CHANNELS[0]}.nii.gz",
        f"{tmp_path}/{CASES[0]}_seg.nii.gz",
    ]
    markdown = bnstat_run("inspect", path, "--list", "--format", "markdown").out
    assert markdown.startswith("**3 cases of 6 files**")
    assert markdown.count("\n|") == 2 + 6


def test_no_file_is_opened(bnstat_run, tmp_path):
    for name in ("a.nii.gz", "b.nii"):
        (tmp_path / name).write_bytes(b"no image")
    os.mkfifo(tmp_path / "c.nii.gz") if hasattr(os, "mkfifo") else None
    ran = bnstat_run("inspect", tmp_path / "a.nii.gz", tmp_path / "b.nii", tmp_path / "c.nii.gz", "--list")
    assert (ran.code, len(ran.out.splitlines())) == (0, 4)


def test_what_cannot_be_found_is_told_as_it_is_for_reading(bnstat_run, tmp_path):
    root = nnunet_v2(tmp_path / "ds")
    (root / "imagesTr" / f"{CASES[1]}_0001.nii.gz").unlink()
    listed, read = bnstat_run("inspect", root, "--list"), bnstat_run("inspect", root)
    assert (listed.code, listed.errors) == (3, read.errors)
    assert len(listed.out.splitlines()) == 1 + 4


def test_a_moments_file_lists_the_cases_that_were_read(bnstat_run, tmp_path):
    path = modalities(tmp_path)
    bnstat_run("scan", path, "-o", tmp_path / "m.jsonl")
    rows = [line.split()[:3] for line in bnstat_run("inspect", path, "--list").out.splitlines()]
    assert [line.split()[:3] for line in bnstat_run("inspect", tmp_path / "m.jsonl", "--list").out.splitlines()] == rows


def test_scan_writes_nothing(bnstat_run, tmp_path):
    path = modalities(tmp_path)
    assert bnstat_run("scan", path, "--list", "-o", tmp_path / "m.jsonl").code == 0
    assert not (tmp_path / "m.jsonl").exists()


def test_the_ending_of_the_output_chooses_the_format(bnstat_run, tmp_path):
    path = modalities(tmp_path)
    assert bnstat_run("check", path, "--list", "-o", tmp_path / "x.csv").out == ""
    assert (tmp_path / "x.csv").read_text().startswith("case,channel,file,labels\n")


def test_a_format_of_findings_is_refused(refused, tmp_path):
    assert "--list is written as table, json, csv, markdown, html, and --format is junit" in refused(
        2, "check", modalities(tmp_path), "--list", "--format", "junit"
    )


def test_an_input_is_not_replaced(bnstat_run, tmp_path):
    path = modalities(tmp_path)
    before = path.read_text()
    assert bnstat_run("inspect", path, "--list", "-o", path).code == 2
    assert path.read_text() == before


def test_a_pipe_may_be_closed_early(tmp_path):
    for number in range(3000):
        (tmp_path / f"{number:05}.nii.gz").write_bytes(b"")
    command = f"{sys.executable} -m bnstat inspect {tmp_path} --list -q | head -n 2"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=LONGEST, check=True)
    assert (len(ran.stdout.splitlines()), ran.stderr) == (2, "")


def test_a_name_cannot_speak_to_the_terminal(bnstat_run, tmp_path):
    name = "\x1b[31mred\nline.nii"
    (tmp_path / name).write_bytes(b"")
    ran = bnstat_run("inspect", tmp_path, "--list")
    assert "\x1b" not in ran.out
    assert len(ran.out.splitlines()) == 2


def test_a_question_is_the_same_for_the_list_as_for_reading(refused, tmp_path):
    root = BIDS(tmp_path / "data")
    # but for the call that is pasted
    assert refused(2, "inspect", root, "--list").replace(" --list", "") == refused(2, "inspect", root)


def test_a_missing_file_is_an_error_of_the_list_as_of_reading(tmp_path, bnstat_run):
    save(tmp_path / "scan.nii", values(CASES[0], 0))
    ran = bnstat_run("inspect", tmp_path / "scan.nii", tmp_path / "scann.nii", "--list", "--format", "json")
    assert ran.code == 3
    assert f"scann.nii: no such file; did you mean {tmp_path / 'scan.nii'}?" in ran.err
    assert [case["case"] for case in json.loads(ran.out)["cases"]] == [str(tmp_path / "scan.nii")]
