"""The verdict of a page: its sizes are those of `compare`, its volumes those of `check`, its numbers those of both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from report_page import known_numbers

import bnstat
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.renderers.json import written
from bnstat.reports.full.verdict.on_batch_size import standing
from bnstat.text import number

ROOT = Path(__file__).parents[3]
# The fields of the document that the verdict writes; all others are what it is made from.
OWN = ("verdict", "next_steps", "read", "not_said")
SIZES = re.compile(
    r"(?:batch size of|batches of|a batch of|batch of about|or|size of about|use) ([\d,]+)"
    r"(?= (?:volumes?|samples?|patch(?:es)?) (?:is|are)| is enough| to be|\. If| on each)"
)
NUMBER = re.compile(r"(?<![\w.,])-?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")


def cohort(seed: int) -> tuple[list[Any], dict[str, Any], Reading]:
    """Return volumes that differ more or less, some of them broken, and settings, all drawn by chance."""
    draw = np.random.default_rng(seed)
    count, channels = int(draw.choice([1, 3, 8, 13, 16])), int(draw.choice([1, 1, 2, 5]))
    between = float(draw.choice([0.0, 0.05, 0.3, 1.5]))
    volumes = [
        draw.normal(100 + 20 * between * draw.normal(size=channels), 20, (8, 7, 6, channels)).astype(np.float32)
        for _ in range(count)
    ]
    kind = int(draw.integers(8))
    if kind == 1:
        volumes[-1] *= 40
    elif kind == 2:
        volumes[0][0, 0, 0, 0] = np.nan
    elif kind == 3:
        volumes[0][..., -1] = 0
    elif kind == 4:
        volumes = [np.full_like(one, 3.5) for one in volumes]
    settings: dict[str, Any] = {
        "batch_size": int(draw.integers(1, 1 + max(1, count // 2))),
        "framework": str(draw.choice(["torch", "keras"])),
        "batch_axis": "none",
        "axis": 4,
    }
    if kind == 5 and settings["batch_size"] * 2 <= count:
        settings["ranks"] = 2
    if kind == 6:
        settings["normalizer"] = str(draw.choice(["instance", "layer", "rms"]))
    if kind == 7:
        settings["epsilon"] = 0.5
    patched = bool(draw.integers(4) == 0) and settings.get("normalizer") is None
    how = Preparation(patches=Patching((4, 4, 4), number=3, seed=1)) if patched else Preparation()
    return volumes, settings, Reading(preparation=how)


def drawn(seed: int) -> Any:
    """Return a page on such volumes, and its document."""
    volumes, settings, reading = cohort(seed)
    page = bnstat.report(volumes, reading=reading, **settings)
    return page.report, json.loads(written(page.to_dict()))


SEEDS = range(16)


@pytest.fixture(scope="module", params=SEEDS)
def made(request):
    return drawn(request.param)


def sentences(document: Any) -> list[str]:
    return [*document["verdict"], *document["next_steps"]]


def test_no_size_is_named_that_compare_does_not_have(made):
    _, document = made
    settings = document["check"]["settings"]
    known = {settings["batch_size"], settings["batch_size"] * settings["ranks"]}
    for compared in (document["compare"] or {}, document["compare_without_odd"] or {}):
        found = compared.get("recommendation") or {}
        known |= {found.get("estimate"), found.get("most"), found.get("batch_size")}
        known |= {point["batch_size"] for point in compared.get("batch_sizes", ())}
    for text in sentences(document):
        for size in SIZES.findall(text):
            assert int(size.replace(",", "")) in known, text


def test_the_smallest_compared_size_fares_as_the_headline_of_compare_says(made):
    report, _ = made
    found = None if report.comparison is None else report.comparison.recommendation
    if found is None or found.channel is None or not found.headline.startswith("Batch size"):
        return
    words = {"is too small": "too small", "is enough": "enough", "may be enough": "perhaps"}
    said = next(fares for part, fares in words.items() if part in found.headline)
    assert standing(report.answers, found.smallest.batch_size) == said


def test_a_size_is_enough_from_the_one_that_compare_knows_to_be(made):
    report, _ = made
    found = None if report.comparison is None else report.comparison.recommendation
    if found is None or found.channel is None:
        assert report.verdict.standing == "unknown"
        return
    for point in report.comparison.batch_sizes:
        enough = found.most is not None and point.batch_size >= found.most
        assert (standing(report.answers, point.batch_size) == "enough") == enough


def test_rules_that_find_the_batch_too_small_are_not_contradicted(made):
    report, _ = made
    beyond = [one for one in report.findings if one.rule in ("BN202", "BN203", "BN204")]
    lead = " ".join(one.text for one in report.verdict.answer[:3])
    if beyond and report.verdict.standing != "enough":
        assert "is too small" in lead
    if report.comparison is not None and not beyond and report.check.settings.layer.kind == "batch":
        assert report.verdict.standing != "too small" or report.answers.size < report.comparison.recommendation.estimate


def test_every_error_and_every_odd_volume_is_named(made):
    report, document = made
    text = " ".join(document["verdict"])
    for finding in report.findings:
        if finding.severity == "error":
            assert finding.rule in text
        if finding.rule == "BN207" and finding.source is not None:
            assert report.answers.name_of(report.answers.about(finding)[0].place) in text


def test_nothing_is_called_in_order_where_a_rule_on_data_found_something(made):
    report, _ = made
    on_data = [one for one in report.findings if one.rule not in ("BN202", "BN203", "BN204", "BN205")]
    in_order = any(one.tone == "good" for one in report.verdict.data)
    assert in_order == (not on_data and not report.errors)


def test_every_number_is_one_of_what_the_commands_say(made):
    report, document = made
    others = {name: value for name, value in document.items() if name not in OWN}
    known = known_numbers(others)
    for comparison in filter(None, (report.comparison, report.without_odd)):  # shares that are written in percent
        for one in comparison.population:
            known |= set() if one.rho is None else {number(100 * max(one.rho, 0.0), 3)}
    found = (others["compare"] or {}).get("recommendation") or {}
    confidence = found.get("confidence")
    known |= set() if confidence is None else {f"{100 * confidence:g}", f"{10 * confidence:g}", "10"}
    known |= {f"{100 * limit:g}" for limit in (found.get("limits") or {}).values()}
    for text in document["verdict"]:
        for one in NUMBER.findall(text):
            shown = one.lstrip("-")
            assert shown in known or near_percent(shown, document), f"{one} in {text!r}"


def near_percent(shown: str, document: Any) -> bool:
    """Return True if a number is a shortfall of the curve in percent, or a count of volumes or rules."""
    value = float(shown.replace(",", ""))
    compared = [document[name] or {} for name in ("compare", "compare_without_odd")]
    points = [point for one in compared for point in one.get("batch_sizes", ())]
    every = [*points, *(one["synchronized"] for one in points if one["synchronized"])]
    shares = [one["variance_shortfall"] for point in every for one in point["channels"]]
    if any(share is not None and value == pytest.approx(100 * share, rel=1e-2) for share in shares):
        return True
    rules = [code for code in document["judged"] if code not in ("BN202", "BN203", "BN204", "BN205")]
    volumes = len(document["volumes"])
    return value in (volumes, volumes - len(document["left_out"]), len(rules))


# --- Cases ---------------------------------------------------------------------------------------------------------


def volumes(means: list[float], sd: float = 20.0, channels: int = 1) -> list[Any]:
    draw = np.random.default_rng(5)
    return [draw.normal(mean, sd, (8, 7, 6, channels)).astype(np.float32) for mean in means]


def verdict(some: list[Any], **settings: Any) -> Any:
    return bnstat.report(some, batch_axis="none", **settings).report.verdict


def test_one_volume_cannot_tell_and_its_variance_is_not_zero():
    found = verdict(volumes([100.0]))
    assert found.standing == "unknown"
    assert found.answer[0].text.startswith("These data cannot tell whether a batch size of 1 is enough for batch norm.")
    assert "give at least 8" in found.answer[0].text
    assert found.answer[1].text == (
        "A batch size of 1 does not make the variance zero: each channel is averaged over 336 values of the volume."
    )
    assert found.steps == ("Give more volumes of the same kind, so that batch sizes can be judged.",)


def test_volumes_that_differ_need_a_larger_batch_and_the_steps_name_it():
    report = bnstat.report(volumes([60.0, 140.0] * 6), batch_axis="none", batch_size=2).report
    found, size = report.verdict, report.comparison.recommendation
    assert found.standing == "too small"
    assert found.answer[0].text == (
        f"A batch size of 2 is too small for batch norm on these 12 volumes. A batch of about {size.estimate} volumes "
        f"is enough by the estimate, and a batch of {size.most} is enough with 90\u00a0% confidence."
    )
    assert found.steps[0].startswith(
        f"Train with a batch size of about {size.estimate}, or {size.most} to be 90\u00a0% sure."
    )


def test_volumes_that_are_alike_keep_their_batch_size():
    found = verdict(volumes([100.0] * 12), batch_size=2)
    assert found.standing == "enough"
    assert found.steps == ("Keep the batch size of 2.",)


def test_an_odd_volume_is_named_with_its_numbers_and_those_of_the_others():
    some = volumes([100.0 + place for place in range(14)])
    some[9] = some[9] * 5
    found = verdict(some, batch_size=2)
    (odd,) = [one for one in found.data if one.rule == "BN207"]
    own, others = some[9], [one for place, one in enumerate(some) if place != 9]
    assert odd.volumes == (9,)
    assert f"its mean is {number(float(own.astype(np.float64).mean()))}" in odd.text
    least = number(min(float(one.astype(np.float64).mean()) for one in others))
    assert f"In the other volumes the mean is between {least} and" in odd.text
    assert any(one.text.startswith("Look at array 10 first (see below).") for one in found.answer)


def test_the_answer_opens_with_the_sizes_without_the_odd_volume_and_the_step_has_them():
    some = volumes([60.0, 140.0] * 6)
    some[9] = some[9] * 6
    report = bnstat.report(some, batch_axis="none", batch_size=2).report
    first, _, larger, third, _ = [one.text for one in report.verdict.answer]
    without, whole = report.without_odd.recommendation, report.comparison.recommendation
    assert first == (
        "array 10 does not fit the other volumes. Even without it, a batch size of 2 is too small for batch norm on "
        f"the other 11 volumes. A batch of about {without.estimate} volumes is enough by the estimate, and a batch of "
        f"{without.most} is enough with 90\u00a0% confidence."
    )
    assert larger.startswith(
        f"A batch of {without.estimate} is more than the 11 volumes here: the size is for a training set that these "
        "volumes are a part of. Where a batch cannot be so large, use instance norm, which normalizes each volume by "
    )
    assert third == (
        "With array 10, a batch size of 2 is too small for batch norm on these 12 volumes. A batch of about "
        f"{whole.estimate:,} volumes is enough by the estimate, and a batch of {whole.most:,} is enough with "
        "90\u00a0% confidence."
    )
    assert report.verdict.steps[0].startswith("Look at array 10:")
    assert report.verdict.steps[1].startswith(
        f"Without array 10, train with a batch size of about {without.estimate}, or {without.most} to be"
    )
    assert any(one.startswith("Without array 10, the mean of a volume lies between") for one in report.verdict.why)


def test_a_size_that_is_enough_without_the_odd_volume_is_kept_and_is_too_small_with_it():
    draw = np.random.default_rng(1)
    some = [draw.normal(100, 20, (8, 8, 8, 1)).astype(np.float32) for _ in range(14)]
    some[5] = some[5] * 4
    found = verdict(some, batch_size=4)
    assert found.standing == "too small"
    assert "Without it, a batch size of 4 is enough for batch norm on the other 13 volumes" in found.answer[0].text
    assert "With array 6, a batch size of 4 is too small" in found.answer[2].text
    assert found.steps[1] == "Without array 6, keep the batch size of 4."


def test_a_volume_whose_nan_is_left_out_anyway_changes_no_size_and_that_is_said():
    some = volumes([60.0, 140.0] * 6)
    some[3][0, 0, 0, 0] = np.nan
    report = bnstat.report(some, batch_axis="none", batch_size=2).report
    assert report.left_out == (3,)
    assert report.without_odd.recommendation.most == report.comparison.recommendation.most
    assert report.verdict.answer[-1].text == "Without array 4, these sizes are the same."
    assert report.verdict.steps[1].startswith("Train with a batch size of about")


def test_of_many_volumes_that_are_left_out_three_are_named():
    some = volumes([60.0, 140.0] * 10)
    for place in (2, 5, 8, 11, 14):
        some[place][..., 0] = 7.0
    found = verdict(some, batch_size=2)
    assert found.answer[0].text.startswith("array 3, array 6, array 9 and 2 more are broken. Even without them, ")


def test_long_names_of_volumes_that_are_left_out_are_said_once(tmp_path):
    some = volumes([60.0, 140.0] * 8)
    for place in (4, 9):
        some[place] = some[place] * 6
    files = [str(tmp_path / f"{place:02}_{'long-name_' * 8}.nii.gz") for place in range(16)]
    for file, one in zip(files, some, strict=True):
        nibabel.save(nibabel.Nifti1Image(one, np.eye(4)), file)
    found = bnstat.report(files, batch_size=2).report.verdict
    names = f"04_{'long-name_' * 8}.nii.gz and 09_{'long-name_' * 8}.nii.gz"
    assert found.answer[0].text.startswith(
        f"{names} do not fit the other volumes. Even without them, a batch size of 2"
    )
    assert found.answer[3].text.startswith("With the 2 odd or broken volumes, a batch size of 2 is too small")
    assert found.steps[1].startswith("Without the 2 odd or broken volumes, train with a batch size of about")


def test_a_volume_that_lies_apart_is_named_where_volumes_are_too_few_for_the_rule_on_odd_ones():
    files = sorted((ROOT / "sample_data" / "cohort").glob("*.nii.gz"))[:10]
    some = [nibabel.load(file).get_fdata(dtype=np.float32)[..., None] for file in files]
    some[7] = some[7] * 5
    found = verdict(some, batch_size=2)
    assert not any(one.rule == "BN207" for one in found.data)
    (apart,) = [one for one in found.data if one.tone == "note"]
    assert apart.volumes == (7,)
    spread = [number(float(one.astype(np.float64).std())) for one in some]
    assert apart.text == (
        f"array 8 lies apart from the others: its SD (standard deviation) is {spread[7]}, and those of the others are "
        f"between {spread[1]} and {spread[9]}. No rule judges this: the one on odd volumes (BN207) needs more of them."
    )


@pytest.mark.parametrize(
    ("last", "apart"),
    [(125.0, False), (160.0, True)],  # the others are between 100 and 108, with an SD of 20
)
def test_a_volume_lies_apart_if_it_is_twice_as_far_out_as_the_others_are_wide(last, apart):
    found = verdict(volumes([100.0, 102.0, 104.0, 106.0, 108.0, 104.0, 102.0, 106.0, last]), batch_size=2)
    assert any("lies apart" in one.text for one in found.data) == apart


def test_a_volume_that_no_layer_would_notice_does_not_lie_apart():
    found = verdict(volumes([100.0] * 8 + [103.0]), batch_size=2)
    assert not any("lies apart" in one.text for one in found.data)


def test_where_the_rule_on_odd_volumes_judges_no_other_volume_is_called_apart():
    files = sorted((ROOT / "sample_data" / "cohort").glob("*.nii.gz"))
    some = [nibabel.load(file).get_fdata(dtype=np.float32)[..., None] for file in files]
    some[7] = some[7] * 5
    report = bnstat.report(some, batch_axis="none", batch_size=2).report
    assert "BN207" not in report.silent
    assert not any("lies apart" in one.text for one in report.verdict.data)


def test_a_layer_that_takes_each_volume_by_itself_has_no_batch_size_to_choose():
    found = verdict(volumes([60.0, 140.0] * 6), normalizer="instance", batch_size=2)
    assert found.answer[0].text.startswith("Instance norm does not depend on the batch size")
    assert found.steps == ("Choose the batch size by memory and speed: instance norm does not depend on it.",)


def test_volumes_with_other_channels_have_no_recommendation():
    some = [one[..., : 1 + place % 2] for place, one in enumerate(volumes([100.0] * 4, channels=2))]
    found = verdict(some)
    assert found.standing == "unknown"
    assert found.answer[0].text.startswith("No batch size can be recommended for batch norm: array 1 has 1 channel")


def test_nan_is_laid_to_the_volume_that_has_it_and_not_to_its_batch():
    some = volumes([100.0] * 8)
    some[3][0, 0, 0, 0] = np.nan
    (found,) = [one for one in verdict(some, batch_size=4).data if one.rule == "BN104"]
    assert found.volumes == (3,)


def test_every_other_size_is_ranked_by_the_recommendation():
    report = bnstat.report(volumes([60.0, 140.0] * 6), batch_axis="none", batch_sizes=[1, 4096], batch_size=2).report
    assert "4,096 is the smallest that is enough, with 90\u00a0% confidence." in report.verdict.answer[1].text


@pytest.mark.parametrize("scale", [np.nan, 1e300])
def test_more_volumes_are_not_asked_for_where_there_are_enough_whose_values_cannot_be_used(scale):
    found = bnstat.report(scale * np.random.default_rng(0).normal(100.0, 10.0, (13, 3, 3, 3, 1))).report.verdict
    assert found.standing == "unknown"
    assert found.steps[-1] == "Repair the volumes whose values cannot be used, so that batch sizes can be judged."
