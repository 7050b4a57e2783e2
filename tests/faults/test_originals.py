"""No output replaces a file that was read, or one that belongs to it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

AFFINE = np.eye(4)


def volume(path, kind=nibabel.Nifti1Image, seed=0):
    data = np.random.default_rng(seed).integers(0, 99, (4, 4, 4)).astype(np.int16)
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(kind(data, AFFINE), path)
    return path


def pair(folder):
    return [str(volume(folder / "x.hdr", nibabel.Nifti1Pair))], [folder / "x.img", folder / "x.hdr"]


def named_by_its_data(folder):
    volume(folder / "x.hdr", nibabel.Nifti1Pair)
    return [str(folder / "x.img")], [folder / "x.hdr"]


def metaimage(folder):
    (folder / "x.raw").write_bytes(bytes(range(64)))
    (folder / "x.mhd").write_text(
        "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR\nElementDataFile = x.raw\n"
    )
    return [str(folder / "x.mhd")], [folder / "x.raw"]


def nrrd(folder):
    (folder / "x.raw.gz").write_bytes(gzip.compress(bytes(range(64))))
    (folder / "x.nhdr").write_text(
        "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 4 4 4\nencoding: gzip\ndata file: x.raw.gz\n"
    )
    return [str(folder / "x.nhdr")], [folder / "x.raw.gz"]


def par_rec(folder):
    data = Path(nibabel.__file__).parent / "tests" / "data"
    for ending in ("PAR", "REC"):
        shutil.copy(data / f"phantom_EPI_asc_CLEAR_2_1.{ending}", folder / f"x.{ending}")
    return [str(folder / "x.PAR")], [folder / "x.REC"]


def afni(folder):
    data = Path(nibabel.__file__).parent / "tests" / "data"
    for ending in ("HEAD", "BRIK.gz"):
        shutil.copy(data / f"example4d+orig.{ending}", folder / f"x+orig.{ending}")
    return [str(folder / "x+orig.HEAD")], [folder / "x+orig.BRIK.gz"]


def data_set(folder, base):
    for case in "ab":
        volume(base / "imagesTr" / f"{case}_0000.nii.gz", seed=ord(case))
        volume(base / "labelsTr" / f"{case}.nii.gz")
    described = {
        "channel_names": {"0": "T1"},
        "labels": {"background": 0, "one": 1},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    (base / "dataset.json").write_text(json.dumps(described))
    return [str(folder)], [base / "dataset.json", base / "labelsTr" / "a.nii.gz", base / "imagesTr" / "a_0000.nii.gz"]


def whole_data_set(folder):
    return data_set(folder, folder)


def nested_data_set(folder):
    return data_set(folder / "above", folder / "above" / "Dataset001")


def images_of_a_data_set(folder):
    _, kept = data_set(folder, folder)
    return [str(folder / "imagesTr")], kept[:1] + kept[2:]


def listed(folder):
    (folder / "list.txt").write_text(f"{volume(folder / 'a.nii.gz')}\n")
    return ["--files-from", str(folder / "list.txt")], [folder / "list.txt", folder / "a.nii.gz"]


def settings(folder):
    (folder / "bnstat.toml").write_text("axis = -1\n")
    return [str(volume(folder / "a.nii.gz")), "--config", str(folder / "bnstat.toml")], [folder / "bnstat.toml"]


def mask(folder):
    given = [str(volume(folder / "a.nii.gz")), "--mask", str(volume(folder / "m.nii.gz", seed=1))]
    return given, [folder / "m.nii.gz"]


INPUTS = (
    *(pair, named_by_its_data, metaimage, nrrd, par_rec, afni, whole_data_set, nested_data_set),
    *(images_of_a_data_set, listed, settings, mask),
)


@pytest.mark.parametrize("link", [None, "symbolic", "hard"], ids=str)
@pytest.mark.parametrize("made", INPUTS, ids=lambda made: made.__name__)
def test_no_output_replaces_what_belongs_to_an_input(tmp_path, bnstat_run, made, link):
    given, kept = made(tmp_path)
    before = {file: file.read_bytes() for file in kept}
    for place, file in enumerate(kept):
        output = file if link is None else tmp_path / f"link{place}"
        if link is not None:
            output.symlink_to(file) if link == "symbolic" else os.link(file, output)
        commands = (["inspect", "--format", "json"], ["scan", "--force"]) if link is None else (["inspect"],)
        for command in commands:
            ran = bnstat_run(*command, *given, "-o", output, "--quiet")
            assert ran.code == 2, (command, file, ran)
            assert ran.errors == [
                f"bnstat: error: {output} is one of the inputs and stays as it is; "
                f"{'name another --output' if command[0] == 'scan' else 'give another file with -o'}"
            ]
    assert {file: file.read_bytes() for file in kept} == before


@pytest.fixture
def cohort(tmp_path):
    for case in "abcd":
        volume(tmp_path / "cohort" / f"{case}.nii.gz", seed=ord(case))
    return tmp_path / "cohort"


@pytest.mark.parametrize("command", ["compare", "report"])
def test_no_output_replaces_the_table_of_groups(cohort, tmp_path, refused, command):
    if command == "report":
        pytest.importorskip("jinja2")
    table = tmp_path / "sites.txt"
    table.write_text("file,site\na,x\nb,x\nc,y\nd,y\n")
    by = ["--group-by", f"{table}:site"]
    line = refused(2, command, cohort, *by, "-o", table, "--quiet", "--format", "json")
    assert "is one of the inputs and stays as it is" in line
    assert table.read_text().startswith("file,site")


@pytest.mark.parametrize(("option", "name"), [("--save-population", "x.json"), ("--plot", "x.svg")])
@pytest.mark.parametrize("link", [False, True])
def test_two_outputs_are_two_files(cohort, tmp_path, refused, option, name, link):
    pytest.importorskip("matplotlib")
    (tmp_path / "link").symlink_to(tmp_path / name)
    output = tmp_path / ("link" if link else name)
    line = refused(2, "compare", cohort, "-o", output, "--format", "json", option, tmp_path / name)
    assert "name one file" in line
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("option", ["--plans", "--monai", "--reference", "--baseline"])
def test_no_output_replaces_a_file_that_an_option_names(cohort, tmp_path, bnstat_run, option):
    file = tmp_path / "named.json"
    file.write_text("{}")
    ran = bnstat_run("check", cohort, option, file, "-o", file)
    assert ran.code in (2, 3)
    assert file.read_text() == "{}"


def test_what_an_earlier_run_wrote_among_the_inputs_is_replaced(cohort, bnstat_run):
    for _ in range(2):
        for name in ("answer.json", "answer.html", "answer"):
            assert bnstat_run("inspect", cohort, "-o", cohort / name, "--quiet").code == 0
    assert bnstat_run("scan", cohort, "-o", cohort / "m.jsonl", "--quiet").code == 0
    assert bnstat_run("scan", cohort, "-o", cohort / "m.jsonl", "--quiet", "--force").code == 0
