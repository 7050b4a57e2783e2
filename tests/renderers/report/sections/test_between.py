"""The section on differences between volumes: the means of all, groups, and what differences do to a batch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from report_page import numbers_from_nowhere, problems, without_places
from reported import all_of, channel, column, odd, only, reported, said

import bnstat
from bnstat.renderers.report import html
from bnstat.renderers.report.blocks import Link, Paragraph, Table
from bnstat.renderers.report.plots import SERIES, Dots, Plot, Rule
from bnstat.renderers.report.sections import between
from bnstat.renderers.report.sections.means_plot import MOST_NAMED
from bnstat.renderers.report.words import share


def _volumes(number, **changes):
    return reported([[channel(float(place), 2.0)] for place in range(number)], **changes)


def _dots(plot):
    return [mark for mark in plot.marks if isinstance(mark, Dots)]


@cache
def _compared():
    """A cohort of 14 volumes of two channels, of which the last is odd in channel 1."""
    draw = np.random.default_rng(3)
    values = draw.normal(draw.normal(100, 10, (14, 1, 1, 1, 2)), 20, (14, 6, 6, 6, 2)).astype(np.float32)
    values[-1, ..., 1] *= 9
    return bnstat.report(list(values[:, None]), batch_size=2).report


def test_each_volume_has_a_row_with_its_mean_and_deviation():
    plot = only(between.section(_volumes(3)), Plot)
    (dots,) = _dots(plot)
    assert dots.points == ((0.0, 0.0), (1.0, 1.0), (2.0, 2.0))
    assert dots.ranges == ((-2.0, 2.0), (-1.0, 3.0), (0.0, 4.0))
    assert plot.y.names == ("case_000", "case_001", "case_002")
    assert dots.anchors == ("volume-0", "volume-1", "volume-2")
    assert dots.titles[1] == "case_001.nii.gz: mean 1, SD 2"


def test_rows_are_in_the_order_of_the_means():
    report = reported([[channel(mean, 1.0)] for mean in (5.0, 1.0, 3.0)])
    assert only(between.section(report), Plot).y.names == ("case_001", "case_002", "case_000")


def test_many_volumes_have_dots_without_names_and_the_odd_ones_have_theirs():
    number = MOST_NAMED + 60
    plot = only(between.section(_volumes(number, findings=[odd("case_050.nii.gz")])), Plot)
    quiet, apart = _dots(plot)
    assert plot.y.scale == "linear"
    assert len(quiet.points) == number - 1
    assert (apart.labels, apart.role) == (("case_050",), "warning")
    assert apart.name is not None
    assert "odd" in apart.name


def test_up_to_four_groups_have_colours_and_are_apart():
    groups = ["b", "a", "b", "a"]
    plot = only(between.section(_volumes(4, groups=groups)), Plot)
    first, second = _dots(plot)
    assert [(one.name, one.role) for one in (first, second)] == [("a", SERIES[0]), ("b", SERIES[1])]
    assert plot.y.names == ("case_001", "case_003", "case_000", "case_002")
    assert [mark.at for mark in plot.marks if isinstance(mark, Rule)] == [1.5]


def test_more_groups_are_told_apart_by_labels_rather_than_by_colours():
    plot = only(between.section(_volumes(12, groups=[f"site {place % 6}" for place in range(12)])), Plot)
    (dots,) = _dots(plot)
    assert dots.role == "accent"
    assert [mark.label for mark in plot.marks if isinstance(mark, Rule)] == [f"site {place}" for place in range(6)]


def test_entries_of_a_series_keep_their_order():
    report = reported([[channel(mean, 1.0)] for mean in (5.0, 1.0, 3.0)])
    entries = tuple(
        replace(one, sample=replace(one.sample, source="series.nii", index=one.place)) for one in report.volumes
    )
    plot = only(between.section(replace(report, volumes=entries)), Plot)
    assert plot.y.names == ("series.nii[0]", "series.nii[1]", "series.nii[2]")
    assert "in the order of the file" in plot.caption


def test_volumes_without_a_mean_are_left_out_and_counted():
    report = reported([[channel(1.0, 1.0)], [channel(2.0, 1.0)], [channel(None, None)]])
    plot = only(between.section(report), Plot)
    assert len(_dots(plot)[0].points) == 2
    assert "1 volume without a mean in this channel is left out" in plot.caption


def test_a_deviation_beyond_float64_has_no_range():
    report = reported([[channel(1e300, None)], [channel(2.0, 1.0)]])
    assert _dots(only(between.section(report), Plot))[0].ranges == ((1.0, 3.0), (1e300, 1e300))


def test_constant_volumes_have_a_dot():
    report = reported([[channel(7.0, 0.0)], [channel(7.0, 0.0)]])
    assert _dots(only(between.section(report), Plot))[0].ranges == ((7.0, 7.0), (7.0, 7.0))


def test_one_volume_shows_no_difference():
    section = between.section(_volumes(1))
    assert not all_of(section, Plot)
    assert "One volume cannot show how volumes differ" in said(section)


def test_the_lead_says_how_much_lies_between_volumes_and_what_that_does():
    report = _compared()
    section = between.section(report)
    channels, whole = report.without_odd.population, report.comparison.population
    first = max(channels, key=lambda one: one.rho)
    lead = next(block for block in all_of(section, Paragraph) if block.lead)
    assert lead.text.startswith(f"Samples differ most in channel {first.channel}: there, ")
    assert f"without array 14[0], {share(first.rho)} of the variance lies" in lead.text
    assert lead.text.endswith(f"With array 14[0], {share(whole[first.channel].rho)} lies between them.")
    assert "A batch of 1 (without array 14[0]) has none of the differences between them." in said(section)
    assert Link("What other batch sizes do", "batch-size") in [
        link for block in all_of(section, Paragraph) for link in block.links
    ]


def test_the_odd_ones_are_those_of_the_check_and_linked():
    section = between.section(_compared())
    (paragraph,) = [block for block in all_of(section, Paragraph) if block.text.startswith("The check calls")]
    assert paragraph.text.endswith("odd in channel 1: it is far from all other samples.")
    assert paragraph.links[0].anchor == "volume-13"
    second = all_of(section, Plot)[1]
    assert [mark.points[0][1] for mark in _dots(second) if mark.role == "warning"] == [13.0]


def test_a_volume_that_lies_apart_is_told_although_the_check_calls_none_odd():
    report = reported([[channel(float(mean), 2.0)] for mean in (*range(10), 900)])
    section = between.section(report)
    assert "case_010.nii.gz lies apart from the others" in said(section)
    (dots,) = [mark for mark in _dots(only(section, Plot)) if mark.role == "note"]
    assert (dots.name, dots.labels) == ("lies apart (no finding)", ("",))


def test_each_number_has_its_place_in_the_document():
    report = _compared()
    section = between.section(report)
    document = report.to_dict()
    assert problems([section], document) == []
    assert numbers_from_nowhere([section], document) == []
    assert without_places([section]) == set()
    rules = [mark for plot in all_of(section, Plot) for mark in plot.marks if isinstance(mark, Rule) and mark.path]
    assert [rule.at for rule in rules] == [one.mean for one in report.comparison.population]
    table = only(section, Table)
    assert column(table, "Channel") == ["channel 0", "channel 1"]


def test_groups_are_told_to_matter_where_the_variance_lies_between_them(tmp_path):
    draw = np.random.default_rng(1)
    names = []
    for site, mean in (("a", 100), ("b", 300)):
        (tmp_path / site).mkdir()
        for place in range(4):
            names.append(str(tmp_path / site / f"{place}.npy"))
            np.save(names[-1], draw.normal(mean + draw.normal(0, 2), 10, (1, 6, 6, 6, 1)))
    section = between.section(bnstat.report(names, batch_size=2, group_by="directory").report)
    assert "Nearly all of it lies between the 2 groups" in said(section)
    assert "Between groups" in [one.title for one in only(section, Table).columns]


def test_what_cannot_be_compared_is_said_and_the_means_are_shown_all_the_same():
    section = between.section(_volumes(3))
    assert "between volumes is not known: these volumes were not compared." in said(section)
    assert len(all_of(section, Plot)) == 1


def test_small_cohorts_are_not_judged():
    assert "Odd-volume (BN207) was not judged. Look for one that lies apart" in said(between.section(_volumes(5)))
    assert "The check calls no volume odd" in said(between.section(_volumes(12)))


def test_of_many_channels_those_with_odd_volumes_come_first():
    rows = [[channel(float(place), 1.0, channel=at) for at in range(200)] for place in range(3)]
    section = between.section(reported(rows, findings=[odd("case_001.nii.gz", 150)]))
    assert [plot.anchor for plot in all_of(section, Plot)] == [f"means-{at}" for at in (0, 1, 2, 3, 4, 150)]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "</title><b>", '"><img src=x>'])
def test_a_group_with_markup_in_its_name_is_text(name):
    page = html.render(_volumes(4, groups=[name, "b", name, "b"]))
    assert name not in page


def test_why_volumes_were_not_compared_is_a_whole_sentence():
    page = between.section(reported([[channel(1.0, 2.0)]] * 3))
    assert "is not known: these volumes were not compared." in said(page)
