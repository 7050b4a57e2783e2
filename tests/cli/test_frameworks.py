"""`bnstat frameworks`, and presets as `inspect` takes them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest

from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS

SCHEMAS = Path(__file__).parents[2] / "docs/schema"
SCHEMA = json.loads((SCHEMAS / "bnstat.frameworks-1.schema.json").read_text(encoding="utf-8"))
INSPECT = json.loads((SCHEMAS / "bnstat.inspect-1.schema.json").read_text(encoding="utf-8"))


def valid(document, schema):
    jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
    return document


@pytest.mark.parametrize(("columns", "arithmetic"), [("60", False), ("80", True), ("120", True)])
def test_the_table_has_a_row_for_each_preset_and_fits(bnstat_run, monkeypatch, columns, arithmetic):
    monkeypatch.setenv("COLUMNS", columns)
    ran = bnstat_run("frameworks")
    first = [line.split(" ")[0] for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [first.count(name) for name in FRAMEWORKS] == [1] * len(FRAMEWORKS)
    assert max(map(len, ran.out.splitlines())) <= int(columns)
    assert ("one-pass-clamped  " in ran.out or "one-pass-clamped\n" in ran.out) == arithmetic
    assert "\x1b" not in ran.out


def test_json_follows_the_contract(bnstat_run):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = valid(json.loads(bnstat_run("frameworks", "--format", "json").out), SCHEMA)
    rows = {row["name"]: row for row in document["frameworks"]}
    assert list(rows) == list(FRAMEWORKS)
    assert (rows["haiku"]["epsilon"], rows["haiku"]["momentum"], rows["haiku"]["batch_weight"]) == (1e-5, None, None)
    assert (rows["haiku"]["running_start"], rows["haiku"]["debiased"]) == ([0.0, 0.0], True)
    assert (rows["torch-layer"]["running_variance"], rows["torch-layer"]["running_start"]) == (None, None)
    assert rows["onnx"]["batch_weight"] == pytest.approx(0.1)


def test_csv_and_markdown_have_a_row_for_each_preset(bnstat_run):
    rows = list(csv.DictReader(io.StringIO(bnstat_run("frameworks", "--format", "csv").out)))
    assert [row["name"] for row in rows] == list(FRAMEWORKS)
    assert (rows[0]["running_start"], rows[0]["debiased"]) == ("0.0 1.0", "false")
    markdown = bnstat_run("frameworks", "--format", "markdown").out
    assert all(f"\n| {name} | " in markdown for name in FRAMEWORKS)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_one_preset_is_said_in_full_with_its_source(bnstat_run, name):
    row = FRAMEWORKS[name]
    table = bnstat_run("frameworks", name.upper()).out
    assert table.splitlines()[0] == name
    assert max(map(len, table.splitlines())) <= 80
    markdown = bnstat_run("frameworks", name, "--format", "markdown").out
    assert f"- source: {row.source}\n" in markdown
    (found,) = valid(json.loads(bnstat_run("frameworks", name, "--format", "json").out), SCHEMA)["frameworks"]
    assert found["source"] == row.source


def test_an_alias_is_answered_and_an_unknown_name_gets_the_nearest(bnstat_run, refused):
    assert bnstat_run("frameworks", "SyncBN").out.startswith("torch-syncbn\n")
    assert "did you mean 'haiku'?" in refused(2, "frameworks", "hiaku")


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_inspect_answers_every_batch_norm(bnstat_run, small_image, name):
    path = small_image()
    document = valid(json.loads(bnstat_run("inspect", path, "--framework", name, "--format", "json").out), INSPECT)
    row = BATCH_NORMS[name]
    assert (document["settings"]["epsilon"], document["settings"]["momentum"]) == (row.epsilon, row.momentum)
    (channel,) = document["batches"][0]["channels"]
    assert (channel["gain"] is None) == (row.epsilon is None)
    assert (channel["running_mean"] is None) == (row.weight_at(1, row.momentum) is None)
    for form in ("table", "csv", "markdown"):
        assert bnstat_run("inspect", path, "--framework", name, "--format", form).code == 0


def test_the_schemas_name_every_batch_norm():
    for name, known in (("inspect", FRAMEWORKS), ("compare", BATCH_NORMS)):
        schema = json.loads((SCHEMAS / f"bnstat.{name}-1.schema.json").read_text(encoding="utf-8"))
        assert schema["properties"]["settings"]["properties"]["framework"]["enum"] == list(known)


def test_inspect_says_what_has_no_default_and_leaves_it_undefined(bnstat_run, small_image):
    out = " ".join(bnstat_run("inspect", small_image(), "--framework", "tensorflow").out.split())
    assert (
        "batch norm as in TensorFlow's tf.nn.moments (no default epsilon ε, no default momentum), batch size 1" in out
    )
    assert "–" in out
    assert "ε = 1e-05, no default momentum" in bnstat_run("inspect", small_image(), "--framework", "haiku").out


def test_rules_about_epsilon_are_silent_without_one(bnstat_run, write_image, voxels):
    path = write_image("unit.nii", (voxels / 1e4).astype("f4"))
    said = [bnstat_run("inspect", path, "--framework", name).out for name in ("keras", "tensorflow")]
    assert ["BN102" in out or "BN103" in out for out in said] == [True, False]


def test_a_cumulative_mean_is_pytorchs_alone(bnstat_run, refused, small_image):
    path = small_image()
    options = ("inspect", path, "--framework", "torch", "--momentum", "none")
    assert "no momentum: cumulative mean" in bnstat_run(*options).out
    document = valid(json.loads(bnstat_run(*options, "--format", "json").out), INSPECT)
    assert document["settings"]["momentum"] is None
    (channel,) = document["batches"][0]["channels"]
    assert channel["running_mean"] == channel["mean"]
    count = channel["count"]
    assert channel["running_variance"] == pytest.approx(channel["variance"] * count / (count - 1))
    assert "which only PyTorch has, and keras does not" in refused(2, "inspect", path, "--momentum", "none")
    assert "'half'" in refused(2, "inspect", path, "--momentum", "half")


def test_another_layer_than_batch_norm_is_refused_with_its_normalizer(refused, small_image):
    line = refused(2, "inspect", small_image(), "--framework", "torch-layer", "--normalizer", "batch")
    assert "type --framework torch and --normalizer layer" in line


def test_every_column_has_room_in_80_columns(bnstat_run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = bnstat_run("frameworks").out
    assert "hidden:" not in said
    assert "→ –" not in said


@pytest.mark.parametrize("columns", range(30, 121, 10))
@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        (("frameworks",), ("momentum → weight", "running variance", "least n", "axis", "arithmetic")),
        (("plan", "--patch", 64, "--levels", 3), ("values per sample", "n/(n−1)")),
        (
            ("compare", "sample_data/cohort", "--jobs", 1, "--batch-sizes", "1,2"),
            ("batches drawn", "variance shortfall", "variance CV", "eval variance", "train/eval gap"),
        ),
    ],
)
def test_a_legend_explains_only_columns_that_are_shown(bnstat_run, monkeypatch, columns, arguments, headers):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.chdir(SCHEMAS.parents[1])
    said = " ".join(bnstat_run(*arguments).out.split())
    hidden = said.partition("hidden: ")[2].partition("; widen")[0].split(", ")
    for header in headers:
        explained = f" {header}: " in said or f" {header}, per batch: " in said
        assert explained == (header not in hidden), header
