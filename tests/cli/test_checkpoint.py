"""`bnstat checkpoint`, and `bnstat check` of checkpoints: files of numpy, which need no framework."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pytest
from stored import saved

import bnstat

ROOT = Path(__file__).parents[2]
VOLUME = ROOT / "sample_data" / "mri_4channel.nii.gz"
DEAD = {"running_mean": [0, 0.3], "running_var": [0.9**200, 2.0], "num_batches_tracked": 200}
SOUND = {"num_batches_tracked": 200}
NAN = {"running_mean": [np.nan, 0.3], "num_batches_tracked": 200}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Where no settings of this repository are found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in [name for name in os.environ if name.startswith(("BNSTAT_", "GITHUB_")) and "EXTRAS" not in name]:
        monkeypatch.delenv(name)


@pytest.fixture
def document(bnstat_run):
    """The document of a command, valid under its schema."""

    def call(*arguments):
        ran = bnstat_run(*arguments, "--format", "json")
        found = json.loads(ran.out)
        name, version = found["schema"].split("/")
        schema = json.loads((ROOT / f"docs/schema/{name}-{version}.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
        return found

    return call


def words(text):
    return " ".join(text.split())


# --- one file ---


def test_a_sound_file_says_so_first_and_lists_its_layers_in_order(bnstat_run):
    ran = bnstat_run("checkpoint", saved(b=SOUND, a__norm=SOUND))
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert words(ran.out).startswith("The running statistics are in order: in both layers every variance is finite")
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if re.match(r"(b|a\.norm) ", line)]
    assert [row[0] for row in rows] == ["b", "a.norm"]
    assert rows[0][1:6] == ["2", "200", "0.500", "0.600", "0.700"]


def test_a_dead_channel_is_named_from_the_buffers_alone(bnstat_run, document):
    file = saved(enc__0=SOUND, enc__1=DEAD)
    said = words(bnstat_run("checkpoint", file).out)
    assert said.startswith("Channel 0 of layer enc.1 is dead: only constants ever entered")
    found = document("checkpoint", file)
    assert [one["dead"] for one in found["layers"]] == [[], [0]]
    assert [(one["rule"], one["layer"], one["channel"]) for one in found["findings"]] == [("BN504", "enc.1", 0)]


def test_the_defaults_that_are_taken_are_told_and_can_be_set(bnstat_run, document):
    file = saved(norm=DEAD)
    ran = bnstat_run("checkpoint", file)
    assert "PyTorch's defaults are taken: ε 1e-05 and momentum 0.1" in ran.err
    assert "ε 1e-05; momentum 0.1 (the weight of a batch)" in words(ran.out)
    given = bnstat_run("checkpoint", file, "--epsilon", "1e-3", "--momentum", 0.1)
    assert given.err == ""
    assert "ε 0.001; momentum 0.1" in words(given.out)
    found = document("checkpoint", file, "--framework", "keras", "--momentum", 0.99)
    assert found["layers"][0]["momentum"] == pytest.approx(0.01)
    assert found["layers"][0]["epsilon"] == 1e-3
    assert "if it is a number of the other convention" in bnstat_run("checkpoint", file, "--momentum", 0.99).err


def test_steps_stand_for_a_count_that_is_missing(bnstat_run):
    file = saved(norm={})
    assert "--steps N says how many" in words(bnstat_run("checkpoint", file).out)
    said = words(bnstat_run("checkpoint", file, "--steps", 20).out)
    assert "the initial values still weigh 12.2 %" in said
    assert "BN509" in said


def test_many_layers_are_shortened_to_those_with_findings_and_the_first(bnstat_run):
    file = saved(**{f"layer_{number}": SOUND for number in range(40)}, odd=DEAD)
    short = bnstat_run("checkpoint", file).out
    assert "21 more layers (--all shows all)" in short
    assert re.search(r"^odd .*1 dead$", short, re.MULTILINE)
    assert "layer_39 " not in short
    assert "layer_39 " in bnstat_run("checkpoint", file, "--all").out


def test_findings_of_many_layers_are_told_once_with_their_layers(bnstat_run):
    file = saved(a=NAN, b=NAN, c=NAN)
    said = words(bnstat_run("checkpoint", file).out)
    assert said.count("error BN501") == 1
    assert "Also found in layers b, c." in said
    assert words(bnstat_run("checkpoint", file, "--all").out).count("error BN501") == 3


@pytest.mark.parametrize("form", ["csv", "markdown", "html"])
def test_other_formats_have_every_layer(bnstat_run, form):
    file = saved(**{f"layer_{number}": SOUND for number in range(30)}, odd=DEAD)
    out = bnstat_run("checkpoint", file, "--format", form, "--all").out
    assert all(f"layer_{number}" in out.replace("\\_", "_") for number in range(30))
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
        assert rows[-1] | {"dead": "0", "channels": "2", "running_variance_max": "2.0"} == rows[-1]
    else:
        assert "is dead" in out


def test_the_document_has_the_numbers_of_the_file_and_null_for_what_is_undefined(document):
    (layer,) = document("checkpoint", saved(norm={"running_var": [np.inf, np.nan], "weight": [2.0, 3.0]}))["layers"]
    assert layer["running_variance"] is None
    assert layer["running_mean"] == pytest.approx({"min": -0.2, "median": -0.05, "max": 0.1})
    assert layer["scale"] == {"min": 2.0, "median": 2.5, "max": 3.0}
    assert (layer["batches_tracked"], layer["start_weight"], layer["from_neighbours"]) == (None, None, None)
    assert (layer["nan"], layer["inf"]) == ([1], [0])


def test_the_python_function_gives_the_document_of_the_command(document):
    file = saved(norm=DEAD)
    report = bnstat.audit_checkpoint(file, momentum=0.1)
    printed = document("checkpoint", file, "--momentum", 0.1)
    assert {**report.to_dict(), "notes": []} == {**printed, "notes": []}
    assert "1 finding" in repr(report)
    both = bnstat.compare_checkpoints([file, file])
    assert both.to_dict()["differences"][0]["layers"][0]["same"]
    with pytest.raises(bnstat.UsageError, match="at least two"):
        bnstat.compare_checkpoints([file])


# --- several files ---


def test_two_files_are_compared_by_what_moved_most(bnstat_run, document):
    one = saved("one.npz", a=SOUND, b={"running_mean": [1.0, 2.0], "running_var": [4.0, 1.0]}, gone=SOUND)
    two = saved("two.npz", a=SOUND, b={"running_mean": [1.0, 5.0], "running_var": [4.0, 8.0]}, new=SOUND)
    said = words(bnstat_run("checkpoint", one, two).out)
    assert said.startswith("The running means moved by up to 3 SD (standard deviations of the first file; layer b,")
    assert "The running variance changed most in layer b: to 8 times what it was." in said
    assert "1 layer did not move at all (a)." in said
    assert "1 layer is only in the first file: gone. 1 layer is only in the second file: new." in said
    (difference,) = document("checkpoint", one, two)["differences"]
    moved = {layer["layer"]: layer for layer in difference["layers"]}
    assert moved["a"]["same"]
    assert moved["b"]["mean_moved"] == [0.0, pytest.approx(3.0 / np.sqrt(1.00001))]
    assert moved["b"]["variance_ratio"] == [1.0, 8.0]
    assert (difference["only_before"], difference["only_after"]) == (["gone"], ["new"])


def test_equal_files_and_files_without_a_common_layer_are_said_to_be_so(bnstat_run):
    one, two = saved("one.npz", a=SOUND, b=SOUND), saved("two.npz", c=SOUND, d=SOUND)
    assert "Nothing has moved: both files store the same numbers in both layers." in words(
        bnstat_run("checkpoint", one, one).out
    )
    assert "The two files have no normalization layer in common." in words(bnstat_run("checkpoint", one, two).out)


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "html", "json"])
def test_three_files_have_a_line_each_and_each_is_compared_with_the_one_before(bnstat_run, form):
    files = [saved(f"{number}.npz", a={**SOUND, "running_mean": [number, 0]}) for number in range(2)]
    files.append(saved("2.npz", a=NAN))
    ran = bnstat_run("checkpoint", *files, "--format", form)
    assert ran.code == 0
    if form == "table":
        assert "1. 0.npz: 1 normalization layer, 200 batches, no findings" in ran.out
        assert "3. 2.npz: 1 normalization layer, 200 batches, 1 finding" in ran.out
        assert "0.npz → 1.npz" in ran.out
        assert "1.npz → 2.npz" in ran.out
    if form == "json":
        assert [(one["before"], one["after"]) for one in json.loads(ran.out)["differences"]] == [
            ("0.npz", "1.npz"),
            ("1.npz", "2.npz"),
        ]


# --- wrong use ---


def test_what_is_wrong_is_one_line(refused, bnstat_run):
    assert "no file: give a FILE, as in bnstat checkpoint model.pt" in refused(2, "checkpoint")
    assert "no such file" in refused(3, "checkpoint", "nothing.pt")
    file = saved(norm=SOUND)
    assert refused(3, "checkpoint", "modle.npz").endswith(f"no such file; did you mean {file}?")
    said = refused(3, "checkpoint", f"{file}::state_dict")
    assert said.endswith(f"no such file; only --weights takes a part of one after ::, so give {file}")
    assert "--momentum must" in refused(2, "checkpoint", file, "--momentum", 3)
    assert "--steps must be at least 1" in refused(2, "checkpoint", file, "--steps", 0)
    assert "did you mean" in refused(2, "checkpoint", file, "--framework", "kreas")
    np.savez("none.npz", x=np.zeros((3, 3)))
    assert "none of its" in refused(3, "checkpoint", "none.npz")
    assert "stays as it is" in refused(2, "checkpoint", file, "-q", "-o", file, "--momentum", 0.1)
    ran = bnstat_run("checkpoint", file, "nothing.pt", "none.npz", "--momentum", 0.1, "--epsilon", 1)
    assert (ran.code, len(ran.errors)) == (3, 2)


# --- check ---


def test_check_takes_a_checkpoint_with_its_exit_code(bnstat_run, document):
    file = saved(a=NAN, b=DEAD)
    assert bnstat_run("check", file).code == 1
    assert bnstat_run("check", saved("sound.npz", a=SOUND)).code == 0
    assert bnstat_run("check", file, "--ignore", "BN501").code == 0
    assert bnstat_run("check", file, "--ignore", "BN501", "--fail-on", "warning").code == 1
    found = document("check", file, "--select", "BN504")
    assert [(one["rule"], one["layer"]) for one in found["findings"]] == [("BN504", "b")]
    assert found["checkpoints"] == [{"file": file, "format": "npz", "layers": 2, "channels": 4}]
    assert document("check", VOLUME, "--fail-on", "never").get("checkpoints") is None


def test_volumes_and_checkpoints_are_judged_together_each_by_its_rules(document, bnstat_run):
    file = saved(a=DEAD)
    found = document("check", VOLUME, file, "nothing.pt")
    assert {(one["rule"], one["source"]) for one in found["findings"]} == {("BN101", str(VOLUME)), ("BN504", file)}
    assert [one["source"] for one in found["errors"]] == ["nothing.pt"]
    assert "in 1 sample and 1 checkpoint (fails on error)" in words(bnstat_run("check", VOLUME, file).out)


def test_rules_that_judge_nothing_that_is_given_are_refused(refused):
    file, select = saved(a=DEAD), "--select names rules of"
    assert f"{select} volumes, and checkpoints are judged" in refused(2, "check", file, "--select", "BN1")
    assert f"{select} checkpoints, and volumes are judged" in refused(2, "check", VOLUME, "--select", "BN5")


def test_an_array_of_volumes_is_no_checkpoint_and_a_damaged_file_of_weights_is_one(bnstat_run):
    np.savez("volumes.npz", a=np.random.default_rng(0).normal(size=(1, 40, 1)))
    assert bnstat_run("check", "volumes.npz").code == 0
    Path("weights.pt").write_bytes(b"PK\3\4 cut")
    damaged = bnstat_run("check", "weights.pt", "-q")
    assert (damaged.code, len(damaged.errors)) == (3, 1)
    assert damaged.errors[0].startswith("bnstat: error: weights.pt: the archive is damaged")


@pytest.mark.parametrize("form", ["table", "jsonl", "csv", "markdown", "html", "junit", "github", "gitlab", "sarif"])
def test_every_format_of_ci_names_the_layer(bnstat_run, form):
    file = saved(enc__norm=DEAD, dec__norm=NAN)
    ran = bnstat_run("check", file, "--format", form)
    assert ran.code == 1
    assert "enc.norm" in ran.out
    assert "dec.norm" in ran.out
    if form == "junit":
        (suite,) = ElementTree.fromstring(ran.out)
        assert {case.get("name") for case in suite} == {"BN501 nan-statistics", "BN504 dead-filter"}
    if form == "sarif":
        places = [one["locations"][0]["logicalLocations"] for one in json.loads(ran.out)["runs"][0]["results"]]
        assert places == [
            [{"fullyQualifiedName": "dec.norm", "kind": "module"}],
            [{"fullyQualifiedName": "enc.norm", "kind": "module"}],
        ]


def test_a_baseline_knows_a_finding_by_its_layer(bnstat_run, document):
    file = saved(a=NAN, b=SOUND)
    baseline = ["--baseline", "known.json"]
    assert bnstat_run("check", file, *baseline, "--update-baseline").code == 0
    assert bnstat_run("check", file, *baseline).code == 0
    saved(a=SOUND, b=NAN)
    found = document("check", file, *baseline)
    assert (found["failed"], [one["layer"] for one in found["findings"]]) == (True, ["b"])
    assert [one["layer"] for one in found["stale"]] == ["a"]


def test_steps_and_a_limit_hold_for_checkpoints_in_check(document):
    file = saved(a={"num_batches_tracked": 60})
    assert [one["rule"] for one in document("check", file, "--steps", 60)["findings"]] == []
    assert [one["rule"] for one in document("check", file, "--steps", 50)["findings"]] == ["BN510"]
    found = document("check", file, "--limit", "start-weight=0.0001")["findings"]
    assert [one["rule"] for one in found] == ["BN509"]
    assert document("check", file, "--momentum", 0.99)["findings"][0]["rule"] == "BN509"  # of Keras, as check has it


def test_an_override_drops_findings_of_a_file(bnstat_run):
    saved("kept.npz", a=NAN)
    saved("old.npz", a=NAN)
    Path("bnstat.toml").write_text('[[check.overrides]]\npaths = ["old.npz"]\nignore = ["BN501"]\n')
    out = bnstat_run("check", "kept.npz", "old.npz", "--format", "csv").out
    assert ("kept.npz" in out, "old.npz" in out) == (True, False)


def test_settings_come_from_a_file_and_from_the_environment(bnstat_run, monkeypatch):
    file = saved(norm=SOUND)
    Path("bnstat.toml").write_text("[checkpoint]\nmomentum = 0.01\nsteps = 200\n")
    monkeypatch.setenv("BNSTAT_CHECKPOINT_EPSILON", "0.001")
    said = words(bnstat_run("checkpoint", file).out)
    assert "ε 0.001; momentum 0.01" in said
    shown = bnstat_run("checkpoint", "--show-settings", file).out
    assert re.search(r"momentum +0.01 +.*bnstat.toml", shown)
    assert re.search(r"epsilon +0.001 +.*environment", shown)
