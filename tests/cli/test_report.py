"""`bnstat report`: the same answers as the commands alone, from one reading, and one clear line for each failure."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from jsonschema import Draft202012Validator

import bnstat
from bnstat.reading import table as reading_table
from bnstat.workflows import report as workflow

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "sample_data" / "cohort"
SCHEMA = json.loads((ROOT / "docs/schema/bnstat.report-1.schema.json").read_text(encoding="utf-8"))
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Where no settings of this repository are found."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("BNSTAT_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def answer(bnstat_run):
    """The document that a command prints, after its exit code is as expected."""

    def call(*args, code=0):
        ran = bnstat_run(*args, "--format", "json")
        assert ran.code == code, ran
        return json.loads(ran.out)

    return call


@pytest.fixture
def reported(answer):
    """The document of a report, which is valid under its schema."""

    def call(*args, code=0):
        document = answer("report", *args, code=code)
        Draft202012Validator(SCHEMA).validate(document)
        return document

    return call


def volume(name, values=None, shape=(6, 5, 4)):
    """Write a volume of normal values, or of these, and return its path."""
    data = rng.normal(100.0, 10.0, shape).astype("f4") if values is None else values
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4)), name)
    return name


def cohort(folder="cohort", number=4):
    for place in range(number):
        volume(f"{folder}/case_{place:02}.nii.gz")
    return folder


def two_sites():
    for site in ("north", "south"):
        cohort(f"sites/{site}", 5)
    Path("sites.csv").write_text(
        "name,site\n"
        + "".join(f"sites/{site}/case_{at:02}.nii.gz,{site}\n" for site in ("north", "south") for at in range(5))
    )
    return "sites", "--each", "--group-by", "sites.csv:site"


def test_the_schema_is_made_of_those_inside_and_of_the_values_of_the_page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import report_schema

    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(report_schema.made()) == SCHEMA, "run `python scripts/docs.py`"


# --- The same answers as those of the commands ------------------------------------------------------------------------


def of_arrays():
    np.save("maps.npy", rng.normal(0.0, 1.0, (6, 4, 4, 4, 2)).astype("f4"))
    return ("maps.npy",)


def of_moments(bnstat_run):
    assert bnstat_run("scan", COHORT, "-o", "moments.jsonl").code == 0
    return ("moments.jsonl",)


@pytest.mark.parametrize(
    ("shared", "of_layer"),
    [
        ((COHORT,), ("-b", "2", "--framework", "torch")),
        ((COHORT, "--intensity", "zscore"), ("-b", "4", "--ranks", "2")),
        (
            (COHORT, "--patch", "16", "--patches", "3"),
            (
                "-b",
                "2",
            ),
        ),
        ((COHORT,), ("-b", "1", "--epsilon", "0.5", "--momentum", "0.9")),
        (
            "arrays",
            (
                "-b",
                "2",
            ),
        ),
        ("moments", ("-b", "2", "--framework", "torch")),
        (
            "groups",
            (
                "-b",
                "2",
            ),
        ),
        (
            "mixed",
            (
                "-b",
                "2",
            ),
        ),
    ],
)
def test_check_compare_and_inspect_say_what_they_say_alone(bnstat_run, answer, reported, shared, of_layer):
    if shared == "mixed":  # shapes, so that each volume is judged by itself
        shared = tuple(volume(f"{at}.nii.gz", shape=(6, 5, 3 + at)) for at in range(3))
    by_name = {"arrays": of_arrays, "moments": lambda: of_moments(bnstat_run), "groups": two_sites}
    shared = by_name[shared]() if isinstance(shared, str) else shared
    grouped = "--group-by" in shared
    alone = shared[:-2] if grouped else shared
    document = reported(*shared, *of_layer)
    sizes = [point["batch_size"] for point in document["compare"]["batch_sizes"]]
    assert int(of_layer[1]) in sizes
    assert document["check"] == answer("check", *alone, *of_layer, "--fail-on", "never")
    of_compare = [one for at, one in enumerate(of_layer) if at > 1]
    assert document["compare"] == answer("compare", *shared, *of_compare)
    judged = document["check"]["judged_batch_size"]
    if judged == int(of_layer[1]):
        assert document["inspect"] == answer("inspect", *alone, *of_layer)
    else:
        assert document["inspect"]["batches"] == answer("inspect", *alone)["batches"]


@pytest.mark.parametrize("inputs", ["cohort", "arrays", "entries", "wrong values", "whole numbers"])
def test_the_statistics_of_a_volume_are_those_of_a_batch_of_it_alone(answer, reported, inputs):
    odd = rng.normal(0.0, 1.0, (4, 4, 4)).astype("f4")
    odd[0, 0, 0], odd[1, 1, 1], odd[2, 2, 2] = np.nan, np.inf, -np.inf
    given = {
        "cohort": lambda: (COHORT,),
        "arrays": of_arrays,
        "entries": lambda: (volume("t.nii.gz", shape=(5, 4, 3, 6)), "--batch-axis", "3"),
        "wrong values": lambda: (
            *(volume(f"{at}.nii.gz", values) for at, values in enumerate((odd, np.full_like(odd, np.nan)))),
            *(volume(f"{at}.nii.gz", values) for at, values in enumerate((odd[:2], odd * 1e30), start=2)),
        ),
        "whole numbers": lambda: (volume("w.nii.gz", rng.integers(-5, 9, (4, 4, 4)).astype("i2")),),
    }[inputs]()
    batches = answer("inspect", *given)["batches"]
    volumes = reported(*given)["volumes"]
    assert len(volumes) == len(batches)
    for own, batch in zip(volumes, batches, strict=True):
        for found, expected in zip(own["channels"], batch["channels"], strict=True):
            for name, other in (
                ("count", "count"),
                ("minimum", "min"),
                ("maximum", "max"),
                ("nan", "nan"),
                ("inf", "inf"),
            ):
                assert found[name] == expected[other]
                assert type(found[name]) is type(expected[other])
            finite = expected.get("finite", expected)
            assert found["mean"] == finite["mean"]
            assert found["std"] == (None if finite["variance"] is None else finite["variance"] ** 0.5)


def test_values_too_large_to_square_have_a_mean_and_no_deviation(reported):
    given = [volume(f"{at}.nii.gz", rng.normal(1.0, 0.1, (4, 4, 4)) * 1e200) for at in range(2)]
    (channel,) = reported(*given)["volumes"][0]["channels"]
    assert channel["std"] is None
    assert channel["mean"] == pytest.approx(1e200, rel=0.1)


def test_the_patches_of_a_volume_are_one_volume(answer, reported):
    given = (COHORT, "--patch", "12", "--patches", "4")
    document, batches = reported(*given), answer("inspect", *given)["batches"]
    assert [one["samples"] for one in document["volumes"]] == [4] * 12
    by_source = {}
    samples = document["inspect"]["samples"]
    for batch in batches:
        by_source.setdefault(samples[batch["samples"][0]]["source"], []).append(batch["channels"][0])
    for one in document["volumes"]:
        patches = by_source[one["source"]]
        means, variances = ([patch[name] for patch in patches] for name in ("mean", "variance"))
        assert one["channels"][0]["mean"] == pytest.approx(np.mean(means))
        assert one["channels"][0]["std"] == pytest.approx(np.sqrt(np.mean(variances) + np.var(means)))
        assert one["channels"][0]["count"] == 4 * 12**3


def test_every_volume_is_read_for_its_moments_once(bnstat_run, monkeypatch):
    calls = []
    read = reading_table.read_table
    monkeypatch.setattr(workflow, "read_table", lambda *args, **named: calls.append(args) or read(*args, **named))
    begun = []
    run = reading_table.executor_of

    def executor(reading, jobs):
        begun.extend(type(job).__name__ for job in jobs)
        return run(reading, jobs)

    monkeypatch.setattr(reading_table, "executor_of", executor)
    assert bnstat_run("report", cohort(), "-b", "2", "-o", "r.json").code == 0
    assert len(calls) == 1
    assert begun == ["Job"] * 4


# --- Which batch size is judged, and what is compared -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "judged", "compared"),
    [
        ((), 1, [1, 2, 4, 8]),
        (("-b", "3"), 3, [1, 2, 3, 4, 8]),
        (("--batch-sizes", "4,2"), 2, [4, 2]),
        (("--batch-sizes", "2,4", "-b", "3"), 3, [2, 3, 4]),
        (("--batch-sizes", "2,4", "-b", "4"), 4, [2, 4]),
    ],
)
def test_rules_judge_the_smallest_size_that_was_named_and_it_is_compared(reported, given, judged, compared):
    document = reported(COHORT, *given)
    assert document["check"]["settings"]["batch_size"] == judged
    assert [point["batch_size"] for point in document["compare"]["batch_sizes"]] == compared


def test_a_size_in_the_environment_or_a_settings_file_was_named_too(reported, monkeypatch):
    given = (cohort(), "--batch-sizes", "2,4")
    Path("bnstat.toml").write_text("[report]\nbatch-size = 3\n")
    assert reported(*given)["check"]["settings"]["batch_size"] == 3
    monkeypatch.setenv("BNSTAT_REPORT_BATCH_SIZE", "4")
    assert reported(*given)["check"]["settings"]["batch_size"] == 4


def test_the_limits_of_rules_are_the_tolerances_of_the_comparison(reported):
    document = reported(COHORT, "--limit", "noise=0.3", "--limit", "gap=0.4")
    assert document["compare"]["settings"]["tolerances"] == {"noise": 0.3, "shortfall": 0.1, "gap": 0.4}
    assert document["check"]["settings"]["limits"]["noise"] == 0.3


def test_a_layer_without_batch_statistics_has_no_comparison_of_batch_sizes(reported):
    document = reported(cohort(), "--normalizer", "instance")
    assert document["compare"] is None
    assert document["not_compared"].startswith("instance norm does not use the statistics of batches")
    assert "--normalizer batch" in document["not_compared"]


def test_volumes_with_different_numbers_of_channels_have_a_page_without_a_comparison(reported):
    document = reported(volume("a.nii.gz", shape=(4, 4, 4, 2)), volume("b.nii.gz", shape=(4, 4, 4)))
    assert document["compare"] is None
    assert "b.nii.gz has 1" in document["not_compared"]
    assert "--axis" in document["not_compared"]
    assert [len(one["channels"]) for one in document["volumes"]] == [2, 1]


def test_volumes_know_their_groups(reported):
    document = reported(*two_sites())
    assert [one["group"] for one in document["volumes"]] == ["north"] * 5 + ["south"] * 5


def test_batches_of_one_group_have_their_figures_in_a_table(bnstat_run):
    page = bnstat_run("report", *two_sites(), "--format", "markdown", "--quiet").out
    assert "2 groups: north (5), south (5)" in page
    assert "The numbers, with each batch from one group." in page
    assert "With each batch from one group: " in page  # in the words of each plot
    assert "lie between the groups north and south." in page


def test_a_sentence_that_ends_in_links_is_whole_in_markdown(bnstat_run):
    page = bnstat_run("report", *two_sites(), "--format", "markdown", "--quiet").out
    assert not [line for line in page.splitlines() if line.endswith("what to do about it:")]


# --- Findings ---------------------------------------------------------------------------------------------------------


def test_findings_are_at_the_volumes_that_they_are_about(reported):
    cohort()
    volume("cohort/case_02.nii.gz", np.full((6, 5, 4), 7.0, "f4"))
    document = reported("cohort")
    about = {
        one["source"]: [document["check"]["findings"][at]["rule"] for at in one["findings"]]
        for one in document["volumes"]
    }
    assert about == {f"cohort/case_{at:02}.nii.gz": ["BN405"] if at == 2 else [] for at in range(4)}


def test_an_entry_of_a_file_has_its_own_findings(reported):
    values = rng.normal(100.0, 10.0, (6, 5, 4, 4)).astype("f4")
    values[..., 2] = 3.0
    document = reported(volume("t.nii.gz", values), "--batch-axis", "3")
    assert [[document["check"]["findings"][at]["rule"] for at in one["findings"]] for one in document["volumes"]] == [
        [],
        [],
        ["BN405"],
        [],
    ]


def test_known_findings_are_not_shown_as_new(bnstat_run, reported):
    given = (volume("x.nii.gz", np.full((6, 5, 4), 7.0, "f4")), "--baseline", "known.json")
    assert bnstat_run("check", *given, "--update-baseline").code == 0
    document = reported(*given)
    assert document["check"]["findings"] == []
    assert [one["rule"] for one in document["check"]["known"]] == ["BN101"]
    assert document["volumes"][0]["findings"] == []


def test_overrides_and_limits_of_a_settings_file_hold_as_for_check(answer, reported):
    given = (volume("phantoms/x.nii.gz", np.full((6, 5, 4), 7.0, "f4")),)
    assert [one["rule"] for one in reported(*given)["check"]["findings"]] == ["BN101"]
    Path("bnstat.toml").write_text('[limits]\nnoise = 0.2\n[[overrides]]\npaths = ["phantoms/*"]\nignore = ["BN101"]\n')
    document = reported(*given)
    assert document["check"]["findings"] == []
    assert document["check"]["settings"]["limits"]["noise"] == 0.2
    assert document["check"] == answer("check", *given, "--fail-on", "never")
    assert ["overrides: phantoms/*", "BN101"] in document["made"]["settings"]


def test_a_page_that_no_finding_can_fail_does_not_call_itself_passed(bnstat_run):
    volume("cohort/constant.nii.gz", np.full((4, 4, 4), 7, np.int16))
    plain = bnstat_run("report", "cohort", "--format", "markdown").out.splitlines()
    assert plain[2] == "1 sample, 1 finding"
    asked = bnstat_run("report", "cohort", "--format", "markdown", "--fail-on", "error").out.splitlines()
    assert asked[2] == "failed, 1 sample, 1 finding"


def test_what_was_not_judged_names_options_as_they_are_typed(reported):
    cohort()
    silent = {rule["code"]: rule["not_judged"] for rule in reported("cohort")["rules"]}
    assert silent["BN206"].endswith("it needs --steps, those of the training")
    assert silent["BN107"].endswith("it needs patches, as of --patch 96x96x96")
    assert silent["BN109"].endswith("it needs a step that clips, as --intensity clip:p1,p99")


def test_values_near_the_largest_of_float64_have_a_page(bnstat_run):
    volume("cohort/a.nii.gz", np.linspace(8e301, 1.2e302, 60).reshape(5, 4, 3))
    assert bnstat_run("report", "cohort", "-o", "r.html").code == 0
    assert "too large to square" in Path("r.html").read_text(encoding="utf-8")


# --- How it was made --------------------------------------------------------------------------------------------------


def test_a_report_says_what_was_typed_and_which_settings_are_not_the_defaults(bnstat_run):
    cohort()
    Path("bnstat.toml").write_text('framework = "torch"\nreference = "day one.jsonl"\n')
    assert bnstat_run("scan", "cohort", "-o", "day one.jsonl").code == 0
    asked = ("report", "cohort", "-b", "2", "--limit", "noise=0.2", "-o", "out/r.json")
    Path("out").mkdir()
    assert bnstat_run(*asked).code == 0
    made = json.loads(Path("out/r.json").read_text(encoding="utf-8"))["made"]
    assert made["command"] == ["bnstat", *asked]
    assert made["settings"] == [
        ["batch-size", "2"],
        ["framework", "torch"],
        ["reference", "day one.jsonl"],
        ["limits.noise", "0.2"],
    ]


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_no_path_of_the_machine_is_in_a_report_that_was_given_none(bnstat_run, monkeypatch, tmp_path, form):
    cohort()
    assert bnstat_run("scan", "cohort", "-o", "day.jsonl").code == 0
    assert bnstat_run("check", "cohort", "--baseline", "known.json", "--update-baseline").code == 0
    Path("bnstat.toml").write_text('reference = "day.jsonl"\nbaseline = "known.json"\nframework = "torch"\n')
    for folder, name in ((".", "cohort"), ("below", "../cohort")):
        Path(folder).mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        ran = bnstat_run("report", name, "--format", form)
        assert ran.code == 0
        assert str(tmp_path) not in ran.out
        assert os.path.realpath(tmp_path) not in ran.out


# --- Where it is written, and how it ends -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "starts"), [("r.html", "<!doctype html>"), ("r.htm", "<!doctype html>"), ("r.md", "#"), ("r.json", "{")]
)
def test_the_ending_of_the_file_chooses_the_format(bnstat_run, file, starts):
    ran = bnstat_run("report", cohort(), "-o", file)
    assert (ran.code, ran.out) == (0, "")
    assert Path(file).read_text(encoding="utf-8").lower().startswith(starts)
    wrote, answer = ran.lines[-1].split(". ", 1)
    assert wrote == f"bnstat: wrote {file} with 4 volumes"
    assert answer.startswith(bnstat.report("cohort").report.verdict.answer[0].text.split(".")[0])
    assert bnstat_run("report", "cohort", "-o", file, "-q").err == ""


def test_a_page_goes_to_a_pipe_and_not_to_a_terminal(bnstat_run, refused, monkeypatch):
    cohort()
    assert bnstat_run("report", "cohort").out.lower().startswith("<!doctype html>")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for given in ((), ("-o", "-"), ("--format", "html")):
        line = refused(2, "report", "cohort", *given)
        assert "-o report.html" in line
        assert "--format markdown" in line
    assert bnstat_run("report", "cohort", "--format", "markdown").code == 0


@pytest.mark.parametrize(("missing", "package"), [("jinja2", "jinja2"), ("PIL", "pillow")])
def test_a_page_says_which_package_it_needs_before_it_reads_anything(
    refused, bnstat_run, monkeypatch, missing, package
):
    find = importlib.util.find_spec
    monkeypatch.setattr("bnstat.cli.report.find_spec", lambda name: None if name == missing else find(name))
    line = refused(2, "report", "none.nii.gz", "-o", "r.html")
    assert line == f"bnstat: error: bnstat report needs {package}; pip install 'bnstat[report]'"
    assert bnstat_run("report", cohort(), "-o", "r.json").code == 0
    assert bnstat_run("report", "cohort", "-o", "r.md").code == 0


def test_exit_codes_are_those_of_a_check_that_never_fails_unless_it_is_asked_to(bnstat_run):
    volume("x.nii.gz", np.full((6, 5, 4), 7.0, "f4"))
    asked = ("report", "x.nii.gz", "-o", "r.json")
    assert bnstat_run(*asked).code == 0
    assert bnstat_run(*asked, "--fail-on", "error").code == 1
    assert bnstat_run(*asked, "--fail-on", "error", "--ignore", "BN101").code == 0
    assert bnstat_run(*asked, "none.nii.gz", "--fail-on", "error").code == 3


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_what_cannot_be_read_is_in_the_page(bnstat_run, form):
    cohort()
    Path("cohort/broken.nii.gz").write_bytes(b"no image")
    ran = bnstat_run("report", "cohort", "--format", form)
    assert ran.code == 3
    assert "broken.nii.gz" in ran.out
    assert len(ran.errors) == 1


def test_a_page_about_nothing_replaces_no_page(bnstat_run):
    Path("r.html").write_text("a page about volumes", encoding="utf-8")
    Path("broken.nii.gz").write_bytes(b"no image")
    ran = bnstat_run("report", "broken.nii.gz", "none.nii.gz", "-o", "r.html")
    assert ran.code == 3
    assert ran.errors[-1] == "bnstat: error: no page was written, because no volume could be read"
    assert Path("r.html").read_text(encoding="utf-8") == "a page about volumes"
    ran = bnstat_run("report", "broken.nii.gz", "none.nii.gz", "--format", "json")
    assert ran.code == 3
    assert [one["source"] for one in json.loads(ran.out)["check"]["errors"]] == ["broken.nii.gz", "none.nii.gz"]


def test_a_page_replaces_no_input(refused):
    cohort()
    volume("x.nii.gz")
    Path("layers.json").write_text(json.dumps({"schema": "bnstat.layers/1"}))
    Path("known.json").write_text("{}")
    Path("bnstat.toml").write_text('framework = "torch"\n')
    for file, given in (
        ("x.nii.gz", ()),
        ("layers.json", ("--layers", "layers.json")),
        ("known.json", ("--baseline", "known.json")),
        ("bnstat.toml", ()),
    ):
        form = ("--format", "json") if file.endswith("json") else ()
        before = Path(file).read_bytes()
        assert f"{file} is one of the inputs" in refused(2, "report", "x.nii.gz", *given, *form, "-o", file)
        assert Path(file).read_bytes() == before


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("page.pdf", 2, "end its name with .html, and print that to PDF in a browser"),
        ("page.html.gz", 2, "and no .gz file; end its name with .html"),
        ("", 2, "-o needs the name of a file"),
        (f"{'n' * 300}.html", 3, "cannot be written: File name too long; give another file with -o"),
    ],
)
def test_a_name_that_no_page_can_have_is_refused_before_anything_is_read(refused, file, code, words):
    assert words in refused(code, "report", cohort(), "-o", file)
    assert [found.name for found in Path().iterdir()] == ["cohort"]


def test_a_page_does_not_replace_the_table_of_groups_or_a_file_in_a_folder(bnstat_run):
    given = two_sites()
    for file in ("sites.csv", "sites/north/case_00.nii.gz"):
        os.link(file, "same.html")
        before = Path(file).read_bytes()
        ran = bnstat_run("report", *given, "-o", "same.html")
        assert ran.code == 2
        assert "same.html is one of the inputs" in ran.errors[-1]
        assert Path(file).read_bytes() == before
        Path("same.html").unlink()


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (("-o", "nowhere/r.html"), 3, "there is no folder nowhere"),
        (("-o", "."), 3, "it is a folder"),
        (("-o", "r.csv"), 2, "bnstat report writes no .csv file"),
        (("-o", "r.html", "--format", "json"), 2, "r.html is for html by its ending"),
        (("--model", "net:make"), 2, "bnstat layers MODEL PATH"),
        (("--weights", "last.ckpt"), 2, "--layers layers.json"),
        (("--tolerance-noise", "0.2"), 2, "--limit noise=0.2"),
        (("--frameworks", "all"), 2, "bnstat compare PATH --frameworks"),
        (("--update-baseline",), 2, "bnstat check PATH --baseline FILE --update-baseline"),
        (("--plot", "x.svg"), 2, "bnstat compare PATH --plot FILE"),
        (("--baseline", "none.json"), 3, "none.json: no such file, so no finding is known"),
        (("--reference", "none.jsonl"), 3, "none.jsonl: no such file"),
        (("--layers", "none.json"), 3, "none.json: no such file"),
        (("--layers", "cohort"), 3, "cohort: it is a directory"),
        (("--layers", "other.json"), 3, "other.json: is a document of bnstat.plan/1"),
        (("--layers", "broken.json"), 3, "broken.json: the file is not valid JSON"),
        (("--batch-sizes", "0"), 2, "--batch-sizes must all be at least 1, and one is 0"),
        (("--batch-sizes", "8,16"), 2, "rules judge the smallest of --batch-sizes unless --batch-size is given"),
        (("-b", "8"), 2, "a batch of 8 takes more samples than the 4 given"),
        (("--group-by", "none.csv:site"), 3, "none.csv: no such file"),
        (("--limit", "noise=-1"), 2, "--limit noise must be 0 or more"),
        (("--select", "BN9"), 2, "--select: no rule is called 'BN9'"),
    ],
)
def test_wrong_use_is_told_in_one_line(refused, given, code, words):
    cohort()
    Path("other.json").write_text('{"schema": "bnstat.plan/1"}')
    Path("broken.json").write_text("[[")
    to = () if "-o" in given else ("-o", "r.html")
    assert words in refused(code, "report", "cohort", *given, *to)
    assert not Path("r.html").exists()


@pytest.mark.parametrize("page", ["page.html", "a page.md"])
def test_a_page_without_its_option_is_not_taken_for_an_input(refused, page):
    cohort()
    assert f"type: -o {shlex.quote(page)}" in refused(2, "report", "cohort", page)


def test_checkpoints_and_recordings_have_commands_of_their_own(refused):
    cohort()
    Path("run.jsonl").write_text('{"record": "start", "schema": "bnstat.training/1"}\n')
    assert "bnstat layers run.jsonl" in refused(2, "report", "cohort", "run.jsonl", "-o", "r.html")
    Path("model.pt").write_bytes(b"x")
    assert "bnstat checkpoint model.pt" in refused(2, "report", "model.pt", "-o", "r.html")


def test_a_list_of_what_would_be_read_is_for_people_unless_it_is_asked_for_otherwise(bnstat_run):
    cohort()
    assert bnstat_run("report", "cohort", "--list").out == bnstat_run("check", "cohort", "--list").out
    assert json.loads(bnstat_run("report", "cohort", "--list", "--format", "json").out)["schema"] == "bnstat.list/1"


# --- Names, and what a command does not import ------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_markup_is_shown_as_text(bnstat_run):
    names = [
        "<script>alert(1)<_script>.nii.gz",
        "a'b\"c & {{ 7*7 }}.nii.gz",
        "two\nlines\x1b[31m.nii.gz",
        f"{'n' * 240}.nii.gz",
    ]
    for name in names:
        volume(name)
    ran = bnstat_run("report", *names, "--title", "<b>bold</b>", "-o", "r.html")
    assert ran.code == 0
    page = Path("r.html").read_text(encoding="utf-8")
    for raw in ("<script>alert(1)", "<b>bold", "\x1b", "49.nii.gz", "two\nlines"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)&lt;_script&gt;.nii.gz" in page


CODE = """
import sys
from bnstat.cli import run
for command in sys.argv[1].split(","):
    assert run([command, *sys.argv[2:]]) == 0
print(*(name for name in sys.modules if name == "jinja2" or name.startswith("bnstat.")), file=sys.stderr)
"""


@pytest.mark.parametrize("given", [("--help",), ("inspect,compare,check", COHORT, "--format", "json")])
def test_other_commands_import_nothing_of_the_page(given):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", CODE, *given], capture_output=True, text=True, check=True, env=environment
    )
    names = ran.stderr.splitlines()[-1].split()
    # Pillow is imported by the module of pictures, and by other packages too
    own = (
        "bnstat.renderers.report",
        "bnstat.reports.full",
        "bnstat.workflows.report",
        "bnstat.cli.report",
        "bnstat.reading.voxels.pictures",
    )
    assert not [name for name in names if name == "jinja2" or name.startswith(own)]
