"""What could not be read at a scan is in the moments file: every answer from it says so, as one from the volumes."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

import bnstat
from bnstat.cli import run
from bnstat.errors import InputError
from bnstat.reading.moments_file import examine, read_moments
from bnstat.reading.moments_schema import decode

COMMANDS = [["inspect"], ["check"], ["compare", "--batch-sizes", "1,2"], ["report"], ["inspect", "--list"]]


@pytest.fixture
def cohort(tmp_path):
    """Five volumes, two of which cannot be read: one by its header, and one at its voxels."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    for case in range(5):
        values = np.random.default_rng(case).integers(0, 900, (12, 12, 12)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / f"{case}.nii.gz")
    whole = (folder / "1.nii.gz").read_bytes()
    (folder / "1.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "3.nii.gz").write_bytes(b"no image")
    return folder


@pytest.fixture
def scanned(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 3
    capsys.readouterr()
    return file


def heal(cohort, *cases):
    for case in cases:
        shutil.copy(cohort / "0.nii.gz", cohort / f"{case}.nii.gz")


def errors_of(capsys, *argv):
    code = run([*map(str, argv), "--format", "json"])
    return code, sorted(json.loads(capsys.readouterr().out)["errors"], key=lambda error: error["source"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: "-".join(command[::2]))
def test_each_command_reports_what_failed_at_the_scan_as_from_the_volumes(cohort, scanned, capsys, command):
    argv = [command[0], "-q", *command[1:]] if command[-1] != "--list" else command
    if command[0] == "report":
        codes = []
        for source in (cohort, scanned):
            codes.append(run([*argv, str(source), "--format", "markdown"]))
            said = capsys.readouterr()
            assert all(name in said.out + said.err for name in ("1.nii.gz", "3.nii.gz"))
        assert codes == [3, 3]
        return
    listed = errors_of(capsys, *argv, cohort)
    if command[-1] != "--list":  # which reads no header of the volumes
        assert errors_of(capsys, *argv, scanned) == listed
    code, errors = errors_of(capsys, *argv, scanned)
    assert code == 3
    assert [Path(error["source"]).name for error in errors] == ["1.nii.gz", "3.nii.gz"]


def test_a_path_without_an_image_and_one_that_is_not_there_fail_from_the_file_too(cohort, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    inputs = [cohort / "0.nii.gz", tmp_path / "empty", tmp_path / "gone.nii.gz"]
    assert run(["scan", *map(str, inputs), "-o", str(tmp_path / "m.jsonl"), "-q"]) == 3
    capsys.readouterr()
    assert errors_of(capsys, "check", tmp_path / "m.jsonl") == errors_of(capsys, "check", *inputs)


def test_a_case_of_which_a_channel_is_missing_keeps_its_name_and_the_channels(cohort, tmp_path, capsys):
    folder = tmp_path / "cases"
    folder.mkdir()
    for name in ("a_t1", "a_flair", "b_t1"):
        shutil.copy(cohort / "0.nii.gz", folder / f"{name}.nii.gz")
    pattern = ["--channels", "{case}_{channel:t1,flair}.nii.gz"]
    assert run(["scan", str(folder), *pattern, "-o", str(tmp_path / "m.jsonl"), "-q"]) == 3
    capsys.readouterr()
    found = errors_of(capsys, "check", tmp_path / "m.jsonl")
    assert found == errors_of(capsys, "check", folder, *pattern)
    assert found[1][0]["missing"]


def test_a_resumed_scan_tries_again_what_failed_and_replaces_its_line(cohort, scanned, tmp_path):
    heal(cohort, 3)
    assert run(["scan", str(cohort), "-o", str(scanned), "--resume", "-q"]) == 3
    assert [one.error.source for one in examine(str(scanned)).failures] == [str(cohort / "1.nii.gz")]
    heal(cohort, 1)
    assert run(["scan", str(cohort), "-o", str(scanned), "--resume", "-q"]) == 0
    assert not examine(str(scanned)).failures
    assert run(["scan", str(cohort), "-o", str(tmp_path / "anew.jsonl"), "-q"]) == 0
    assert scanned.read_bytes() == (tmp_path / "anew.jsonl").read_bytes()


def test_a_resumed_scan_leaves_the_same_bytes_if_nothing_has_changed(cohort, scanned):
    before = scanned.read_bytes()
    assert run(["scan", str(cohort), "-o", str(scanned), "--resume", "-q"]) == 3
    assert scanned.read_bytes() == before


def test_a_resumed_scan_of_another_folder_keeps_what_failed_in_the_first(cohort, scanned, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    heal(cohort, 4)
    shutil.copy(cohort / "4.nii.gz", other / "9.nii.gz")
    assert run(["scan", str(other), "-o", str(scanned), "--resume", "-q"]) == 0
    assert [one.case[0] for one in examine(str(scanned)).failures] == [
        str(cohort / f"{case}.nii.gz") for case in (1, 3)
    ]
    assert len(examine(str(scanned)).lines) == 4
    assert "moments-failure" in scanned.read_text().splitlines()[-1]  # samples go first


def test_a_file_that_failed_and_was_taken_out_of_the_folder_is_forgotten_when_the_folder_is_scanned_again(
    cohort, scanned
):
    (cohort / "1.nii.gz").unlink()
    (cohort / "3.nii.gz").unlink()
    assert run(["scan", str(cohort), "-o", str(scanned), "--resume", "-q"]) == 0
    assert not examine(str(scanned)).failures


def test_files_that_are_joined_report_each_failure_once_and_none_of_a_case_that_one_of_them_has(
    cohort, scanned, tmp_path
):
    heal(cohort, 3)
    second = tmp_path / "second.jsonl"
    assert run(["scan", str(cohort), "-o", str(second), "-q"]) == 3
    for order in ((scanned, second), (second, scanned)):
        both = tmp_path / "both.jsonl"
        both.write_text("".join(file.read_text() for file in order))
        found = read_moments(str(both))
        assert [Path(error.source).name for error in found.failures] == ["1.nii.gz"]
        assert len(found.lines) == 4


def test_a_shard_whose_volumes_all_failed_is_not_lost_when_files_are_joined(cohort, tmp_path, capsys):
    parts = []
    for place, cases in enumerate([(0, 2, 4), (1, 3)]):
        parts.append(tmp_path / f"part{place}.jsonl")
        run(["scan", *(str(cohort / f"{case}.nii.gz") for case in cases), "-o", str(parts[-1]), "-q"])
    for order in (parts, parts[::-1]):
        (tmp_path / "all.jsonl").write_text("".join(part.read_text() for part in order))
        capsys.readouterr()
        assert errors_of(capsys, "check", tmp_path / "all.jsonl") == errors_of(capsys, "check", cohort)


@pytest.mark.parametrize("command", [["inspect"], ["check"], ["compare", "--batch-sizes", "1,2"], ["report"]])
def test_a_file_of_failures_alone_is_the_error_of_the_volumes(cohort, tmp_path, capsys, command):
    volumes = [str(cohort / f"{case}.nii.gz") for case in (3,)]
    file = tmp_path / "m.jsonl"
    assert run(["scan", *volumes, "-o", str(file), "-q"]) == 3
    capsys.readouterr()
    said = []
    for source in (volumes, [str(file)]):
        assert run([*command, *source, "-q"]) == 3
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]


def test_a_file_of_failures_alone_is_written_anew_without_being_asked_for(cohort, tmp_path):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(tmp_path / "typo"), "-o", str(file), "-q"]) == 3
    assert run(["scan", str(cohort / "0.nii.gz"), "-o", str(file), "-q"]) == 0
    assert len(file.read_text().splitlines()) == 1
    assert run(["scan", str(cohort / "2.nii.gz"), "-o", str(file), "-q"]) == 2  # it has a sample now


def test_a_reference_says_what_it_is_without(cohort, scanned, capsys):
    heal(cohort, 1, 3)
    run(["check", str(cohort), "--reference", str(scanned)])
    assert f"{scanned}: 2 inputs could not be read at its scan" in capsys.readouterr().err


def test_a_reference_of_failures_alone_is_refused(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort / "3.nii.gz"), "-o", str(file), "-q"]) == 3
    assert run(["check", str(cohort / "0.nii.gz"), "--reference", str(file)]) == 3
    assert "none of its volumes could be read" in capsys.readouterr().err


