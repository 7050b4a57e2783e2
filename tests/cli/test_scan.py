"""`bnstat scan`: what is kept, what a crash leaves, and what cannot be written."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from patience import LONGEST

from bnstat.cli import run
from bnstat.workflows import scan as workflow

FILES = 60


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    numbers = np.random.default_rng(0)
    for case in range(FILES):
        image = nibabel.Nifti1Image(numbers.integers(0, 900, (8, 9, 10)).astype(np.int16), np.eye(4))
        nibabel.save(image, folder / f"case_{case:03}.nii.gz")
    return folder


@pytest.fixture(scope="module")
def whole(cohort, tmp_path_factory):
    file = tmp_path_factory.mktemp("whole") / "moments.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 0
    return sorted(file.read_text().splitlines())


def lines(file):
    return sorted(file.read_text().splitlines())


def scan(cohort, file, *options):
    return [sys.executable, "-m", "bnstat", "scan", str(cohort), "-o", str(file), *options]


def test_each_sample_is_a_line_in_order_and_the_summary_counts_them(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file)]) == 0
    assert f"{file} contains {FILES} samples: {FILES} read in this run" in capsys.readouterr().err
    assert len(lines(file)) == FILES


def test_a_series_gives_a_line_for_each_entry(cohort, tmp_path):  # noqa: ARG001
    np.save(tmp_path / "x.npy", np.arange(24.0).reshape(4, 3, 2))
    assert run(["scan", str(tmp_path / "x.npy"), "-o", str(tmp_path / "m.jsonl"), "-q"]) == 0
    assert len(lines(tmp_path / "m.jsonl")) == 4


def test_a_scan_that_is_killed_at_ten_moments_and_resumed_loses_and_doubles_nothing(cohort, whole, tmp_path):
    file = tmp_path / "m.jsonl"
    chance = random.Random(7)
    partial = 0
    for _ in range(10):
        command = [sys.executable, "-c", _STOPPED, str(cohort), str(file), str(chance.randrange(2 * FILES // 10))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()  # it has stopped at that moment, or ended
        process.kill()
        process.communicate(timeout=LONGEST)
        if file.exists():
            partial += 0 < len(file.read_bytes().split(b"\n")) - 1 < FILES
            with file.open("ab") as torn:  # and what a machine that loses power leaves
                torn.write(b'{"schema": "bnstat.moments/1", "source": "/x')
    assert partial >= 3
    assert run(["scan", str(cohort), "-o", str(file), "--resume", "-q"]) == 0
    assert lines(file) == whole


def test_processes_that_are_killed_with_the_one_that_asked_end_with_it(cohort, whole, tmp_path):
    file = tmp_path / "m.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", _SHARED, str(cohort), str(file)], stdout=subprocess.PIPE, text=True
    )
    workers = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    process.communicate(timeout=LONGEST)
    assert len(workers) == 2
    deadline = time.monotonic() + LONGEST
    while any(map(_lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_lives, workers))
    assert run(["scan", str(cohort), "-o", str(file), "--resume", "-q"]) == 0
    assert lines(file) == whole


# A scan that stops after so many calls of its callbacks: within a file, or after one.
_STOPPED = f"""
import sys, time
from pathlib import Path
import bnstat

class Told:
    left = int(sys.argv[3])
    def begin(self, *_): pass
    def advance(self, *_):
        self.left -= 1
        if self.left < 0:
            print("stopped", flush=True)
            time.sleep({LONGEST})
    done = advance

bnstat.collect(sys.argv[1], Path(sys.argv[2]), resume=True, progress=Told())
"""


# A scan of two processes that stops in the middle: with the numbers of its processes on stdout.
_SHARED = f"""
import multiprocessing, sys, time
import bnstat
from bnstat.reading.workers import processes
processes._WORTH_BYTES = processes._SMALL_BYTES = 0

