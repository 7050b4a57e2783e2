"""`bnstat compare --frameworks`, `--normalizers` and `--epsilons` at the command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from patience import LONGEST

from bnstat.layers.frameworks import BATCH_NORMS

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "sample_data" / "cohort"
UNIT = ROOT / "sample_data" / "mri_unit_range.nii.gz"
FOUR = ROOT / "sample_data" / "mri_4channel.nii.gz"

ASKED = {
    "frameworks": ("--frameworks", "keras,torch,flax"),
    "normalizers": ("--normalizers", "batch,instance,layer,group:2"),
    "epsilons": ("--epsilons", "1e-3,1e-5,1e-8"),
}


@pytest.fixture
def compared(bnstat_run):
    """The JSON document of a comparison, held to its schema."""

    def ask(by, *arguments, code=0):
        ran = bnstat_run("compare", *arguments, "--format", "json")
        assert ran.code == code, ran.err
        document = json.loads(ran.out)
        schema = json.loads((ROOT / f"docs/schema/bnstat.compare-{by}-1.schema.json").read_text(encoding="utf-8"))
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
        assert document["schema"] == f"bnstat.compare-{by}/1"
        return document

    return ask


@pytest.mark.parametrize("by", ASKED)
def test_batches_and_findings_are_those_of_inspect(compared, bnstat_run, by):
    document = compared(by, FOUR, *ASKED[by])
    names = ASKED[by][1].split(",")
    for name, entry in zip(names, document[by], strict=True):
        option = {"frameworks": "--framework", "normalizers": "--normalizer", "epsilons": "--epsilon"}[by]
        alone = json.loads(bnstat_run("inspect", FOUR, option, name, "--format", "json").out)
        assert (entry["batches"], entry["findings"]) == (alone["batches"], alone["findings"])
        assert entry["name"] == (str(float(name)) if by == "epsilons" else name)
        assert {**document["settings"], **entry}.items() >= {
            (key, alone["settings"][key]) for key in ("normalizer", "framework", "epsilon", "momentum", "axis")
        }


def test_the_schemas_are_made_from_that_of_inspect():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import schemas
    finally:
        sys.path.pop(0)
    for by in ASKED:
        text = schemas.path_of(f"compare-{by}").read_text(encoding="utf-8")
        jsonschema.Draft202012Validator.check_schema(json.loads(text))
        assert text == schemas.made(by), "run `python scripts/schemas.py`"


@pytest.mark.parametrize("option", [(), ("--ranks", "2"), ("-b", "3", "--shuffle"), ("--normalizer", "weight-init")])
def test_all_presets_are_answered_in_every_format(compared, bnstat_run, option):
    asked = (COHORT, "--frameworks", "all", "--no-emulate", *option)
    document = compared("frameworks", *asked)
    assert [entry["name"] for entry in document["frameworks"]] == list(BATCH_NORMS)
    for form in ("table", "markdown", "csv"):
        ran = bnstat_run("compare", *asked, "--format", form)
        assert ran.code == 0
        assert ran.out
    parts = sum(len(batch["channels"]) for batch in document["frameworks"][0]["batches"])
    parts += sum(len(batch["channels"]) for batch in document["frameworks"][0].get("synchronized", ()))
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["name"] for row in rows] == [name for name in BATCH_NORMS for _ in range(parts)]


def test_every_normalizer_is_answered_in_every_format(compared, bnstat_run, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(4, 6, 5, 4)))
    asked = (tmp_path / "x.npy", "--normalizers", "batch,instance,layer,group:2,rms,renorm,weight-init", "-b", 2)
    document = compared("normalizers", *asked)
    assert [len(entry["channel_outputs"]) for entry in document["normalizers"]] == [2] * 7
    assert document["settings"]["framework"] == "keras"
    rows = list(csv.DictReader(io.StringIO(bnstat_run("compare", *asked, "--format", "csv").out)))
    assert {row["name"] for row in rows} == set(asked[2].split(","))
    assert {row["name"] for row in rows if row["r"]} == {"renorm"}
    for form in ("table", "markdown"):
        assert "depends on the batch" in bnstat_run("compare", *asked, "--format", form).out


def test_input_settings_are_settings_and_not_a_comparison(compared):
    asked = ("--dtype", "float16", "--threads", "4", "--no-emulate", "-b", "2", "--drop-last", "--axis", "-1")
    document = compared("epsilons", COHORT, "--epsilons", "1e-3,1e-5", "--framework", "torch", *asked)
    assert document["settings"]["batch_size"] == 2
    assert document["settings"]["framework"] == "torch"


def test_the_sentence_in_the_guide_is_what_the_sample_shows(bnstat_run):
    out = " ".join(bnstat_run("compare", UNIT, "--frameworks", "keras,torch").out.split())
    sentence = "Moving from Keras to PyTorch changes channel 0's output variance from 0.5229 to 0.9910"
    assert sentence in out
    assert sentence in " ".join((ROOT / "docs/how-to/layers.md").read_text(encoding="utf-8").split())


def test_presets_with_the_same_numbers_share_a_row(bnstat_run):
    out = bnstat_run("compare", UNIT, "--frameworks", "all").out
    assert sum(line.startswith("  torch +3 ") for line in out.splitlines()) == 1
    assert "as torch: torch-channels-last, torch-cuda, torch-syncbn" in out


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("by", ASKED)
def test_the_table_fits(bnstat_run, monkeypatch, by, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for path in (FOUR, COHORT):
        asked = ("--normalizers", "batch,instance,layer") if by == "normalizers" else ASKED[by]
        table = bnstat_run("compare", path, *asked).out.split("\nTo get the statistics of")[0]  # calls are never broken
        assert max(map(len, table.splitlines())) <= width


@pytest.mark.parametrize(
    "asked", [("--frameworks", "keras,torch"), ("--normalizers", "batch,layer"), ("--epsilons", "1,2")]
)
def test_many_channels_are_shown_with_all(bnstat_run, tmp_path, asked):
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(2, 6, 5, 30)))
    short, whole = (bnstat_run("compare", tmp_path / "x.npy", *asked, *option).out for option in ((), ("--all",)))
    assert "with smaller differences (--all shows all)" in short
    assert "--all" not in whole
    assert len(whole.splitlines()) > 60


def test_files_that_fail_are_named_and_the_others_compared(compared, bnstat_run):
    document = compared("frameworks", UNIT, "none.nii", *ASKED["frameworks"], code=3)
    assert (len(document["samples"]), len(document["errors"])) == (1, 1)
    nothing = compared("frameworks", "none.nii", *ASKED["frameworks"], code=3)
    assert [entry["batches"] for entry in nothing["frameworks"]] == [[], [], []]
    for form in ("table", "markdown", "csv"):
        assert bnstat_run("compare", "none.nii", *ASKED["frameworks"], "--format", form).out == ""


def test_the_answer_goes_to_a_file_and_over_no_input(bnstat_run, refused, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 3, 3)))
    assert bnstat_run("compare", UNIT, *ASKED["epsilons"], "-o", tmp_path / "o.txt").out == ""
    assert "3 values of epsilon ε" in (tmp_path / "o.txt").read_text(encoding="utf-8")
    assert "one of the inputs" in refused(
        2, "compare", tmp_path / "x.npy", *ASKED["epsilons"], "-q", "-o", tmp_path / "x.npy"
    )


def test_the_environment_asks_too_and_the_command_line_outdoes_it(compared, bnstat_run, monkeypatch):
    monkeypatch.setenv("BNSTAT_COMPARE_EPSILONS", "1e-3,1e-5")
    monkeypatch.setenv("BNSTAT_COMPARE_DRAWS", "10")
    assert [entry["epsilon"] for entry in compared("epsilons", UNIT)["epsilons"]] == [1e-3, 1e-5]
    compared("frameworks", UNIT, "--frameworks", "keras,torch")
    assert "bnstat.compare/1" in bnstat_run("compare", COHORT, "--batch-sizes", "2", "--format", "json").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--frameworks", "keras", "--epsilons", "1"], "--frameworks and --epsilons ask for 2 comparisons"),
        (["--batch-sizes", "1", "--normalizers", "batch"], "--batch-sizes and --normalizers ask for 2 comparisons"),
        (
            ["--frameworks", "keras,torch", "--framework", "flax"],
            "--framework cannot be used with --frameworks, whose first value",
        ),
        (
            ["--normalizers", "batch", "--normalizer", "layer"],
            "remove --normalizer, and put its value first in --normalizers",
        ),
        (["--epsilons", "1", "--epsilon", "1"], "--epsilon cannot be used with --epsilons"),
        *(
            (
                ["--frameworks", "keras,torch", option, "1"],
                f"{option} cannot be used with --frameworks, because it is for",
            )
            for option in ("--draws", "--steps", "--tolerance-noise", "--group-by", "--plot", "--save-population")
        ),
        (["--epsilons", "1", "--population", "finite"], "remove --population or --epsilons"),
        (["--batch-size", "2"], "--batch-size has no effect when batch sizes are compared; type"),
        (["--batch-sizes", "2", "-b", "2"], "type --batch-sizes instead, as in 1,2,4"),
        (["--dtype", "float16"], "remove --dtype, or add --frameworks, --normalizers, --epsilons or --intensities"),
        (["--normalizer", "layer"], "remove --normalizer, or add --frameworks, --epsilons or --intensities"),
        (["--no-emulate"], "--no-emulate has no effect when batch sizes are compared"),
        (["--shuffle"], "--shuffle has no effect when batch sizes are compared"),
        (["--frameworks", "keras,,torch"], "not a list of names as in keras,torch"),
        (["--epsilons", "1e-3,x"], "not a list of numbers as in 1e-3,1e-5"),
        (["--frameworks", "kears"], "did you mean 'keras'?"),
        (["--normalizers", "btach"], "did you mean 'batch'?"),
        (["--normalizers", "batch,group:3"], "group:3 does not divide the 1 channel of these data"),
        (["--frameworks", "all", "--normalizer", "layer"], "tensorflow has no layer for layer norm"),
        (["--epsilons", "nan"], "--epsilons must all be numbers, and one is nan"),
        (["--epsilons", "1", "--threads", "0"], "--threads must be at least 1, and is 0"),
        (["--epsilons", "1", "--axis", "9"], "axis 9"),
    ],
)
def test_what_cannot_be_is_one_line(refused, arguments, message):
    assert message in refused(2, "compare", COHORT, *arguments)


def test_the_installed_program_compares():
    command = [sys.executable, "-m", "bnstat", "compare", str(UNIT), *ASKED["epsilons"], "--format", "markdown"]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=LONGEST, check=True)
    assert "Moving from ε 0.001 to ε 1e-05 changes channel 0's output variance from 0.5229 to 0.9910" in ran.stdout
