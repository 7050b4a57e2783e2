"""Volumes far from their cohort, by name; and cohorts in which there is none."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from cohorts import EMPTY, UNKNOWN, cell, patches, said, volumes

from bnstat.batch_size.kinds import FEWEST_VOLUMES, LEAST, NORMAL, kinds_of
from bnstat.reports.limits import Limits
from bnstat.rules.batch.far_from_cohort import GAP
from bnstat.workflows.check import check


def drawn(number=40, seed=0, mean=165.0, between=20.0, spread=0.1):
    """Cells of volumes of which nothing is odd: (mean, deviation) drawn about 165 and 40."""
    rng = np.random.default_rng(seed)
    means = rng.normal(mean, between, number)
    return [[cell(one, 40 * math.exp(other))] for one, other in zip(means, rng.normal(0, spread, number), strict=True)]


def odd(rows, **changes):
    return said(volumes(rows, **changes), "odd-volume")


def named(rows, **changes):
    return [one.source for one in odd(rows, **changes)]


@pytest.mark.parametrize(
    ("mean", "deviation", "words"),
    [
        (812.0, 40.0, "its mean is 812"),
        (165.0, 400.0, "its standard deviation is 400"),
        (0.165, 0.04, "its standard deviation is 0.04"),
    ],
)
@pytest.mark.parametrize("place", [0, 17, 39])
def test_a_planted_volume_is_named_and_no_other(mean, deviation, words, place):
    rows = drawn()
    assert named(rows) == []
    rows[place] = [cell(mean, deviation)]
    (finding,) = odd(rows)
    assert (finding.source, finding.channel, finding.threshold) == (f"case_{place:02}", 0, 8.0)
    assert words in finding.message
    assert "the middle half of the cohort is between" in finding.message


def test_a_volume_without_its_offset_is_odd_among_means_below_zero():
    rows = [[cell(one - 600, 300)] for one in np.random.default_rng(0).normal(0, 40, 40)]
    assert named(rows) == []
    rows[5] = [cell(424.0, 300.0)]
    assert named(rows) == ["case_05"]


def test_both_figures_are_said_in_one_finding():
    rows = drawn()
    rows[3] = [cell(825.0, 200.0)]
    (finding,) = odd(rows)
    assert "its mean is 825, and" in finding.message
    assert "; its standard deviation is 200, and" in finding.message
    assert finding.value > 8


@pytest.mark.parametrize("figure", ["mean", "deviation"])
@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
def test_the_limit_is_a_robust_z_score(figure, times, speaks):
    """The middle half is −1 … 1 deviations about the median, so the MAD is 1 before the odd one joins, and after."""
    steps = [-2.0, -1.0, -1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 2.0, 1.0, -1.0]
    out = 8 * NORMAL * times
    values = [*steps, out]
    if figure == "mean":
        rows = [[cell(value, 1.0)] for value in values]
    else:
        rows = [[cell(0.0, math.exp(value))] for value in values]
    middle = np.median(values)
    score = abs(out - middle) / (NORMAL * np.median(np.abs(np.array(values) - middle)))
    assert score == pytest.approx(8 * times, rel=1e-9)
    assert bool(odd(rows)) == speaks
    assert odd(rows, limits=Limits(odd_volume=9)) == ()
    assert odd(rows, limits=Limits(odd_volume=7))


@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
def test_among_volumes_that_are_all_alike_little_is_not_odd(times, speaks):
    alike = [[cell(100.0, 40.0)] for _ in range(20)]
    assert named(alike) == []
    shifted = [*alike, [cell(100 + 8 * LEAST * 40 * times, 40.0)]]
    assert bool(odd(shifted, limits=Limits())) is False  # its logarithm is not out as far
    assert bool(odd([[cell(one[0].mean - 100, 40.0)] for one in shifted])) == speaks
    assert bool(odd([*alike, [cell(100.0, 40 * math.exp(8 * LEAST * times))]])) == speaks


def test_few_volumes_have_no_middle():
    rows = [[cell(100.0, 40.0)] for _ in range(FEWEST_VOLUMES - 2)] + [[cell(900.0, 40.0)]]
    assert named(rows) == []
    assert named([*rows, [cell(100.0, 40.0)]]) == [f"case_{FEWEST_VOLUMES - 2:02}"]


def test_what_is_constant_or_not_known_is_no_part_of_the_cohort():
    rows = [*drawn(20), [EMPTY], [UNKNOWN], [replace(EMPTY, constant=False)]]
    assert named(rows) == []
    assert named([[EMPTY]] * 20) == []


def test_a_second_kind_of_volume_is_one_finding_and_not_one_for_each():
    rows = drawn(30) + [[cell(900.0 + place, 40.0)] for place in range(8)]
    (finding,) = odd(rows)
    assert (finding.source, finding.channel) == (None, 0)
    assert "in 8 of 38 volumes (case_30, case_31, case_32, …)" in finding.message
    assert named(drawn(30) + [[cell(900.0 + place, 40.0)] for place in range(3)]) == ["case_30", "case_31", "case_32"]


def test_patches_of_a_volume_are_judged_together():
    """A patch far out is no odd volume; the same mean in all patches of one is."""
    rng = np.random.default_rng(0)
    rows = [[(cell(rng.normal(165, 60), 40.0),) for _ in range(16)] for _ in range(20)]
    rows[3][2] = (cell(400.0, 40.0),)
    assert said(patches(rows), "odd-volume") == ()
    rows[3] = [(cell(900.0 + rng.normal(0, 60), 40.0),) for _ in range(16)]
    assert [one.source for one in said(patches(rows), "odd-volume")] == ["case_03"]


DRAWN = {
    "normal": lambda rng, number: rng.standard_normal(number),
    "t5": lambda rng, number: rng.standard_t(5, number),
    "log-normal": lambda rng, number: np.exp(0.5 * rng.standard_normal(number)),
    "log-normal with an offset": lambda rng, number: np.exp(0.5 * rng.standard_normal(number)) - 1,
    "exponential": lambda rng, number: rng.exponential(size=number) - 0.7,
    "uniform": lambda rng, number: rng.uniform(-2, 2, number),
    "two sites": lambda rng, number: rng.standard_normal(number) + 10.0 * (np.arange(number) % 2),
    "two sites far apart": lambda rng, number: rng.standard_normal(number) + 60.0 * (np.arange(number) % 2),
}


@pytest.mark.parametrize("number", [20, 40, 200, 1000])
@pytest.mark.parametrize("kind", DRAWN)
def test_cohorts_without_a_fault_seldom_have_a_finding_whatever_their_size(kind, number):
    """At most 2 % of cohorts have one, and 3 % of the small ones: more than 8 of 100 or 2 of 20 are unlikely."""
    rng = np.random.default_rng([3, number])
    rounds = 100 if number < 500 else 20
    false = 0
    for _ in range(rounds):
        means, spreads = DRAWN[kind](rng, number), rng.standard_normal(number)
        false += bool(odd([[cell(one, math.exp(0.3 * two))] for one, two in zip(means, spreads, strict=True)]))
    assert false <= (8 if number < 500 else 2)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("side", [-1, 1])
def test_a_fault_that_is_far_from_all_others_is_found_among_a_thousand(kind, side):
    means = DRAWN[kind](np.random.default_rng(5), 1000)
    means -= np.median(means)
    rows = [[cell(one, 1.0)] for one in means]
    assert named(rows) == []
    rows[77] = [cell(side * 10 * abs(means).max(), 1.0)]
    assert named(rows) == ["case_77"]


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("times", "speaks"), [(1 + 1e-6, True), (1 - 1e-6, False)])
def test_a_volume_beyond_the_limit_has_to_be_three_times_as_far_out_as_the_next_on_its_side(side, times, speaks):
    """The middle half is −1 … 1; a volume at 5 on one side is no neighbour of one on the other side."""
    middle = [-1.0, -1.0, -1.0, -0.5, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0]
    rows = [[cell(side * value, 1.0)] for value in [*middle, 5.0, 5.0 * GAP * times]]
    assert (named(rows) == ["case_12"]) == speaks
    (finding,) = odd([*rows[:11], [cell(side * 5.0 * GAP * times, 1.0)], [cell(-side * 5.0, 1.0)]])
    assert finding.source == "case_11"
    assert "; the next volume there is at 0.67)" in finding.message


def test_several_faults_do_not_hide_each_other():
    rows = drawn(30)
    for place, mean in ((4, 900.0), (9, 950.0), (13, 5000.0)):
        rows[place] = [cell(mean, 40.0)]
    assert named(rows) == ["case_04", "case_09", "case_13"]


def scanners(factor=1.0, place=None, number=12):
    """Cells of volumes of two scanners, the second about twice as bright with a zero at 400; one may have a factor."""
    rng = np.random.default_rng(1)
    cells = []
    for at in range(number):
        mean, deviation = (905, 655) if at % 2 else (272, 328)
        times = factor if at == place else 1.0
        cells.append([cell(times * (mean + rng.normal(0, 20)), times * (deviation + rng.normal(0, 12)))])
    return cells


@pytest.mark.parametrize("number", [12, 20, 60])
@pytest.mark.parametrize(("place", "factor"), [(3, 6.0), (4, 6.0), (3, 0.1), (4, 0.1), (4, 100.0)])
def test_a_volume_that_fits_neither_of_two_scanners_is_named(number, place, factor):
    assert named(scanners(number=number)) == []
    (finding,) = odd(scanners(factor, place, number))
    assert finding.source == f"case_{place:02}"
    assert "the cohort has two kinds of volumes, about " in finding.message
    assert "from the nearer kind on a log scale, limit 8" in finding.message


@pytest.mark.parametrize(
    ("place", "factor", "words"),
    [
        (3, 6.0, "larger than in the upper kind"),
        (4, 0.1, "smaller than in the lower kind"),
        (4, 5.0, "larger than in the lower kind"),
    ],
)
def test_a_factor_is_said_beside_the_scanner_with_which_mean_and_deviation_agree_on_it(place, factor, words):
    (finding,) = odd(scanners(factor, place, 20))
    said_factor = re.search(rf"deviation are about ([\d.]+) times {words}", finding.message)
    assert float(said_factor[1]) == pytest.approx(max(factor, 1 / factor), rel=0.1)


def test_the_kinds_that_are_said_are_those_of_the_other_volumes():
    rows = scanners(6.0, 3)
    (finding,) = odd(rows)
    low, high = (
        float(one) for one in re.search(r"its mean is .*? about ([\d.]+) and ([\d.]+) \(", finding.message).groups()
    )
    others = [cells[0].mean for at, cells in enumerate(rows) if at != 3]
    assert low == pytest.approx(np.median([one for one in others if one < 600]), rel=1e-3)
    assert high == pytest.approx(np.median([one for one in others if one > 600]), rel=1e-3)


def test_a_kind_whose_volumes_are_all_odd_has_no_median():
    kinds = kinds_of([0.0, 0.1, 0.2, 0.3, 0.4, 9.0, 9.1, 9.2, 9.3], 0.01)
    assert kinds.medians(list(range(9)), left_out=()) == (2.0, 6.5)
    assert kinds.medians(list(range(9)), left_out={8}) == (2.0, 6.0)
    assert kinds.medians(list(range(9)), left_out={5, 6, 7, 8}) is None


def test_no_factor_is_said_that_mean_and_deviation_do_not_share():
    rows = scanners(number=20)
    rows[4] = [cell(rows[4][0].mean * 6, rows[4][0].deviation * 20)]
    (finding,) = odd(rows)
    assert "times larger" not in finding.message


def test_volumes_of_a_third_scanner_are_not_odd_each_by_itself():
    third = [[cell(9000.0 + 50 * at, 5000.0 + 20 * at)] for at in range(5)]
    assert named([*scanners(number=16), *third]) == []


def test_a_few_volumes_beside_many_are_no_second_kind():
    rows = drawn(20) + [[cell(900.0 + at, 40.0)] for at in range(3)]
    assert named(rows) == ["case_20", "case_21", "case_22"]


def test_an_odd_file_of_a_folder_is_named(tmp_path):
    rng = np.random.default_rng(0)
    for place in range(14):
        values = rng.normal(rng.normal(165, 20), 40, (1, 6, 6, 6, 1)) * (5 if place == 9 else 1)
        np.save(tmp_path / f"{place:02}.npy", values)
    found = check(tmp_path, select=["BN207"]).findings
    assert [(one.source, one.channel, one.batch) for one in found] == [(str(tmp_path / "09.npy"), 0, 9)]
    assert check(tmp_path, select=["BN207"], limits=Limits(odd_volume=100)).findings == ()
    (many,) = check(tmp_path, select=["BN207"], batch_size=4, normalizer="instance").findings
    assert many.source == str(tmp_path / "09.npy")


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.001, "deviation are about 1,000 times smaller than"),
        (5.0, "deviation are about 5 times larger than"),
    ],
)
def test_a_factor_of_both_figures_is_named_as_a_unit_or_a_scale(factor, words):
    rows = [[cell(100.0 + place % 3, 40.0)] for place in range(20)]
    rows[3] = [cell(101.0 * factor, 40.0 * factor)]
    (finding,) = odd(rows)
    assert words in finding.message
    rows[3] = [cell(101.0, 40.0 * factor)]
    (finding,) = odd(rows)
    assert "Both are" not in finding.message
