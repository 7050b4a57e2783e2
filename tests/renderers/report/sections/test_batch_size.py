"""The section "Batch size": each mark is where the document has its number, and the table says what compare says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from report_page import at, numbers_from_nowhere, problems, without_places
from reported import all_of, channel, only, reported

import bnstat
from bnstat.renderers.json import written
from bnstat.renderers.numbers import ratio
from bnstat.renderers.report.blocks import Details, Paragraph, Table
from bnstat.renderers.report.plots import Area, Dots, Line, Plot, Rule
from bnstat.renderers.report.sections import batch_size
from bnstat.renderers.report.words import share

ROOT = Path(__file__).parents[4]


def cohort(count=12, channels=1, **settings):
    draw = np.random.default_rng(5)
    volumes = [
        draw.normal(100 + 15 * draw.normal(size=channels), 20, (8, 7, 6, channels)).astype(np.float32)
        for _ in range(count)
    ]
    return bnstat.report(volumes, batch_axis="none", axis=4, **settings).report


@pytest.fixture(scope="module")
def report():
    return cohort(batch_size=2)


@pytest.fixture(scope="module")
def plots(report):
    return all_of(batch_size.section(report), Plot)


@pytest.mark.parametrize("settings", [{}, {"channels": 3}, {"channels": 7}, {"ranks": 2, "batch_size": 2}])
def test_every_number_is_in_the_document(settings):
    report = cohort(**settings)
    sections, document = [batch_size.section(report)], json.loads(written(report.to_dict()))
    assert problems(sections, document) == []
    assert without_places(sections) == set()
    assert numbers_from_nowhere(sections, document) == []


def test_there_is_a_plot_for_each_figure_with_its_limit(report, plots):
    assert [one.anchor for one in plots] == ["plot-noise", "plot-shortfall", "plot-gap"]
    for plot in plots:
        (limit,) = [mark for mark in plot.marks if isinstance(mark, Rule) and mark.along == "y"]
        assert limit.at == at(report.to_dict(), limit.path) == 0.1


def test_the_needed_size_stands_in_the_plot(report, plots):
    found = report.comparison.recommendation
    for plot in plots:
        needed = [mark for mark in plot.marks if isinstance(mark, Rule) and mark.along == "x"]
        assert [mark.at for mark in needed] == [found.estimate, found.most]
        assert plot.x.high >= found.most


def test_drawn_batches_are_dots_near_the_line_of_the_formula(plots):
    noise = plots[0]
    (dots,) = [mark for mark in noise.marks if isinstance(mark, Dots)]
    line = next(mark for mark in noise.marks if isinstance(mark, Line))
    assert [x for x, _ in dots.points] == [x for x, _ in line.points]
    for (_, drawn), (_, formula) in zip(dots.points, line.points, strict=True):
        assert drawn == pytest.approx(formula, rel=0.1)


def test_the_formula_goes_on_to_the_size_that_is_enough_and_is_that_of_compare_there():
    files = str(ROOT / "sample_data" / "cohort")
    report = bnstat.report(files, batch_size=2).report
    sizes = [one.batch_size for one in report.continued]
    assert sizes == [16, 32, 64, 128]
    compared = bnstat.compare(files, batch_sizes=sizes)
    for one, point in zip(report.continued, compared.batch_sizes, strict=True):
        assert one.noise == pytest.approx(point.channels[0].mean_noise, rel=1e-9)
        assert one.shortfall == pytest.approx(point.channels[0].variance_shortfall, rel=1e-9)


def with_one_odd(channels=1):
    draw = np.random.default_rng(5)
    volumes = [
        draw.normal(100 + 15 * draw.normal(size=channels), 20, (8, 7, 6, channels)).astype(np.float32)
        for _ in range(14)
    ]
    volumes[6] *= 6
    return bnstat.report(volumes, batch_axis="none", axis=4, batch_size=2).report


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_a_dashed_line_goes_without_the_odd_volume_to_the_size_that_is_enough_then(channels):
    report = with_one_odd(channels)
    found, whole = report.without_odd.recommendation, report.comparison.recommendation
    sections, document = [batch_size.section(report)], json.loads(written(report.to_dict()))
    assert problems(sections, document) == []
    assert numbers_from_nowhere(sections, document) == []
    for plot in all_of(sections[0], Plot):
        (line,) = [
            one for one in plot.marks if isinstance(one, Line) and (one.name or "").startswith("without array 7")
        ]
        assert line.dashed
        assert [at(document, path) for path in line.paths] == [y for _, y in line.points]
        if plot.anchor != "plot-gap":
            assert line.points[-1][0] >= found.most
        for word, recommended, role in (("without", found, "good"), ("with", whole, "muted")):
            labelled = [
                one for one in plot.marks if isinstance(one, Rule) and (one.label or "").startswith(f"{word}: ")
            ]
            assert [one.at for one in labelled] == [recommended.estimate, recommended.most][: len(labelled)]
            assert labelled
            assert {one.role for one in labelled} == {role}
        shown = share if plot.anchor == "plot-shortfall" else ratio
        assert f"Without array 7: {shown(line.points[0][1])} at batch size 1, " in plot.description


def test_the_section_says_first_what_compare_says_without_the_odd_volume_and_has_both_tables():
    report = with_one_odd()
    found = batch_size.section(report)
    leads = [one.text for one in all_of(found, Paragraph) if one.lead]
    assert leads == [
        f"Without array 7, batch{report.without_odd.recommendation.headline.removeprefix('Batch')}",
        f"With array 7, batch{report.comparison.recommendation.headline.removeprefix('Batch')}",
    ]
    first = only(found, Table)
    assert first.caption == "The numbers at each size, without array 7."
    (folded,) = [one for one in all_of(found, Details) if one.summary == "The numbers with array 7"]
    (second,) = folded.blocks
    for table, comparison in ((first, report.without_odd), (second, report.comparison)):
        assert [row.cells[1].value for row in table.rows] == [
            point.channels[0].mean_noise for point in comparison.batch_sizes
        ]


def test_of_many_channels_the_worst_and_the_middle_are_drawn_in_a_band():
    plot = all_of(batch_size.section(cohort(channels=7)), Plot)[0]
    (band,) = [mark for mark in plot.marks if isinstance(mark, Area)]
    lines = {mark.name: mark for mark in plot.marks if isinstance(mark, Line)}
    assert lines["worst channel"].points == band.highs
    for (_, low), (_, middle), (_, high) in zip(
        band.lows, lines["channel in the middle"].points, band.highs, strict=True
    ):
        assert low <= middle <= high


def test_few_channels_have_a_line_each():
    plot = all_of(batch_size.section(cohort(channels=3)), Plot)[0]
    names = [mark.name for mark in plot.marks if isinstance(mark, Line) and mark.name.startswith("channel")]
    assert names == ["channel 0", "channel 1", "channel 2"]


def test_the_table_says_from_which_size_on_it_is_enough(report):
    found = report.comparison.recommendation
    table = only(batch_size.section(report), Table)
    for row in table.rows:
        enough = found.most is not None and row.cells[0].value >= found.most
        assert (row.cells[-1].text == "enough") == enough


def test_volumes_that_were_not_compared_have_the_reason_alone():
    found = batch_size.section(reported([[channel(100.0, 20.0)]] * 3))
    assert found.blocks == (Paragraph("Batch sizes were not compared: these volumes were not compared.", lead=True),)


def test_one_volume_has_no_plot():
    found = batch_size.section(cohort(count=1))
    assert all_of(found, Plot) == []
    assert "give at least 8" in found.blocks[0].text
