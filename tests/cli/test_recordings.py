"""`bnstat compare run.jsonl`: a recorded training, read back."""

from __future__ import annotations

import json

import pytest
from recorded_steps import training, write


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "run.jsonl", list(training(30, 1)))


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("command", ["compare", "layers"])
def test_a_recording_is_shown_with_its_verdict_first(bnstat_run, command):
    ran = bnstat_run(command, "run.jsonl")
    assert (ran.code, ran.err) == (0, "")
    said = "At the end of 30 steps the batch mean of the first batch norm, norm, varies by 0."
    assert " ".join(ran.out.split()).startswith(said)
    assert "norm, SD by step: ● noise" in ran.out
    document = json.loads(bnstat_run(command, "run.jsonl", "--format", "json").out)
    assert (document["schema"], document["recorded"], document["source"]) == ("bnstat.recording/1", 30, "run.jsonl")


@pytest.mark.parametrize("output", ["run.csv", "run.md", "run.html"])
def test_every_format_is_written(bnstat_run, run, tmp_path, output):
    assert bnstat_run("compare", run, "-o", output).code == 0
    assert "norm" in (tmp_path / output).read_text(encoding="utf-8")


@pytest.mark.usefixtures("run")
def test_a_recording_that_a_crash_cut_is_read_with_a_note(bnstat_run, tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_bytes(path.read_bytes()[:-80])
    ran = bnstat_run("compare", "run.jsonl")
    assert ran.code == 0
    assert ran.lines == [
        "bnstat: note: run.jsonl: skipped its last line, which a training that was interrupted left incomplete"
    ]


@pytest.mark.usefixtures("run")
def test_a_damaged_recording_is_one_line(refused, tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"axis":1', '"axis":9'), encoding="utf-8")
    assert "run.jsonl: line 2 is damaged: axis of norm is 9" in refused(3, "compare", "run.jsonl")


@pytest.mark.usefixtures("run")
def test_options_and_inputs_that_a_recording_does_not_take_are_refused(refused):
    said = refused(2, "compare", "run.jsonl", "--epsilon", "1e-3")
    assert said.endswith("on which --epsilon has no effect; remove --epsilon")
    assert "give it alone" in refused(2, "compare", "run.jsonl", "other.nii")


def test_a_recording_is_not_replaced_by_its_report(refused, run, tmp_path):
    (tmp_path / "link.json").symlink_to(run)
    assert "link.json is one of the inputs" in refused(2, "compare", "run.jsonl", "-o", "./link.json")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("command", ["inspect", "check"])
def test_a_recording_among_volumes_is_told_how_it_is_read(bnstat_run, command, small_image):
    ran = bnstat_run(command, "run.jsonl", small_image())
    assert "run.jsonl: it is the recording of a training; type: bnstat layers run.jsonl" in ran.err
    assert ran.code == 3