class Told:
    def begin(self, *_): pass
    def advance(self, *_): pass
    def done(self, files):
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        time.sleep({LONGEST})

if __name__ == "__main__":
    bnstat.collect(sys.argv[1], sys.argv[2], reading=bnstat.Reading(jobs=2), progress=Told())
"""


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_has_not_changed_is_not_read_again(cohort, tmp_path, capsys):
    folder, file = tmp_path / "cohort", tmp_path / "m.jsonl"
    shutil.copytree(cohort, folder)
    assert run(["scan", str(folder), "-o", str(file), "-q"]) == 0
    before = lines(file)
    (folder / "case_003.nii.gz").unlink()
    (folder / "case_005.nii.gz").write_bytes((folder / "case_006.nii.gz").read_bytes())
    shutil.copy(folder / "case_007.nii.gz", folder / "new.nii.gz")
    assert run(["scan", str(folder), "-o", str(file), "--resume"]) == 0
    said = f"contains {FILES + 1} samples: 2 read in this run, {FILES - 2} unchanged since the last run"
    assert said in capsys.readouterr().err
    after = lines(file)
    changed = [line for line in after if line not in before]
    assert [line.count("case_005") + line.count("new.nii.gz") for line in changed] == [1, 1]
    assert sum("case_005" in line for line in after) == 1
    assert sum("case_003" in line for line in after) == 1  # what is not asked for now stays


def test_a_file_that_is_there_is_left_alone(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    file.write_text("mine\n")
    assert run(["scan", str(cohort), "-o", str(file)]) == 2
    assert capsys.readouterr().err == (
        f"bnstat: error: {file} exists already; --resume continues it, --force replaces it\n"
    )
    assert run(["scan", str(cohort), "-o", str(file), "--resume"]) == 3
    assert "line 1 is damaged: it is not JSON: expecting value at character 1" in capsys.readouterr().err
    assert file.read_text() == "mine\n"
    assert run(["scan", str(cohort), "-o", str(file), "--force", "-q"]) == 0
    assert len(lines(file)) == FILES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume", "--force"], "use one of them"),
        (["--axis", "0"], "axis 0 is the batch axis"),
        (["--axis", "9"], "axis 9 does not exist"),
        (["--jobs", "0"], "--jobs must be at least 1, and is 0"),
        (["--dask", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (["--dask", "nonsense://x"], "no Dask scheduler answers at nonsense://x"),
    ],
)
def test_what_cannot_be_is_one_line(cohort, tmp_path, capsys, options, message):
    if "--dask" in options:
        pytest.importorskip("distributed")
    assert run(["scan", str(cohort), "-o", str(tmp_path / "m.jsonl"), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_another_setting_does_not_go_on_with_a_file(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 0
    before = file.read_bytes()
    assert run(["scan", str(cohort), "-o", str(file), "--resume", "--axis", "1"]) == 2
    assert (
        "was scanned with --axis -1, not --axis 1; use the same settings, or write another file"
        in capsys.readouterr().err
    )
    assert file.read_bytes() == before


def test_a_target_that_cannot_be_written_is_one_line(cohort, tmp_path, capsys):
    for target, message in (
        (tmp_path, f"{tmp_path} is a folder; name a file in it"),
        (tmp_path / "no" / "m.jsonl", "cannot be written: No such file or directory"),
        (cohort / "case_000.nii.gz", "is one of the inputs and stays as it is"),
    ):
        assert run(["scan", str(cohort), "-o", str(target)]) in (2, 3)
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line(cohort, capsys):
    assert run(["scan", str(cohort), "-o", "/dev/full"]) == 3
    assert (
        capsys.readouterr().err
        == "bnstat: error: /dev/full cannot be written: No space left on device; name another --output\n"
    )


def test_what_was_done_before_the_disk_was_full_is_kept_and_resumed(cohort, whole, tmp_path):
    file = tmp_path / "m.jsonl"
    limit = len("\n".join(whole)) // 2

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    found = subprocess.run(scan(cohort, file), preexec_fn=small, capture_output=True, text=True, check=False)
    assert found.returncode == 3
    kept = lines(file)
    assert f"cannot be written: File too large; the {len(kept)} samples before are kept, and --resume" in found.stderr
    assert 0 < len(kept) < FILES
    assert set(kept) < set(whole)
    assert run(["scan", str(cohort), "-o", str(file), "--resume", "-q"]) == 0
    assert lines(file) == whole


def test_two_scans_do_not_write_one_file(cohort, tmp_path, capsys):
    fcntl = pytest.importorskip("fcntl")
    file = tmp_path / "m.jsonl"
    with file.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert run(["scan", str(cohort), "-o", str(file)]) == 2
    assert "another scan is writing" in capsys.readouterr().err


def test_unreadable_files_are_named_and_the_others_kept(cohort, tmp_path, capsys):
    folder, file = tmp_path / "cohort", tmp_path / "m.jsonl"
    shutil.copytree(cohort, folder)
    (folder / "case_010.nii.gz").write_bytes((folder / "case_010.nii.gz").read_bytes()[:400])
    assert run(["scan", str(folder), "-o", str(file)]) == 3
    error = capsys.readouterr().err
    assert "case_010.nii.gz: the file is truncated" in error
    assert f"contains {FILES - 1} samples" in error


def test_files_of_several_machines_are_joined_with_cat(cohort, whole, tmp_path):
    parts = []
    for rank in range(3):
        part = tmp_path / f"{rank}.jsonl"
        files = [str(path) for path in sorted(cohort.iterdir())[rank::3]]
        assert run(["scan", *files, "-o", str(part), "-q"]) == 0
        parts.append(part.read_text())
    joined = tmp_path / "joined.jsonl"
    joined.write_text("".join(parts))
    assert lines(joined) == whole


def test_moments_are_not_scanned(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 0
    assert run(["scan", str(file), "-o", str(tmp_path / "n.jsonl")]) == 2
    assert "is a moments file already; join moments files with cat" in capsys.readouterr().err


def test_every_command_takes_moments_and_says_what_the_volumes_say(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 0
    capsys.readouterr()
    for command in (
        ["inspect", "-b", "4"],
        ["compare", "--batch-sizes", "1,2,4"],
        ["compare", "--frameworks", "keras,torch"],
        ["compare", "--normalizers", "batch,instance"],
        ["check", "-b", "2"],
    ):
        answers = []
        for path in (cohort, file):
            code = run([command[0], str(path), *command[1:], "--format", "json"])
            answers.append((code, capsys.readouterr().out))
        assert answers[0] == answers[1]


@pytest.fixture
def uneven(tmp_path):
    """Files of which the first takes longest, so that others are read before it; two cannot be read."""
    folder = tmp_path / "uneven"
    folder.mkdir()
    for case, side in enumerate((160, 8, 8, 8, 160, 8)):
        values = np.random.default_rng(case).normal(case, 1, (side, side, side)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / f"{case}.nii.gz")
    whole = (folder / "0.nii.gz").read_bytes()
    (folder / "00.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "2b.nii.gz").write_bytes(b"no image")
    return folder


def sources(file):
    return [json.loads(line)["source"] for line in file.read_text().splitlines()]


def test_lines_and_failures_have_the_order_of_the_inputs_whoever_was_read_first(uneven, tmp_path, capsys):
    said = []
    for jobs in ("1", "2"):
        file = tmp_path / f"{jobs}.jsonl"
        assert run(["scan", str(uneven), "-o", str(file), "--jobs", jobs, "-q"]) == 3
        said.append(capsys.readouterr().err)
        cases = [*range(6), "00", "2b"]  # what could not be read follows all samples
        assert sources(file) == [str(uneven / f"{case}.nii.gz") for case in cases]
    assert said[0] == said[1]
    assert said[0].index("00.nii.gz") < said[0].index("2b.nii.gz")


def test_what_a_resumed_scan_reads_takes_its_place_among_what_was_there(cohort, tmp_path):
    folder, file = tmp_path / "cohort", tmp_path / "m.jsonl"
    shutil.copytree(cohort, folder)
    late = folder / "case_003.nii.gz"
    late.rename(tmp_path / "late.nii.gz")
    assert run(["scan", str(folder), "-o", str(file), "-q"]) == 0
    (tmp_path / "late.nii.gz").rename(late)
    assert run(["scan", str(folder), "-o", str(file), "--resume", "-q"]) == 0
    assert sources(file) == sorted(map(str, folder.iterdir()))


def test_a_link_to_a_file_of_moments_stays_a_link(cohort, tmp_path):
    file, link = tmp_path / "m.jsonl", tmp_path / "link.jsonl"
    file.touch()
    link.symlink_to(file)
    listed = sorted(map(str, cohort.iterdir()))[:3]
    assert run(["scan", *listed[1:], "-o", str(link), "-q"]) == 0
    assert run(["scan", *listed, "-o", str(link), "--resume", "-q"]) == 0
    assert link.is_symlink()
    assert sources(file) == listed


@pytest.mark.parametrize(
    ("options", "beside"),
    [
        (["--mask", "{}"], "mask.nii"),
        (["--patch", "4", "--foreground", "0.5", "--labels", "{}"], "labels.nii"),
        (["--mask", "{}[inside]"], "mask.npz"),
    ],
)
def test_a_changed_mask_or_label_image_is_read_again_and_never_written_over(cohort, tmp_path, capsys, options, beside):
    image, file, other = sorted(cohort.iterdir())[0], tmp_path / "m.jsonl", tmp_path / beside
    given = [option.format(other) for option in options]

    def save(values):
        if other.suffix == ".npz":
            np.savez(other, inside=values)
        else:
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), other)

    inside = np.zeros((8, 9, 10), np.uint8)
    inside[:2] = 1
    save(inside)
    assert run(["scan", str(image), *given, "-o", str(file), "-q"]) == 0
    before = file.read_text()
    assert run(["scan", str(image), *given, "-o", str(file), "--resume"]) == 0
    assert "0 read in this run" in capsys.readouterr().err
    save(inside[::-1])
    os.utime(other, ns=(0, file.stat().st_mtime_ns + 10**9))
    assert run(["scan", str(image), *given, "-o", str(file), "--resume", "-q"]) == 0
    assert file.read_text() != before
    kept = other.read_bytes()
    assert run(["scan", str(image), *given, "-o", str(other), "--force"]) == 2
    assert "is one of the inputs" in capsys.readouterr().err
    assert other.read_bytes() == kept


def test_voxels_that_change_beside_their_header_are_read_again(tmp_path, capsys):
    file, values = tmp_path / "m.jsonl", np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    for name, pair in (("a.img", nibabel.Nifti1Pair), ("b.hdr", nibabel.Nifti1Pair)):
        nibabel.save(pair(values, np.eye(4)), tmp_path / name)
    named = [str(tmp_path / name) for name in ("a.img", "b.hdr")]
    assert run(["scan", *named, "-o", str(file), "-q"]) == 0
    for changed in ("a.hdr", "b.img"):
        os.utime(tmp_path / changed, ns=(0, file.stat().st_mtime_ns + 10**9))
    assert run(["scan", *named, "-o", str(file), "--resume"]) == 0
    assert "2 read in this run" in capsys.readouterr().err


def test_no_moments_replace_what_was_read_beside_the_volumes(bnstat_run, refused, write_image, tmp_path):
    image, mask = write_image("a.nii", np.arange(60.0).reshape(5, 4, 3)), write_image("mask.nii", np.ones((5, 4, 3)))
    for beside in (["--mask", mask], ["--patch", "2", "--foreground", "1", "--labels", mask]):
        before = Path(mask).read_bytes()
        assert "is one of the inputs and stays as it is" in refused(2, "scan", image, *beside, "-o", mask, "--force")
        assert Path(mask).read_bytes() == before
    assert bnstat_run("scan", image, "-o", tmp_path / "m.jsonl").code == 0


def test_moments_are_not_written_to_standard_output(refused, write_image):
    assert "name one with --output" in refused(2, "scan", write_image("a.nii", np.ones((2, 2, 2))), "-o", "-")
    assert not Path("-").exists()


@pytest.mark.parametrize("command", ["inspect", "compare", "check"])
def test_no_answer_replaces_the_moments_that_it_is_made_of(bnstat_run, write_image, tmp_path, command):
    file = tmp_path / "m.json"
    assert bnstat_run("scan", write_image("a.nii", np.arange(60.0).reshape(5, 4, 3)), "-o", file).code == 0
    before = file.read_bytes()
    outputs = ["-o", "--save-population"] if command == "compare" else ["-o"]
    for output in outputs:
        ran = bnstat_run(command, file, output, file)
        assert (ran.code, "is one of the inputs and stays as it is" in ran.err) == (2, True)
        assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--patch", "0"], "--patch must be at least 1 along each axis"),
        (["--patch", "2", "--patches", "0"], "--patches must be at least 1, and is 0"),
        (["--patch", "2", "--mask", "nonzero"], "--mask and patches exclude each other"),
        (["--patch", "2x2"], "has 3 spatial axes"),
        (["--patch", "2", "--axis", "1"], "is not the last"),
        (["--patch", "2", "--foreground", "0.5"], "has no label map, which --foreground 0.5 needs"),
    ],
)
def test_patches_that_cannot_be_are_one_line(cohort, tmp_path, refused, options, message):
    file = tmp_path / "m.jsonl"
    assert message in refused(2, "scan", cohort, "-o", file, *options)
    assert message in refused(2, "inspect", cohort, *options)


def test_a_setting_that_cannot_be_leaves_moments_that_are_there(cohort, tmp_path, refused):
    file = tmp_path / "m.jsonl"
    file.write_text("mine\n")
    refused(2, "scan", cohort, "-o", file, "--force", "--patch", "0")
    assert file.read_text() == "mine\n"


def test_a_file_that_is_to_be_started_anew_stays_until_there_is_something_in_its_place(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    assert run(["scan", str(cohort), "-o", str(file), "-q"]) == 0
    before = file.read_bytes()
    assert run(["scan", str(cohort), "-o", str(file), "--force", "--axis", "9"]) == 2
    assert "axis 9 does not exist" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_patches_of_other_settings_are_refused_with_the_one_that_differs(cohort, tmp_path, capsys):
    file = tmp_path / "m.jsonl"
    patches = ["--patch", "4x4x4", "--patches", "2"]
    assert run(["scan", str(cohort), "-o", str(file), "-q", *patches]) == 0
    assert run(["inspect", str(file), "-q", *patches, "--per-volume", "2", "-b", "2"]) == 0
    for options, said in (
        ([*patches, "--seed", "3"], "--seed 0, not --seed 3"),
        (["--patch", "4x4x5", "--patches", "2"], "--patch 4x4x4, not --patch 4x4x5"),
    ):
        capsys.readouterr()
        assert run(["inspect", str(file), *options]) == 2
        assert f"was scanned with {said}; scan again with" in capsys.readouterr().err


def test_an_interrupted_scan_says_how_to_go_on(cohort, tmp_path, capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow, "stamp_of", interrupted)
    assert run(["scan", str(cohort), "-o", str(tmp_path / "m.jsonl")]) == 130
    note, error = capsys.readouterr().err.splitlines()
    assert note.endswith("m.jsonl; --resume goes on with it")
    assert error == "bnstat: error: interrupted"
