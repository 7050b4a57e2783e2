"""`bnstat inspect`: what is written where, in which format and colour, and under which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest
from patience import LONGEST

import bnstat

FORMATS = ("table", "json", "csv", "markdown", "html")
SAMPLES = Path(__file__).parents[2] / "sample_data"
PROGRAM = Path(sys.executable).with_name("bnstat")
needs_program = pytest.mark.skipif(not PROGRAM.exists(), reason="bnstat is not installed beside this Python")
needs_terminal = pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals here")


def started(*args, **environment):
    """Run the installed program in a fresh process."""
    variables = {**os.environ, **environment}
    return subprocess.run(
        [*map(str, args)], capture_output=True, text=True, env=variables, timeout=LONGEST, check=False
    )


def numbers_of(text):
    """The one row of a CSV."""
    (row,) = csv.DictReader(io.StringIO(text))
    return row


def test_json_holds_the_numbers_of_diagnose(bnstat_run, small_image):
    path = small_image()
    ran = bnstat_run("inspect", path, "--format", "json")
    document = json.loads(ran.out)
    (expected,) = bnstat.diagnose(path).batches[0].channels
    (found,) = document["batches"][0]["channels"]
    assert (ran.code, ran.err, document["schema"]) == (0, "", "bnstat.inspect/1")
    assert (found["mean"], found["variance"]) == (expected.mean, expected.variance)
    assert document["samples"][0]["source"] == path


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written_to_stdout_and_ends_its_line(bnstat_run, small_image, form):
    ran = bnstat_run("inspect", small_image(), "--format", form)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.endswith("\n")
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("form", FORMATS)
def test_an_output_file_takes_what_stdout_would_have_had(bnstat_run, small_image, tmp_path, form):
    path, output = small_image(), tmp_path / "answer"
    output.write_text("older and much longer " * 1000)
    expected = bnstat_run("inspect", path, "--format", form).out
    ran = bnstat_run("inspect", path, "--format", form, "-o", output)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert output.read_text(encoding="utf-8") == expected


def test_a_dash_as_output_is_stdout(bnstat_run, small_image):
    path = small_image()
    assert bnstat_run("inspect", path, "-o", "-").out == bnstat_run("inspect", path).out


def test_csv_has_a_row_for_each_batch_and_channel(bnstat_run, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(4, 3, 5)))
    ran = bnstat_run("inspect", tmp_path / "x.npy", "--format", "csv", "-b", 2, "-q")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [(row["batch"], row["channel"]) for row in rows] == [(str(b), str(c)) for b in (0, 1) for c in range(5)]


def test_notes_go_to_stderr_and_quiet_leaves_them_out(bnstat_run, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 3, 4)))
    loud, quiet = bnstat_run("inspect", tmp_path / "x.npy"), bnstat_run("inspect", tmp_path / "x.npy", "-q")
    assert loud.lines[0].startswith("bnstat: note: ")
    assert (quiet.err, quiet.out) == ("", loud.out)


def test_quiet_never_hides_an_error(bnstat_run, small_image, tmp_path):
    ran = bnstat_run("inspect", small_image(), tmp_path / "missing.nii", "-q")
    assert (ran.code, len(ran.lines), len(ran.errors)) == (3, 1, 1)


@pytest.mark.parametrize("form", FORMATS)
def test_where_one_input_fails_the_others_are_answered_and_the_code_is_3(bnstat_run, small_image, tmp_path, form):
    good, bad = [small_image("a.nii"), small_image("b.nii.gz")], [tmp_path / "no.nii", tmp_path / "text.nii"]
    bad[1].write_text("not an image")
    ran = bnstat_run("inspect", good[0], bad[0], good[1], bad[1], "--format", form, "-q")
    assert (ran.code, len(ran.lines)) == (3, 2)
    assert all(str(path) in line for path, line in zip(bad, ran.errors, strict=True))
    assert ran.out.strip()
    if form == "json":
        document = json.loads(ran.out)
        assert [sample["source"] for sample in document["samples"]] == good
        assert [error["source"] for error in document["errors"]] == [str(path) for path in bad]


def test_where_every_input_fails_json_says_so_and_the_other_formats_say_nothing(bnstat_run, tmp_path):
    for form in FORMATS:
        ran = bnstat_run("inspect", tmp_path / "no.nii", "--format", form)
        assert (ran.code, len(ran.lines)) == (3, 1)
        if form == "json":
            assert json.loads(ran.out)["errors"][0]["source"] == str(tmp_path / "no.nii")
        else:
            assert ran.out == ""


def test_at_batch_size_1_mixed_shapes_are_fine(bnstat_run, write_image):
    paths = [write_image(f"{n}.nii", np.arange(n * 12, dtype=np.int16).reshape(n, 3, 4)) for n in (2, 3)]
    assert bnstat_run("inspect", *paths).code == 0


def test_color_is_for_terminals_unless_it_is_asked_for(bnstat_run, small_image, tmp_path, monkeypatch):
    path = small_image()
    assert "\x1b[" not in bnstat_run("inspect", path).out
    assert "\x1b[" not in bnstat_run("inspect", path, "--color", "never").out
    assert "\x1b[" in bnstat_run("inspect", path, "--color", "always").out
    bnstat_run("inspect", path, "--color", "always", "-o", tmp_path / "x.txt")
    assert "\x1b[" in (tmp_path / "x.txt").read_text()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" in bnstat_run("inspect", path, "--color", "always").out, "what is asked for goes before NO_COLOR"


def test_force_color_is_for_pipes_too_and_weaker_than_what_is_asked_for(bnstat_run, small_image, tmp_path, monkeypatch):
    path = small_image()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in bnstat_run("inspect", path).out
    assert "\x1b[" not in bnstat_run("inspect", path, "--color", "never").out
    bnstat_run("inspect", path, "-o", tmp_path / "x.txt")
    assert "\x1b[" not in (tmp_path / "x.txt").read_text()
    monkeypatch.setenv("FORCE_COLOR", "")
    assert "\x1b[" not in bnstat_run("inspect", path).out


@needs_terminal
@pytest.mark.parametrize(
    ("variables", "colored"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
)
def test_at_a_terminal_the_environment_decides_on_color(small_image, variables, colored):
    shown = at_terminal(variables, "inspect", small_image())
    assert b"channel" in shown
    assert (b"\x1b[" in shown) == colored


@needs_terminal
def test_at_a_terminal_the_code_of_a_rule_links_to_its_page_if_there_is_a_site():
    site = {"BNSTAT_DOCS_URL": "https://example.org/docs"}
    link = b"\x1b]8;;https://example.org/docs/rules/BN101-zero-variance.html\x1b\\BN101\x1b]8;;\x1b\\"
    assert link in at_terminal(site, "explain", "BN1")
    assert b"\x1b]8" not in at_terminal({}, "explain", "BN1")
    assert b"\x1b]8" not in at_terminal({**site, "NO_COLOR": "1"}, "explain", "BN1")
    command = [sys.executable, "-m", "bnstat", "explain", "BN1", "--color", "always"]
    piped = subprocess.run(command, capture_output=True, timeout=LONGEST, check=True, env={**os.environ, **site}).stdout
    assert b"\x1b[" in piped
    assert b"\x1b]8" not in piped


def at_terminal(variables, *args):
    """Return what bnstat writes to a terminal."""
    import pty

    ours, theirs = pty.openpty()
    mine = ("NO_COLOR", "FORCE_COLOR", "BNSTAT_DOCS_URL")
    environment = {name: value for name, value in os.environ.items() if name not in mine}
    environment |= {"TERM": "xterm", **variables}
    command = [sys.executable, "-m", "bnstat", *args]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # how Linux says that the other side was closed
            pass
        os.close(ours)
    assert process.returncode == 0
    return shown


def test_a_setting_is_also_taken_from_the_environment(bnstat_run, small_image, monkeypatch):
    paths = [small_image("a.nii"), small_image("b.nii")]
    monkeypatch.setenv("BNSTAT_INSPECT_BATCH_SIZE", "2")
    row = numbers_of(bnstat_run("inspect", *paths, "--format", "csv").out)
    assert row["samples"] == "0 1"
    monkeypatch.setenv("BNSTAT_INSPECT_BATCH_SIZE", "two")
    ran = bnstat_run("inspect", *paths)
    assert (ran.code, len(ran.errors)) == (2, 1)


def test_an_option_goes_before_the_environment(bnstat_run, small_image, monkeypatch):
    monkeypatch.setenv("BNSTAT_INSPECT_BATCH_SIZE", "7")
    assert bnstat_run("inspect", small_image(), "-b", 1).code == 0


def test_version_and_help_are_answers(bnstat_run):
    assert bnstat_run("--version").out == f"bnstat {bnstat.__version__}\n"
    for args in (["--help"], ["-h"], ["inspect", "--help"]):
        ran = bnstat_run(*args)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.startswith("Usage: bnstat")


def test_every_option_has_help(bnstat_run):
    from bnstat.cli.inspect import command

    options = [option for option in command.params if isinstance(option, click.Option)]
    assert all(option.help for option in options)
    shown = bnstat_run("inspect", "--help").out
    assert all(option.opts[-1] in shown for option in options)


@pytest.mark.parametrize(
    ("name", "value", "args"),
    [
        ("FORMAT", "json", ["--format", "json"]),
        ("ALL", "1", ["--all"]),
        ("EPSILON", "0.5", ["--epsilon", "0.5"]),
        ("BATCH_AXIS", "none", ["--batch-axis", "none"]),
        ("QUIET", "1", ["--quiet"]),
    ],
)
def test_a_variable_is_named_after_its_option(bnstat_run, tmp_path, monkeypatch, name, value, args):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(30, 2, 2)))
    plain, asked = bnstat_run("inspect", tmp_path / "x.npy"), bnstat_run("inspect", tmp_path / "x.npy", *args)
    monkeypatch.setenv(f"BNSTAT_INSPECT_{name}", value)
    assert plain != asked
    assert bnstat_run("inspect", tmp_path / "x.npy") == asked


def test_python_m_bnstat_is_the_same_program(small_image):
    path = small_image()
    ran = started(sys.executable, "-m", "bnstat", "inspect", path, "--format", "csv")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert float(numbers_of(ran.stdout)["variance"]) == bnstat.diagnose(path).batches[0].channels[0].variance


@needs_program
def test_the_installed_program_answers_and_fails_as_it_does_here(small_image, tmp_path):
    good = started(PROGRAM, "inspect", small_image(), "--format", "json")
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["errors"] == []
    bad = started(PROGRAM, "inspect", tmp_path / "no.nii")
    assert (bad.returncode, len(bad.stderr.splitlines())) == (3, 1)
    assert started(PROGRAM, "inspect", small_image(), "-b", 0).returncode == 2
    assert started(PROGRAM, "--version").stdout == f"bnstat {bnstat.__version__}\n"


def test_nushell_completes_commands_options_and_values_and_leaves_files_to_itself():
    module = (sys.executable, "-m", "bnstat")
    script = started(*module, _BNSTAT_COMPLETE="nu_source").stdout
    assert "$env.config.completions.external.completer = {|spans|" in script

    def values(*words):
        found = json.loads(started(*module, _BNSTAT_COMPLETE="nu_complete", COMP_WORDS=json.dumps(words)).stdout)
        return found if found is None else [one["value"] for one in found]

    assert values("bnstat", "ins") == ["inspect"]
    assert values("bnstat", "inspect", "--ep") == ["--epsilon"]
    assert values("bnstat", "inspect", "--color", "a") == ["auto", "always"]
    assert values("bnstat", "inspect", "sca") is None


@needs_program
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completion_is_a_script_and_completes_the_command():
    script = started(PROGRAM, _BNSTAT_COMPLETE="bash_source")
    assert script.returncode == 0
    assert "complete" in script.stdout
    assert "_BNSTAT_COMPLETE=bash_complete" in script.stdout
    found = started(PROGRAM, _BNSTAT_COMPLETE="bash_complete", COMP_WORDS="bnstat ins", COMP_CWORD="1")
    assert (found.returncode, found.stdout.split()) == (0, ["plain,inspect"])
    formats = started(PROGRAM, _BNSTAT_COMPLETE="bash_complete", COMP_WORDS="bnstat inspect --format ", COMP_CWORD="3")
    assert formats.stdout.split() == [f"plain,{form}" for form in FORMATS]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_utf_8_whatever_the_encoding_of_stdout(small_image, encoding):
    path = small_image("größe × 名.nii")
    ran = subprocess.run(
        [sys.executable, "-m", "bnstat", "inspect", path, "--format", "json"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=LONGEST,
        check=False,
    )
    assert ran.returncode == 0
    assert json.loads(ran.stdout.decode("utf-8"))["samples"][0]["source"] == path


READ_AT_80 = (
    *(("mri_4channel.nii.gz",), ("t1_head.nii.gz",), ("mri_unit_range.nii.gz",), ("ct_hounsfield.nii.gz",)),
    *(("cohort",), ("cohort", "-b", "2"), ("time_series.nii.gz", "--batch-axis", "3")),
)


@pytest.mark.parametrize("asked", READ_AT_80)
def test_at_80_columns_no_column_is_hidden(bnstat_run, monkeypatch, asked):
    monkeypatch.setenv("COLUMNS", "80")
    out = bnstat_run("inspect", SAMPLES / asked[0], *asked[1:]).out
    assert "hidden" not in out
    monkeypatch.setenv("COLUMNS", "200")
    wide = bnstat_run("inspect", SAMPLES / asked[0], *asked[1:]).out
    header = next(line for line in wide.splitlines() if line.split()[:1] in (["channel"], ["batch"]) and "mean" in line)
    assert all(word in out for word in header.split())


@pytest.mark.parametrize(
    "asked",
    [
        ("inspect", SAMPLES / "t1_head.nii.gz"),
        ("compare", SAMPLES / "cohort"),
        ("compare", SAMPLES / "cohort", "--frameworks", "keras,torch"),
        ("plan", "--patch", "32x32x32", "--strides", "2,2,2"),
        ("frameworks",),
    ],
)
def test_a_narrow_terminal_says_which_columns_are_hidden_unless_it_is_to_be_quiet(bnstat_run, monkeypatch, asked):
    monkeypatch.setenv("COLUMNS", "30")
    told, quiet = bnstat_run(*asked).out, bnstat_run(*asked, "-q").out
    assert "hidden: " in told
    assert "hidden: " not in quiet


@pytest.mark.parametrize("normalizer", ["batch", "instance", "layer", "group:2", "rms", "renorm", "weight-init"])
@pytest.mark.parametrize("width", ["40", "50", "60"])
def test_no_number_is_cut_however_narrow_the_terminal_is(bnstat_run, monkeypatch, normalizer, width):
    monkeypatch.setenv("COLUMNS", width)
    path = SAMPLES / "mri_4channel.nii.gz"
    out = bnstat_run("inspect", path, path, "--normalizer", normalizer).out
    assert not re.search(r"\d…", out)
    assert "hidden: " in out


def _noise(bnstat_run, *arguments):
    """The noise of the batch mean of channel 0 that `compare` has, and what `inspect` says of the batch size."""
    document = json.loads(
        bnstat_run("compare", *arguments[:-1], "--batch-sizes", arguments[-1], "--format", "json").out
    )
    noise = document["batch_sizes"][0]["channels"][0]["mean_noise"]
    return noise, " ".join(bnstat_run("inspect", *arguments[:-1], "--batch-size", arguments[-1]).out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        (SAMPLES / "cohort", "4"),
        (SAMPLES / "cohort", "12"),
        (SAMPLES / "cohort", "--patch", "16x16x16", "--patches", "2", "3"),
        (SAMPLES / "cohort", "--framework", "torch", "1"),
    ],
)
def test_a_cohort_says_whether_the_batch_is_too_small_with_the_figure_of_compare(bnstat_run, arguments):
    noise, said = _noise(bnstat_run, *arguments)
    figure = re.search(
        r"the batch mean varies by ([\d.]+) SD \(standard deviations of the population, limit 0.1\)", said
    )
    assert float(figure[1]) == pytest.approx(noise, rel=6e-3)
    assert f"Batch size {arguments[-1]} is too small: the batch mean" in said
    assert "`bnstat compare PATH` tells which size is enough." in said
    assert "give at least 8 volumes" not in said


def test_a_batch_that_is_enough_for_the_mean_is_said_to_be(bnstat_run, tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.random.default_rng(0).normal(size=(9, 8, 8, 8, 1)))
    said = " ".join(bnstat_run("inspect", file, "-b", "3").out.split())
    assert re.search(r"Batch size 3 is enough for the mean: the batch mean varies by 0.0\d+ SD", said)


def test_volumes_that_are_too_few_and_entries_of_one_image_are_not_judged(bnstat_run):
    for arguments in ([SAMPLES / "t1_head.nii.gz"], [SAMPLES / "time_series.nii.gz", "--batch-axis", "3", "-b", "20"]):
        said = " ".join(bnstat_run("inspect", *arguments).out.split())
        assert "give at least 8 volumes: `bnstat compare FOLDER`." in said
        assert "is too small:" not in said
        assert "is enough" not in said
    assert "Batch size" not in bnstat_run("inspect", SAMPLES / "cohort", "--normalizer", "instance").out


def test_a_single_value_is_not_called_a_constant_channel(bnstat_run, tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.array([387.0, 612.0]).reshape(2, 1, 1, 1, 1))
    said = " ".join(bnstat_run("inspect", file).out.split())
    assert "Use a larger batch (--batch-size 2)" in said
    assert "error BN301" in said
    assert "leave the channel out" not in said
