"""`bnstat plan` at the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

SCHEMA = Path(__file__).parents[2] / "docs/schema/bnstat.plan-1.schema.json"
NARROW = ("plan", "--patch", "64x64x16", "--levels", "7", "--batch-size", "1")


def test_the_table_says_where_training_stops(bnstat_run):
    ran = bnstat_run(*NARROW)
    assert ran.code == 0
    said = " ".join(ran.out.split("\n\n")[0].split())
    assert said == (
        "At level 6 a channel has one value, so its variance is zero: PyTorch and MLX on a CPU refuse to train (torch, "
        "mlx, torch-instance); Keras and the other frameworks train, but the output is the constant β (the layer's "
        "learned bias, 0 at first). From batch size 2 on every batch norm trains, but 2 different values always become "
        "about −1 and 1, and PyTorch's instance norm refuses at any batch size. Use 6 levels or fewer, or a larger "
        "patch, such as 128x128x32."
    )
    assert max(map(len, ran.out.splitlines())) <= 80


def test_nothing_stops_where_values_are_left(bnstat_run):
    said = " ".join(bnstat_run("plan", "--patch", "128x128x128", "--levels", "6").out.split())
    assert "No level leaves a channel with a single value, so no variance is zero for want of values" in said
    assert "at the deepest level batch norm has 128 values per channel, and instance norm 64." in said


@pytest.mark.parametrize(
    ("patch", "batch_size", "words"),
    [
        ("32", 2, "so for instance norm its variance is zero, whatever the batch size"),
        ("32", 2, "Batch norm has 2 values there, which always become about −1 and 1. Use 5 levels or fewer"),
        ("32", 4, "Batch norm has 4 values there, so it trains. Use 5 levels or fewer"),
        ("64x32x32", 1, "at level 5 a channel has 2 values, which always become about −1 and 1. Use 5 levels"),
        (
            "64x32x32",
            3,
            "has 2 values in each sample, which instance norm always makes about −1 and 1. Batch norm has 6",
        ),
        ("8", 1, "From level 3 on a channel has one value"),
    ],
)
def test_a_level_of_one_or_two_values_is_named_with_what_becomes_of_them(bnstat_run, patch, batch_size, words):
    ran = bnstat_run("plan", "--patch", patch, "--levels", 6, "--batch-size", batch_size)
    assert words in " ".join(ran.out.split())


def test_the_patch_and_the_levels_that_a_plan_recommends_leave_more_than_two_values(bnstat_run):
    for patch, more in (
        ("32", ()),
        ("64x64x16", ()),
        ("20x20x8", ("--downsample", "pool", "--strides", "2,2x2x1,5x5x4")),
    ):
        depth = more or ("--levels", "7")
        said = " ".join(bnstat_run("plan", "--patch", patch, *depth).out.split("\n\n")[0].split())
        larger, fewer = re.search(r"such as (\d+x\d+x\d+)", said), re.search(r"Use (\d+) levels? or fewer", said)
        assert larger
        assert fewer
        assert "No level leaves" in bnstat_run("plan", "--patch", larger[1], *depth).out
        if not more:
            assert "No level leaves" in bnstat_run("plan", "--patch", patch, "--levels", fewer[1]).out


def test_json_follows_the_contract(bnstat_run):
    document = json.loads(bnstat_run(*NARROW, "--format", "json").out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text(encoding="utf-8")), cls=jsonschema.Draft202012Validator)
    assert document["schema"] == "bnstat.plan/1"
    assert document["levels"][6] == {
        "level": 6,
        "shape": [1, 1, 1],
        "values_per_sample": 1,
        "values_per_batch": 1,
        "bessel": None,
        "raises": ["torch", "mlx", "torch-instance"],
        "downsample": "conv",
    }
    assert document["least_batch_size"] == 2


def test_csv_and_markdown_have_a_row_for_each_level(bnstat_run):
    rows = list(csv.DictReader(io.StringIO(bnstat_run(*NARROW, "--format", "csv").out)))
    assert [row["shape"] for row in rows][-2:] == ["2x2x1", "1x1x1"]
    assert rows[-1]["raises"] == "torch mlx torch-instance"
    markdown = bnstat_run(*NARROW, "--format", "markdown").out
    assert sum(line.startswith("| ") for line in markdown.splitlines()) == 9


def test_a_plans_file_says_it_all_and_its_order_is_told(bnstat_run, tmp_path):
    values = {"batch_size": 2, "patch_size": [16, 64, 32], "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]]}
    path = tmp_path / "plans.json"
    path.write_text(json.dumps({"configurations": {"3d_fullres": values}}))
    ran = bnstat_run("plan", path, "--format", "json")
    assert json.loads(ran.out)["levels"][0]["shape"] == [32, 64, 16]
    assert "its sizes are shown in the order of an image file (x, y, z)" in ran.err
    kept = path.read_text()
    assert bnstat_run("plan", path, "-o", path).code == 2
    assert path.read_text() == kept


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "--patch"),
        (["--patch", "8x8x8"], 2, "how deep"),
        (["--patch", "8,8", "--levels", "2"], 2, "not a size as in 128x128x64"),
        (["--patch", "8x8x8", "--strides", "2,2x2"], 2, "the patch has 3"),
        (["--patch", "8x8x8", "--levels", "9", "--downsample", "pool"], 2, "leaves nothing"),
        (["--patch", "8x8x8", "--levels", "2", "--configuration", "x"], 2, "plans file"),
        (["none.json"], 3, "no such file"),
        (
            ["none.json", "--levels", "2"],
            2,
            "--levels cannot be used with a plans file, which has its own; remove --levels",
        ),
    ],
)
def test_what_cannot_be_is_one_line(refused, arguments, code, message):
    assert message in refused(code, "plan", *arguments)


def test_a_head_says_the_refusal_that_people_report_before_all_else(bnstat_run):
    ran = bnstat_run("plan", "--patch", "96", "--levels", "5", "--head", "global-pool:512", "--batch-size", "1")
    said = " ".join(ran.out.split())
    assert said.startswith("After global average pooling a feature has one value in a batch of 1")
    assert "got input size torch.Size([1, 512])" in said
    assert "no layer of the encoder refuses to train" in said
    row = next(line for line in ran.out.splitlines() if line.startswith(" head"))
    assert row.split() == ["head", "global-pool:512", "1", "1", "–", "torch,", "mlx"]
    document = json.loads(
        bnstat_run("plan", "--patch", "9", "--levels", "3", "--head", "flatten", "--format", "json").out
    )
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["head"] == {
        "kind": "flatten",
        "features": None,
        "values_per_batch": 2,
        "raises": [],
        "refusal": None,
    }


def test_each_level_may_round_in_its_own_way_at_the_command_line(bnstat_run):
    ran = bnstat_run("plan", "--patch", "9", "--levels", "3", "--downsample", "pool,conv", "--format", "json")
    document = json.loads(ran.out)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["settings"]["downsample"] == "mixed"
    assert [level["shape"][0] for level in document["levels"]] == [9, 4, 2]
    wrong = bnstat_run("plan", "--patch", "9", "--levels", "3", "--downsample", "up")
    assert (wrong.code, wrong.out) == (2, "")
    assert "or pool (down), and is 'up'; the factors that sizes are divided by are --strides" in wrong.err
