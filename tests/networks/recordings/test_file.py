"""The file of a recording: it can be read after anything, and is never mixed with another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from recorded_steps import entered, training, write

from bnstat.errors import InputError, OutputError, UsageError
from bnstat.networks.recordings.counter import StepCounter
from bnstat.networks.recordings.file import RecordingFile
from bnstat.networks.recordings.lines import FIGURES
from bnstat.networks.recordings.reading import is_recording, read_training


def records(path):
    return [json.loads(line)["record"] for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_each_line_is_in_the_file_as_soon_as_its_step_ends(tmp_path):
    path = write(tmp_path / "run.jsonl", list(training(3, 2)), close=False)
    assert records(path) == ["start", "step", "step", "step"]
    assert read_training(path).steps == 3


def test_a_resumed_training_goes_on_at_its_step(tmp_path):
    path = tmp_path / "run.jsonl"
    write(path, list(training(3, 2)))
    file = RecordingFile(path)
    assert file.steps == 3
    file.close(3)
    write(path, [(step + 3, one) for step, one in training(2, 2)], close=False)
    assert RecordingFile(path).steps == 5
    found = read_training(str(path))
    assert (found.runs, list(found.batch_sizes)) == (2, [0, 1, 2, 3, 4])


def test_a_line_that_a_crash_cut_is_skipped_and_a_resumed_training_replaces_it(tmp_path):
    path = tmp_path / "run.jsonl"
    write(path, list(training(3, 2)), close=False)
    whole = path.read_bytes()
    for cut in (1, 2, 100):
        path.write_bytes(whole[:-cut])
        found = read_training(str(path))
        assert (found.cut, list(found.batch_sizes)) == (True, [0, 1])
        write(path, [(step + 2, one) for step, one in training(1, 2)])
        assert records(path) == ["start", "step", "step", "start", "step", "end"]
        path.unlink()


def test_a_step_that_was_trained_again_counts_as_it_was_last(tmp_path):
    path = tmp_path / "run.jsonl"
    write(path, list(training(4, 2)))
    write(path, [(2, [entered(np.full((2, 2, 4), 5.0), running=([0, 0], [1, 1]))])])
    lines = read_training(str(path)).layers["norm"]
    assert list(lines) == [0, 1, 2, 3]
    assert lines[2].figures[0].tolist() == [5.0, 5.0]


@pytest.mark.parametrize("content", ["import torch\n", '{"schema": "bnstat.moments/1"}\n', "x"])
def test_nothing_is_added_to_another_file(tmp_path, content):
    path = tmp_path / "train.py"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"train\.py exists and is no recording"):
        RecordingFile(path)
    assert path.read_text() == content
    assert not is_recording(str(path))


def test_a_folder_that_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(OutputError, match="the recording cannot be written: No such file"):
        RecordingFile(tmp_path / "no" / "run.jsonl")


def test_a_full_disk_ends_the_recording_and_not_the_training(tmp_path, monkeypatch):
    file = RecordingFile(tmp_path / "run.jsonl")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bnstat.networks.recordings.file.write_all", full)
    with pytest.warns(UserWarning, match="the recording ends here, because it cannot be written: No space left"):
        file.close(1)
    file.close(1)


def test_steps_are_counted_by_calls_or_by_name():
    counter = StepCounter(every=3)
    assert [counter.begin() for _ in range(2)] == [0, 1]  # until one of them is recorded
    counter.recorded()
    assert [counter.begin() for _ in range(2)] == [None, 3]
    counter.recorded()
    counter.name(6)
    assert counter.begin() == 6
    counter.recorded()
    assert [counter.begin(), counter.begin(), counter.done] == [None, None, 7]  # gradient accumulation
    counter.name(7)
    assert counter.begin() is None
    counter.name(9)
    assert counter.begin() == 9


@pytest.mark.parametrize("every", [0, -1])
def test_every_step_at_most(every):
    with pytest.raises(UsageError, match="`every` must be at least 1"):
        StepCounter(every)


LINE = '{"schema":"bnstat.training/1","record":"step","step":1,"batch_size":2,"layers":[%s]}\n'
LAYER = {
    "layer": "norm",
    "kind": "batch",
    "shape": [2, 2, 64],
    "axis": 1,
    "dtype": "float32",
    "frozen": False,
    **{name: [1.0, 1.0] for name in FIGURES},
    "constant": [],
    "not_finite": [],
}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense\n", "it is not JSON"),
        ("[" * 100_000 + "\n", "nested|not JSON"),
        ("[]\n", "its schema is not bnstat.training/1"),
        ('{"schema":"bnstat.training/1","record":"x"}\n', "its record is 'x'"),
        ('{"schema":"bnstat.training/1","record":"end","steps":-1}\n', "steps is -1"),
        ('{"schema":"bnstat.training/1","record":"start","every":0,"layers":[]}\n', "every is 0"),
        ('{"schema":"bnstat.training/1","record":"step","step":true,"layers":[]}\n', "step is True"),
        ('{"schema":"bnstat.training/1","record":"step","step":1,"layers":7}\n', "layers is not a list"),
        (LINE % "[]", "layers is not a list of objects"),
        (LINE % json.dumps({**LAYER, "kind": "odd"}), "no name, kind or dtype"),
        (LINE % json.dumps({**LAYER, "axis": 3}), "axis of norm is 3"),
        (LINE % json.dumps({**LAYER, "shape": ["a"]}), "shape is not a list of whole numbers"),
        (LINE % json.dumps({**LAYER, "mean": [1.0]}), "mean of norm has 1 numbers for 2 channels"),
        (LINE % json.dumps({**LAYER, "mean": ["a", 1]}), "mean of norm is not a list of numbers"),
        (LINE % json.dumps({**LAYER, "mean": [1e999, 1]}), "mean of norm has Infinity or NaN"),
        (LINE % json.dumps({**LAYER, "mean": [None, float("nan")]}), "mean of norm has Infinity or NaN"),
        (LINE % json.dumps({**LAYER, "mean": [True, 1]}), "mean of norm is not a list of numbers"),
        (LINE % json.dumps({**LAYER, "constant": [2]}), "constant is not a list"),
        (LINE % json.dumps({**LAYER, "kind": "group"}), "two trainings of different networks"),
    ],
)
def test_a_damaged_line_is_one_sentence_with_its_number(tmp_path, line, said):
    path = tmp_path / "run.jsonl"
    write(path, list(training(1, 2)), close=False)
    with path.open("a") as file:
        file.write(line)
    with pytest.raises(InputError, match=f"line 3 is damaged: .*({said})") as caught:
        read_training(str(path))
    assert "\n" not in str(caught.value)


def test_a_recording_without_a_step_says_so(tmp_path):
    path = write(tmp_path / "run.jsonl", [])
    with pytest.raises(InputError, match="no step was recorded"):
        read_training(path)
    (tmp_path / "run.jsonl").write_text(LINE % json.dumps(LAYER))
    with pytest.raises(InputError, match="does not say which network was trained"):
        read_training(path)
