"""`bnstat explain`: one text in the terminal, in JSON, in CSV and in docs/rules/."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from unescaped import of_csv

from bnstat.rules.every_rule import EVERY_RULE

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "schema/bnstat.explain-1.schema.json").read_text(encoding="utf-8"))
HEADINGS = {
    "What it does": "what",
    "Why it matters": "why",
    "Example": "example",
    "What to do": "advice",
    "Threshold": "threshold",
    "Sources": "sources",
}


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def words(text):
    return " ".join(text.split())


def test_without_a_name_every_rule_is_listed_with_its_severity_and_a_sentence(bnstat_run):
    ran = bnstat_run("explain")
    assert (ran.code, ran.err) == (0, "")
    listed = ran.out.splitlines()
    for rule in EVERY_RULE:
        place = listed.index(f"{rule.code} {rule.name}  {rule.severity}")
        assert listed[place + 1].strip().endswith(".")
    assert max(map(len, listed)) <= 80


@pytest.mark.parametrize("rule", EVERY_RULE, ids=lambda rule: rule.code)
def test_terminal_json_and_page_say_the_same(bnstat_run, rule):
    (fields,) = json.loads(bnstat_run("explain", rule.code, "--format", "json").out)["rules"]
    assert (fields["code"], fields["name"], fields["severity"]) == (rule.code, rule.name, rule.severity)
    shown = bnstat_run("explain", rule.name.upper())
    assert shown.out == bnstat_run("explain", rule.code.lower()).out
    assert max(map(len, shown.out.splitlines())) <= 80
    expected = [f"{rule.code} {rule.name} {rule.severity} {fields['summary']}"]
    expected += [f"{heading} {words(fields[name])}" for heading, name in HEADINGS.items()]
    assert words(shown.out) == words(" ".join(expected))
    page = bnstat_run("explain", rule.code, "--format", "markdown").out
    written = (DOCS / f"rules/{rule.code}-{rule.name}.md").read_text(encoding="utf-8")
    assert page == re.sub(r"\[(docs/[\w/-]+\.md)\]\([^)]*\)", r"\1", written)  # where documents are links
    for heading, name in HEADINGS.items():
        fence = "```\n" if heading == "Example" else ""
        assert f"\n## {heading}\n{fence}{fields[name]}\n" in page


def test_an_example_stands_in_the_terminal_as_it_was_written(bnstat_run):
    shown = bnstat_run("explain", "nan-voxels").out.splitlines()
    assert "  >>> import numpy as np" in shown
    assert shown[shown.index("  $ bnstat inspect hole.npy") + 1] == "  error BN104 nan-voxels"


def test_several_rules_are_explained_once_each_in_the_order_asked_for(bnstat_run):
    shown = bnstat_run("explain", "small-batch", "BN101", "bn205").out.splitlines()
    titles = [line for line in shown if line.startswith("BN")]
    assert titles == ["BN205 small-batch  note", "BN101 zero-variance  error"]


def test_a_prefix_of_codes_lists_the_rules_of_its_family(bnstat_run):
    for prefix in ("BN1", "bn1"):
        shown = bnstat_run("explain", prefix).out.splitlines()
        titles = [line.split()[0] for line in shown if line.startswith("BN")]
        assert titles == [rule.code for rule in EVERY_RULE if rule.code.startswith("BN1")]
    assert bnstat_run("explain", "BN").out == bnstat_run("explain").out


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zero-varience", "did you mean zero-variance (BN101)? Type: bnstat explain BN101"),
        ("BN1O1", "did you mean zero-variance (BN101)? Type: bnstat explain BN101"),
        ("mixed_shape", "did you mean mixed-shapes (BN403)? Type: bnstat explain BN403"),
        ("quark", "bnstat explain lists the rules"),
    ],
)
def test_a_name_that_is_none_is_refused_with_the_near_one(refused, name, hint):
    assert hint in refused(2, "explain", name)


def test_json_follows_the_contract_and_csv_has_a_row_for_each_rule(bnstat_run):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(bnstat_run("explain", "--format", "json").out)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    rows = list(csv.DictReader(io.StringIO(bnstat_run("explain", "--format", "csv").out)))
    assert [{name: of_csv(cell) for name, cell in row.items()} for row in rows] == document["rules"]
    assert [row["code"] for row in rows] == [rule.code for rule in EVERY_RULE]
    markdown = bnstat_run("explain", "--format", "markdown").out
    assert all(f"\n| {rule.code} | {rule.name} | {rule.severity} | " in markdown for rule in EVERY_RULE)


def test_a_python_without_docstrings_says_so_in_a_line():
    ran = subprocess.run(
        [sys.executable, "-OO", "-m", "bnstat", "explain", "BN101"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert "without" in ran.stderr


def test_explaining_needs_no_numpy():
    code = "import sys; from bnstat.cli import run; run(['explain', 'BN206']); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