def test_failures_of_a_scan_with_other_settings_are_refused(cohort, scanned, tmp_path):
    masked = tmp_path / "masked.jsonl"
    assert run(["scan", str(cohort / "3.nii.gz"), "--mask", "nonzero", "-o", str(masked), "-q"]) == 3
    both = tmp_path / "both.jsonl"
    both.write_text(scanned.read_text() + masked.read_text())
    with pytest.raises(InputError, match=r"different settings: .*3\.nii\.gz was scanned with `mask"):
        read_moments(str(both))
    assert run(["scan", str(cohort), "-o", str(masked), "--resume", "-q"]) == 2


def test_the_order_of_fields_and_spaces_do_not_matter(scanned):
    lines = [json.loads(line) for line in scanned.read_text().splitlines()]
    before = read_moments(str(scanned)).failures
    scanned.write_text("".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines))
    after = read_moments(str(scanned)).failures
    assert [str(error) for error in after] == [str(error) for error in before]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"message": ""}, "message is '': expected str of length >= 1"),
        ({"source": 3}, "source is 3: expected str, got int"),
        ({"case": None}, "case is None"),
        ({"files": ["a"]}, "files is \\['a'\\]: expected array of length >= 2"),
        ({"settings": None}, "settings is None"),
        ({"schema": "bnstat.moments-failure/2"}, "its schema is 'bnstat.moments-failure/2'"),
    ],
)
def test_a_damaged_line_of_a_failure_is_named_by_its_number(scanned, change, message):
    lines = scanned.read_text().splitlines()
    lines.insert(1, json.dumps({**json.loads(lines[-1]), **change}))
    scanned.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=f"line 2 is damaged: {message}"):
        read_moments(str(scanned))


