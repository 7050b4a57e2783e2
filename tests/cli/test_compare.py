"""`bnstat compare` at the command line."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from itertools import combinations
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import bnstat

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "sample_data" / "cohort"
SCHEMA = json.loads((ROOT / "docs/schema/bnstat.compare-1.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def compared(bnstat_run):
    """The JSON document of a comparison, held to its schema."""

    def ask(*arguments, code=0):
        ran = bnstat_run("compare", *arguments, "--format", "json")
        assert ran.code == code, ran.err
        document = json.loads(ran.out)
        jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
        return document, ran.err

    return ask


def saved(path, *samples):
    """An array of samples, each of shape (values, channels)."""
    np.save(path, np.stack(samples))
    return path


def normal(number, mean=0.0, seed=0):
    return mean + np.random.default_rng(seed).normal(size=(number, 1))


def test_sizes_are_powers_of_two_up_to_the_samples(compared):
    document, _ = compared(COHORT, "--population", "finite")
    assert [point["batch_size"] for point in document["batch_sizes"]] == [1, 2, 4, 8]
    assert [point["batches_drawn"] for point in document["batch_sizes"]] == [12, 66, 495, 495]


def test_the_figures_are_those_of_the_formulas(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2", "--population", "finite")
    (channel,), (point,) = document["population"]["channels"], document["batch_sizes"]
    (found,) = point["channels"]
    lost = channel["between"] * (12 - 2) / (12 - 1) / 2
    assert channel["variance"] == pytest.approx(channel["within"] + channel["between"])
    assert found["expected_variance"] == pytest.approx(channel["variance"] - lost)
    assert found["observed"]["variance_mean"] == pytest.approx(found["expected_variance"], rel=1e-9)
    assert found["observed"]["mean_sd"] == pytest.approx(found["mean_sd"], rel=1e-9)
    assert found["variance_shortfall"] == pytest.approx(lost / channel["variance"])


@pytest.mark.parametrize(
    ("options", "weight", "steps"),
    [
        ([], 0.01, 459),
        (["--framework", "torch"], 0.1, 44),
        (["--momentum", "0.9"], 0.1, 44),
        (["--momentum", "1"], 0, None),
    ],
)
def test_running_statistics_forget_their_start_as_the_momentum_says(compared, options, weight, steps):
    document, _ = compared(COHORT, "--batch-sizes", "2", *options)
    running = document["running"]
    assert (running["batch_weight"], running["steps_to_forget"]) == (pytest.approx(weight), steps)
    (found,) = document["batch_sizes"][0]["channels"]
    factor = (weight / (2 - weight)) ** 0.5
    assert found["running_mean_sd"] == pytest.approx(found["mean_sd"] * factor)
    bessel = (2 * 19_968) / (2 * 19_968 - 1) if "torch" in options else 1
    assert found["running_variance_sd"] == pytest.approx(found["observed"]["variance_sd"] * bessel * factor)


def test_each_frameworks_start_is_forgotten_under_its_own_momentum(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2", "--momentum", "0.5")
    first, *others = document["running"]["frameworks"]
    assert (first["framework"], first["momentum"], first["steps_to_forget"]) == ("keras", 0.5, 7)
    steps = {one["framework"]: one["steps_to_forget"] for one in others}
    assert (steps["keras"], steps["torch"]) == (459, 44)


def test_the_population_is_saved_merged_by_counts(bnstat_run, tmp_path):
    paths = [saved(tmp_path / f"{size}.npy", normal(size, mean=size, seed=size)) for size in (40, 500)]
    values = np.concatenate([np.load(path).ravel() for path in paths])
    for name in ("p.npz", "p.json"):
        assert bnstat_run("compare", *paths, "--save-population", tmp_path / name).code == 0
    loaded = np.load(tmp_path / "p.npz")
    read = json.loads((tmp_path / "p.json").read_text())
    for found in (loaded, read):
        assert found["mean"][0] == pytest.approx(values.mean(), rel=1e-12)
        assert found["variance"][0] == pytest.approx(values.var(), rel=1e-12)
        assert found["count"][0] == 540


def test_a_population_is_saved_under_a_known_ending_and_over_no_input(refused, tmp_path):
    path = saved(tmp_path / "x.npz.npy", normal(40), normal(40))
    assert ".npz or .json" in refused(2, "compare", path, "--save-population", tmp_path / "p.txt")
    np.savez(tmp_path / "in.npz", np.load(path))
    assert "one of the inputs" in refused(2, "compare", tmp_path / "in.npz", "--save-population", tmp_path / "in.npz")
    assert "cannot be written" in refused(3, "compare", path, "--save-population", tmp_path / "none" / "p.npz")


def test_sizes_beyond_the_samples_are_left_out_with_a_note_that_names_infinite(compared):
    document, err = compared(COHORT, "--batch-sizes", "4,64", "--population", "finite")
    assert [point["batch_size"] for point in document["batch_sizes"]] == [4]
    assert "skipped batch size 64, which needs more than these 12 samples; --population infinite" in err
    _, err = compared(COHORT, "--batch-sizes", "4,32,64", "--population", "finite")
    assert "skipped batch sizes 32, 64, which need more than these 12 samples; --population infinite" in err
    document, _ = compared(COHORT, "--batch-sizes", "4,64")
    assert [point["batch_size"] for point in document["batch_sizes"]] == [4, 64]


def test_the_recommendation_is_for_a_larger_set_and_has_a_range(compared):
    document, _ = compared(COHORT, "--batch-sizes", "8,32,64,128")
    advice = document["recommendation"]
    assert (advice["batch_size"], advice["applies_to"]) == (128, "input")
    assert (advice["population"], advice["confidence"], advice["samples"]) == ("infinite", 0.9, 12)
    assert advice["least"] <= advice["estimate"] <= advice["most"] <= advice["batch_size"]
    assert (advice["smallest"]["batch_size"], advice["recommended"]["batch_size"]) == (8, 128)
    loose, _ = compared(COHORT, "--tolerance-noise", "1", "--tolerance-shortfall", "1", "--tolerance-gap", "2")
    assert loose["recommendation"]["batch_size"] == 1


def test_where_none_is_enough_it_says_what_does_not_depend_on_the_batch(compared):
    document, _ = compared(COHORT)
    assert document["recommendation"]["batch_size"] is None
    assert "Instance and group norm do not depend on the batch size" in document["recommendation"]["reason"]


def test_one_sample_says_nothing_between_samples_instead_of_zeros(compared, bnstat_run, tmp_path):
    path = saved(tmp_path / "x.npy", normal(50))
    document, _ = compared(path)
    (channel,), (found,) = document["population"]["channels"], document["batch_sizes"][0]["channels"]
    assert (channel["between"], channel["rho"], found["mean_noise"], found["observed"]) == (None, None, None, None)
    assert found["expected_variance"] == channel["within"]
    shown = bnstat_run("compare", path).out.replace("\n", " ")
    assert "One sample cannot show the variance between samples, which a small batch misses; give at least 8." in shown
    assert "Training steps until" not in shown


def test_two_samples_are_compared_and_nothing_is_recommended(compared, tmp_path):
    document, _ = compared(saved(tmp_path / "x.npy", normal(50), normal(50, 3.0, seed=1)))
    assert [point["batch_size"] for point in document["batch_sizes"]] == [1, 2]
    assert document["recommendation"]["batch_size"] is None
    assert "at least 8" in document["recommendation"]["reason"]


def test_constant_channels_have_no_shares(compared, tmp_path):
    document, _ = compared(saved(tmp_path / "x.npy", *[np.full((9, 1), 4.0)] * 9))
    assert document["population"]["channels"][0]["rho"] is None
    assert "all values are equal" in document["recommendation"]["reason"]


def test_a_sample_with_nan_is_left_out_of_its_channel_and_named(compared, tmp_path):
    broken = normal(50, 9.0, seed=5)
    broken[3] = np.nan
    path = saved(tmp_path / "x.npy", *[normal(50, seed=k) for k in range(3)], broken)
    document, _ = compared(path)
    assert document["population"]["channels"][0]["samples"] == 3
    (finding,) = document["findings"]
    assert (finding["rule"], finding["channel"]) == ("BN104", 0)
    assert "x.npy[3]" in finding["message"]


def test_mixed_shapes_are_answered_with_a_note(compared, tmp_path):
    paths = [saved(tmp_path / f"{size}.npy", normal(size, seed=size)) for size in (40, 50)]
    document, err = compared(*paths)
    assert document["population"]["samples"] == 2
    assert "2 different shapes" in err


def test_files_that_fail_are_named_and_the_others_compared(compared):
    document, err = compared(COHORT, "none.nii", code=3)
    assert len(document["samples"]) == 12
    assert "none.nii" in err


def test_saved_activations_are_called_an_array(compared, tmp_path):
    document, _ = compared(saved(tmp_path / "x.npy", *[normal(50, seed=k) for k in range(9)]))
    assert document["recommendation"]["applies_to"] == "array"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_and_says_what_to_do(bnstat_run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    out = bnstat_run("compare", COHORT).out
    assert max(map(len, out.splitlines())) <= width
    assert "No compared size is enough" in out.replace("\n", " ")


def test_csv_and_markdown_have_a_row_for_each_size(bnstat_run):
    rows = list(csv.DictReader(io.StringIO(bnstat_run("compare", COHORT, "--format", "csv").out)))
    assert [row["batch_size"] for row in rows] == ["1", "2", "4", "8"]
    assert float(rows[0]["observed_mean_sd"]) == pytest.approx(float(rows[0]["mean_sd"]))
    markdown = bnstat_run("compare", COHORT, "--format", "markdown").out
    assert sum(line.startswith("| ") for line in markdown.splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch-sizes", "0"], "--batch-sizes must all be at least 1, and one is 0"),
        (["--batch-sizes", "a"], "not a list of whole numbers"),
        (["--batch-sizes", "64", "--population", "finite"], "use --population infinite"),
        (["--draws", "0"], "draws"),
        (["--tolerance-gap", "-1"], "--tolerance-gap must be a finite number of at least 0, and is -1"),
        (["--tolerance-noise", "inf"], "--tolerance-noise must be a finite number of at least 0, and is inf"),
        (["--axis", "9"], "axis 9"),
        (["--axis", "0"], "batch axis"),
        (["--epsilon", "nan"], "epsilon"),
        (["--momentum", "2"], "momentum"),
    ],
)
def test_what_cannot_be_is_one_line(refused, arguments, message):
    assert message in refused(2, "compare", COHORT, *arguments)


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_the_table_and_the_verdict_are_for_one_population(compared, population):
    document, _ = compared(COHORT, "--batch-sizes", "2,8", "--population", population)
    advice = document["recommendation"]
    assert advice["population"] == document["settings"]["population"] == population
    (shown,) = document["batch_sizes"][0]["channels"]
    assert advice["smallest"] == {
        "batch_size": 2,
        "channel": 0,
        "noise": shown["mean_noise"],
        "shortfall": shown["variance_shortfall"],
        "gap": shown["train_eval_rms"],
    }
    assert (advice["confidence"] is None) == (population == "finite")


def test_exactly_these_samples_need_no_estimate_and_a_batch_of_all_of_them_is_not_enough_for_that(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2,12", "--population", "finite")
    advice, point = document["recommendation"], document["batch_sizes"][1]
    assert point["takes_all"]
    assert point["channels"][0]["mean_noise"] == 0
    assert advice["batch_size"] is None
    needed = advice["estimate"]
    assert advice["least"] == advice["most"] == needed < 12
    sizes, _ = compared(COHORT, "--batch-sizes", f"{needed - 1},{needed},12", "--population", "finite")
    assert sizes["recommendation"]["batch_size"] == needed
    at_less, at_needed, _ = (point["channels"][0] for point in sizes["batch_sizes"])
    assert max(at_less["mean_noise"], at_less["train_eval_rms"]) > 0.1
    assert max(at_needed["mean_noise"], at_needed["variance_shortfall"], at_needed["train_eval_rms"]) <= 0.1


@pytest.mark.parametrize("values", [(12, 6), (12, 12), (20, 15)])
def test_a_channel_with_too_few_usable_samples_is_named_and_not_spoken_of(compared, tmp_path, values):
    samples, broken = values
    array = np.random.default_rng(0).normal(np.random.default_rng(1).normal(size=(samples, 1, 2)), 1, (samples, 40, 2))
    array[:broken, 3, 1] = np.nan
    np.save(tmp_path / "x.npy", array)
    document, _ = compared(tmp_path / "x.npy", "--batch-sizes", "4,512")
    advice = document["recommendation"]
    assert [(one["channel"], one["samples"]) for one in advice["unjudged"]] == [(1, samples - broken)]
    assert (advice["channel"], advice["samples"], advice["batch_size"]) == (0, samples, 512)
    left = "1 usable sample" if samples - broken == 1 else f"{samples - broken} usable samples"
    assert f"Nothing is said of channel 1 ({left}, of 8 that are needed)." in advice["reason"]


def test_different_numbers_of_channels_cannot_be_compared(refused):
    line = refused(2, "compare", COHORT, ROOT / "sample_data/mri_4channel.nii.gz")
    assert "has 1 channel and" in line
    assert "has 4;" in line


def sites(path, rows):
    """A table of cases."""
    path.write_text("case,site\n" + "".join(f"{case},{site}\n" for case, site in rows), encoding="utf-8")
    return path


def two_sites(folder, apart):
    """Six volumes of two sites, whose means are so far apart."""
    random = np.random.default_rng(1)
    for number in range(6):
        site = folder / ("north" if number < 4 else "south")
        site.mkdir(exist_ok=True)
        mean = random.normal() + (apart if number >= 4 else 0)
        np.save(site / f"case_{number}.npy", random.normal(mean, 1.0, (8, 9, 10)))
    return folder


@pytest.mark.parametrize("by", ["directory", "table"])
def test_batches_of_one_group_are_compared_with_mixed_ones(compared, tmp_path, by):
    folder = two_sites(tmp_path, apart=5.0)
    cases = [(f"case_{number}", "north" if number < 4 else "south") for number in range(6)]
    group_by = "directory" if by == "directory" else f"{sites(tmp_path / 'sites.csv', cases)}:site"
    asked = ("--batch-axis", "none", "--batch-sizes", "2", "--group-by", group_by, "--draws", "20000")
    asked += ("--population", "finite")
    document, _ = compared(folder / "north", folder / "south", *asked)
    assert document["population"]["groups"] == [{"name": "north", "samples": 4}, {"name": "south", "samples": 2}]
    values = [np.load(file) for file in sorted(folder.glob("*/*.npy"))]
    groups = [values[:4], values[4:]]
    pairs = [[np.stack(pair) for pair in combinations(group, 2)] for group in groups]
    weights = [4 / 6, 2 / 6]
    variance = sum(p * np.mean([pair.var() for pair in some]) for p, some in zip(weights, pairs, strict=True))
    mean = np.mean(values)
    spread = sum(
        p * np.mean([(pair.mean() - mean) ** 2 for pair in some]) for p, some in zip(weights, pairs, strict=True)
    )
    found = document["batch_sizes"][0]["one_group"]["channels"][0]
    assert found["expected_variance"] == pytest.approx(variance, rel=1e-9)
    assert found["mean_sd"] == pytest.approx(np.sqrt(spread), rel=1e-9)
    assert found["observed"]["variance_mean"] == pytest.approx(variance, rel=0.01)
    assert found["mean_noise"] > document["batch_sizes"][0]["channels"][0]["mean_noise"]
    between = np.var([np.mean(group) for group in groups for _ in group])
    assert document["population"]["channels"][0]["between_groups"] == pytest.approx(between, rel=1e-9)


def test_groups_of_one_sample_each_do_not_show_what_lies_between_groups(tmp_path, bnstat_run):
    for number in range(4):
        (tmp_path / f"site_{number}").mkdir()
        np.save(tmp_path / f"site_{number}" / "case.npy", np.random.default_rng(number).normal(number, 1, (5, 6, 7)))
    asked = ("compare", str(tmp_path), "--batch-axis", "none", "--batch-sizes", "2", "--group-by", "directory")
    shown = " ".join(bnstat_run(*asked, "--population", "infinite").out.split())
    assert "each has one sample, which cannot show how samples of a group differ; give several" in shown
    assert "Each batch from one group" not in shown
    assert "100% of the variance between samples" in " ".join(bnstat_run(*asked, "--population", "finite").out.split())


def test_a_size_that_no_group_has_is_not_answered_for_groups(compared, tmp_path):
    document, _ = compared(
        two_sites(tmp_path, 1.0),
        *("--batch-axis", "none", "--batch-sizes", "3,5", "--group-by", "directory", "--population", "finite"),
    )
    three, five = document["batch_sizes"]
    assert three["one_group"] is not None
    assert five["one_group"] is None


def test_synchronized_ranks_are_one_larger_batch(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2,4,6", "--ranks", "2", "--population", "finite")
    alone, _ = compared(COHORT, "--batch-sizes", "4,8,12", "--population", "finite")
    for one, other in zip(document["batch_sizes"], alone["batch_sizes"], strict=True):
        assert one["synchronized"]["channels"] == other["channels"]
        assert one["synchronized"]["batch_size"] == other["batch_size"]
    beyond, _ = compared(COHORT, "--batch-sizes", "4", "--ranks", "8", "--population", "finite")
    assert beyond["batch_sizes"][0]["synchronized"] is None


def test_a_simulated_run_is_shown_beside_the_closed_form(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2", "--steps", "2000", "--population", "finite")
    found = document["batch_sizes"][0]["channels"][0]
    shuffled, independent = found["simulated"]["shuffled"], found["simulated"]["independent"]
    assert shuffled["steps"] == 2000
    assert independent["running_mean_sd"] == pytest.approx(found["running_mean_sd"], rel=0.2)
    assert shuffled["running_mean_sd"] < found["running_mean_sd"] / 2
    for run in (shuffled, independent):
        assert abs(run["running_mean"] - run["expected_running_mean"]) < 5 * found["running_mean_sd"]
        assert run["train_eval_rms"] == pytest.approx(found["train_eval_rms"], rel=0.1)


def test_a_run_that_is_too_short_to_settle_has_no_noise_and_a_larger_gap(compared):
    document, _ = compared(COHORT, "--batch-sizes", "2", "--steps", "100", "--population", "finite")
    found = document["batch_sizes"][0]["channels"][0]
    assert found["simulated"]["shuffled"]["running_mean_sd"] is None
    assert found["simulated"]["shuffled"]["train_eval_rms"] > found["train_eval_rms"]


def test_a_larger_set_has_no_epochs(compared):
    document, _ = compared(COHORT, "--batch-sizes", "16", "--steps", "50")
    simulated = document["batch_sizes"][0]["channels"][0]["simulated"]
    assert simulated["shuffled"] is None
    assert simulated["independent"]["steps"] == 50


def test_all_that_was_asked_for_is_in_every_format(bnstat_run, tmp_path):
    table = sites(tmp_path / "sites.csv", [(f"case_{number:02}", "AB"[number % 2]) for number in range(12)])
    asked = ("compare", COHORT, "--batch-sizes", "2,4", "--ranks", "2", "--steps", "500", "--group-by", f"{table}:site")
    asked += ("--population", "finite")
    for form in ("table", "markdown"):
        out = bnstat_run(*asked, "--format", form).out.replace("\u00a0", " ")
        for words in (
            "2 groups: A (6), B (6)",
            "Each batch from one group:",
            "2 synchronized ranks",
            "Running statistics after 500 simulated training steps",
        ):
            assert words in out
    rows = list(csv.DictReader(io.StringIO(bnstat_run(*asked, "--format", "csv").out)))
    assert [(row["batch_size"], row["composition"]) for row in rows] == [
        ("2", "mixed"), ("2", "one_group"), ("4", "synchronized"),
        ("4", "mixed"), ("4", "one_group"), ("8", "synchronized"),
    ]  # fmt: skip
    assert float(rows[0]["simulated_shuffled_running_mean"]) > 0
    assert rows[1]["simulated_shuffled_running_mean"] == ""


@pytest.mark.parametrize(
    ("rows", "group_by", "message"),
    [
        (None, "sites.csv:site", "sites.csv: no such file; check the path"),
        ([], "sites.csv:site", "sites.csv: the table has no rows"),
        ([("case_00", "A")], "sites.csv:centre", "has no column 'centre'; it has case, site"),
        ([("case_00", "A")], "sites.csv:site", "has no site for"),
        ([(f"case_{number:02}", "A") for number in range(12)], "sites.csv:site", "puts all files into one group, 'A'"),
        ([("case_00", "A")], "sites", "--group-by sites is not valid; it must be 'directory' or FILE.csv:COLUMN"),
    ],
)
def test_groups_that_cannot_be_made_are_one_line(refused, tmp_path, monkeypatch, rows, group_by, message):
    monkeypatch.chdir(tmp_path)
    if rows is not None:
        sites(tmp_path / "sites.csv", rows)
    assert message in refused(3 if "sites.csv: " in message else 2, "compare", COHORT, "--group-by", group_by)


@pytest.mark.parametrize(
    ("option", "message"),
    [("--ranks", "--ranks must be at least 1, and is 0"), ("--steps", "--steps must be at least 1, and is 0")],
)
def test_no_ranks_and_no_steps_cannot_be(refused, option, message):
    assert message in refused(2, "compare", COHORT, option, "0")


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_values_too_large_to_square_are_left_out_with_a_note(bnstat_run, tmp_path, form):
    random = np.random.default_rng(0)
    values = random.normal(random.normal(size=(10, 1, 1)), 1.0, (10, 20, 1))
    values[3] *= 1e200
    np.save(tmp_path / "large.npy", values)
    ran = bnstat_run("compare", tmp_path / "large.npy", "--batch-sizes", "1,2", "--steps", "20", "--format", form)
    assert ran.code == 0
    assert "large.npy[3]: the values are too large to square" in ran.err
    for command in ("check", "inspect"):
        assert bnstat_run(command, tmp_path / "large.npy", "--format", form).code in (0, 1)


def test_kept_moments_of_an_array_speak_of_saved_values_as_the_array_does(bnstat_run, tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.random.default_rng(0).normal(size=(9, 4, 3, 2)))
    assert bnstat_run("scan", file, "-o", tmp_path / "m.jsonl").code == 0
    whole, kept = (bnstat_run("compare", path, "--format", "json").out for path in (file, tmp_path / "m.jsonl"))
    assert json.loads(whole)["recommendation"] == json.loads(kept)["recommendation"]
    assert json.loads(kept)["recommendation"]["applies_to"] == "array"


def test_every_format_for_people_opens_with_the_verdict_and_the_table_follows(bnstat_run):
    found = bnstat.compare(COHORT)
    headline, rest = (line.replace("\u00a0", " ") for line in found.opening)
    assert headline == (
        "Batch size 1 is too small for this cohort; about 34 would be enough (71 with 90 % confidence)."
    )
    assert "off by 0.545 SD (standard deviations of the population, limit 0.1)" in rest
    verdict = found.verdict.replace("\u00a0", " ")
    assert verdict == f"{headline} {rest}"
    table = bnstat_run("compare", COHORT).out
    assert " ".join(table.split()).startswith(verdict)
    assert table.index("\nbatch  batches") < table.index("● mean noise")
    page = bnstat_run("compare", COHORT, "--format", "markdown").out.replace("\u00a0", " ")
    assert page.startswith(f"**{headline}**  \n\n{rest}\n\n12 samples")
    shown = unescape(found._repr_html_()).replace("\u00a0", " ")
    assert shown.index(headline) < shown.index(rest) < shown.index("<table>")


def test_where_a_size_is_enough_only_because_it_holds_every_sample_the_verdict_says_so(bnstat_run):
    out = bnstat_run("compare", COHORT, "--population", "finite", "--batch-sizes", "8,12").out
    said = " ".join(out.split())
    assert "Of the compared sizes, 12 is within the limits, but only because it holds every sample." in said
    assert "No compared" not in said
    out = bnstat_run("compare", COHORT, "--population", "finite", "--batch-sizes", "4,8").out
    assert "No compared size is enough; 8 comes closest (batch mean off by 0.113 SD, train/eval gap 0.124)." in (
        " ".join(out.split())
    )


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ("2,4,32", "No compared size is enough; 32 comes closest (train/eval gap 0.105)."),
        ("2,40", "40 is enough by the estimate, but not with 90 % confidence."),
        ("2,40,128", "Of the compared sizes, 128 is the smallest that is enough with 90 % confidence."),
    ],
)
def test_sizes_that_are_enough_by_the_estimate_are_told_from_those_that_are_not(bnstat_run, sizes, words):
    assert words in " ".join(bnstat_run("compare", COHORT, "--batch-sizes", sizes).out.split())


def test_entries_of_one_file_are_no_population_of_volumes(bnstat_run, tmp_path):
    series = ROOT / "sample_data/time_series.nii.gz"
    said = " ".join(bnstat_run("compare", series, "--batch-axis", "3").out.split())
    words = "samples come from one file. They show how its entries differ, not how volumes differ; give at least 8"
    assert said.startswith(f"All 20 {words} volumes. Batch size 1 is enough for these entries")
    moments = tmp_path / "m.jsonl"
    assert bnstat_run("scan", series, "--batch-axis", "3", "-o", moments).code == 0
    assert words in " ".join(bnstat_run("compare", moments, "--batch-axis", "3").out.split())
    whole = bnstat_run("compare", series, "--batch-axis", "3", "--population", "finite").out
    assert "come from one file" not in " ".join(whole.split())
    assert "come from" not in " ".join(bnstat_run("compare", COHORT).out.split())


def test_saved_activations_are_samples_by_design(bnstat_run, tmp_path):
    path = saved(tmp_path / "x.npy", *[normal(50, seed=k) for k in range(9)])
    said = " ".join(bnstat_run("compare", path).out.split())
    assert "this cohort" in said
    assert "applied to these saved values, if these samples are independent." in said
    assert "come from" not in said


@pytest.mark.parametrize("options", [[], ["--patch", "16x16x16", "--patches", "4"], ["--population", "finite"]])
def test_the_printed_parts_of_the_variance_add_up_to_the_printed_sum(bnstat_run, options):
    said = " ".join(bnstat_run("compare", COHORT, *options).out.split())
    total, parts = re.search(r"variance ([\d,]+)(?: \(estimate[^)]*\))? = (.*?) \(share", said).groups()
    each = [int(part.replace(",", "")) for part in re.findall(r"(?:^|\+ )([\d,]+)", parts)]
    assert int(total.replace(",", "")) == sum(each)
    assert len(each) == (3 if "--patch" in options else 2)


def test_the_estimate_for_the_population_is_told_from_the_variance_of_these_samples(bnstat_run):
    said = " ".join(bnstat_run("compare", COHORT).out.split())
    assert "variance 385,385 (estimate for the larger population; these 12 samples alone: 375,857) =" in said
    assert "lacks on average of the population's variance" in said
    assert "estimate for" not in bnstat_run("compare", COHORT, "--population", "finite").out


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_the_figures_of_the_verdict_are_those_of_the_table(bnstat_run, population):
    out = bnstat_run("compare", COHORT, "--population", population).out
    row = next(line.split() for line in out.splitlines() if re.match(r" +1  ", line))
    noise, gap = (re.search(rf"{words} ([\d.]+)", " ".join(out.split()))[1] for words in ("off by", "gap is"))
    assert any(cell.startswith(noise[:-1]) and abs(float(cell) - float(noise)) < 6e-4 for cell in row if cell[0] == "0")
    assert abs(float(row[-1]) - float(gap)) < 6e-4


@pytest.mark.parametrize("asked", [(), ("--steps", "50", "--batch-sizes", "2,4"), ("--frameworks", "keras,torch")])
@pytest.mark.parametrize("width", ["40", "60", "80"])
def test_no_number_is_cut_however_narrow_the_terminal_is(bnstat_run, monkeypatch, asked, width):
    monkeypatch.setenv("COLUMNS", width)
    assert not re.search(r"\d…", bnstat_run("compare", COHORT, *asked).out)