def test_lines_of_samples_are_counted_with_those_of_failures_between_them(scanned):
    samples, failures = [], []
    for line in scanned.read_text().splitlines():
        (failures if "moments-failure" in line else samples).append(line)
    broken = json.loads(samples[2])
    broken["channels"][0]["min"] = 10**6
    scanned.write_text("\n".join([failures[0], samples[0], failures[1], samples[1], json.dumps(broken)]) + "\n")
    with pytest.raises(InputError, match="line 5 is damaged"):
        read_moments(str(scanned))
    other = json.loads(samples[1])
    other["channels"][0]["mean"] += 1
    scanned.write_text("\n".join([samples[1], failures[1], samples[0], json.dumps(other)]) + "\n")
    with pytest.raises(InputError, match="line 4 has other moments"):
        read_moments(str(scanned))


def test_a_name_that_is_not_utf8_and_control_characters_come_back_as_they_were(cohort, tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[2J\n.nii.gz")
    Path(name).write_bytes(b"no image")
    file = tmp_path / "m.jsonl"
    assert run(["scan", name, str(cohort / "0.nii.gz"), "-o", str(file), "-q"]) == 3
    assert not re.search(rb"[^\n\x20-\x7e]", file.read_bytes())
    (error,) = read_moments(str(file)).failures
    assert error.source == name


def test_a_sample_whose_name_is_the_mark_of_a_failure_is_a_sample(cohort, tmp_path):
    folder = tmp_path / "bnstat.moments-failure"
    folder.mkdir()
    shutil.copy(cohort / "0.nii.gz", folder / "1.nii.gz")
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(folder), "-o", str(file), "-q"]) == 0
    assert len(read_moments(str(file)).lines) == 1
    assert decode(file.read_bytes()).source.endswith("1.nii.gz")
    assert run(["scan", str(folder), "-o", str(file), "-q"]) == 2


def test_a_scan_in_python_keeps_failures_too(cohort, tmp_path):
    bnstat.collect(cohort, tmp_path / "m.jsonl")
    assert [error.message for error in bnstat.diagnose(tmp_path / "m.jsonl").errors] == [
        error.message for error in sorted(bnstat.diagnose(cohort).errors, key=lambda error: error.source)
    ]
