"""The section on intensities: histograms of all values and of each volume, and who is apart."""

from __future__ import annotations

import numpy as np
import pytest
from report_page import drawn_for, plot_problems
from reported import all_of, channel, counted, odd, only, reported, said

import bnstat
from bnstat.reading.voxels.results import Histogram, Voxels
from bnstat.renderers.report.plots import Area, Line, Plot
from bnstat.renderers.report.sections import intensities
from bnstat.renderers.report.sections.histogram_plot import MOST_LINES

EDGES = tuple(range(9))
HUMP = [1, 4, 9, 16, 15, 8, 3, 1]


def _report(volumes, edges=EDGES, findings=(), channels=1, **changes):
    histograms = tuple(counted(volumes, edges, at) for at in range(channels))
    rows = [[channel(1.0, 1.0, channel=at, count=sum(one)) for at in range(channels)] for one in volumes]
    return reported(rows, findings=findings, voxels=Voxels(histograms=histograms, **changes))


def _lines(plot):
    return [mark for mark in plot.marks if isinstance(mark, Line)]


def test_each_volume_has_a_line_of_the_shares_of_its_own_values():
    report = _report([HUMP, [2 * count for count in HUMP]])
    plot = only(intensities.section(report), Plot)
    first, second, together = _lines(plot)
    shares = [count / sum(HUMP) for count in HUMP]
    for line in (first, second, together):
        assert [y for _, y in line.points[:-1]] == pytest.approx(shares)
        assert [x for x, _ in line.points] == list(EDGES)
    assert first.thin
    assert (first.title, second.title) == ("case_000.nii.gz", "case_001.nii.gz")
    assert (first.name, second.name, together.name) == ("each volume", None, "all volumes together")


def test_the_paths_lead_to_the_counts():
    report = _report([HUMP, HUMP[::-1], HUMP])
    document = report.to_dict()
    for plot in all_of(intensities.section(report), Plot):
        assert list(plot_problems(plot, document)) == []
        for line in _lines(plot):
            assert len(line.paths) == len(line.points)
    assert drawn_for(16, ("histograms", 0, "volumes", 0, 3), document) == 16 / sum(HUMP)


def test_values_outside_of_the_bins_count_as_values():
    one = Histogram(0, (0.0, 1.0, 2.0), (6, 2), 1, 1, ((6, 2),), (1,), (1,))
    report = reported([[channel(1.0, 1.0)]], voxels=Voxels(histograms=(one,)))
    plot = only(intensities.section(report), Plot)
    assert _lines(plot)[0].points == ((0.0, 0.6), (1.0, 0.2), (2.0, 0.2))
    assert "1 value lies below its range and 1 value lies above it" in plot.caption
    assert list(plot_problems(plot, report.to_dict())) == []


def test_a_peak_of_background_makes_the_axis_logarithmic_and_the_page_says_so():
    plot = only(intensities.section(_report([[10_000, 0, 0, 3, 9, 9, 3, 1]] * 2)), Plot)
    assert plot.y.scale == "log"
    assert "log scale" in plot.y.label
    assert "logarithmic" in plot.caption
    assert plot.y.low is not None
    assert 0 < plot.y.low < 1 / 10_025


@pytest.mark.parametrize("counts", [HUMP, [0, 0, 500, 0, 0, 0, 0, 0], [1] * 8])
def test_values_without_a_hiding_peak_are_on_a_linear_axis(counts):
    assert only(intensities.section(_report([counts])), Plot).y.scale == "linear"


def test_one_volume_has_one_line():
    plot = only(intensities.section(_report([HUMP])), Plot)
    assert len(plot.marks) == 1


def test_an_odd_volume_is_a_line_of_its_own_in_plot_legend_and_text():
    report = _report([HUMP] * 12 + [HUMP[::-1]], findings=[odd("case_012.nii.gz")])
    section = intensities.section(report)
    (line,) = [one for one in _lines(only(section, Plot)) if one.role == "warning"]
    assert line.name == "case_012, odd (warning odd-volume)"
    assert "The check calls case_012.nii.gz odd" in said(section)
    assert [link.anchor for link in section.blocks[0].links] == ["volume-12", "finding-BN207"]


def test_without_an_odd_volume_the_most_different_one_is_named():
    report = _report([HUMP, HUMP, HUMP, [40, 1, 1, 1, 1, 1, 1, 1]])
    section = intensities.section(report)
    assert report.voxels.histograms[0].least_like_all == 3
    assert "those of case_003.nii.gz in channel 0: a broken line" in said(section)
    assert any(line.name == "case_003, least like all" for line in _lines(only(section, Plot)))


def test_a_volume_that_lies_apart_has_a_line_of_its_own():
    rows = [[channel(float(mean), 2.0)] for mean in (*range(10), 900)]
    report = reported(rows, voxels=Voxels(histograms=(counted([HUMP] * 11, EDGES),)))
    (line,) = [one for one in _lines(only(intensities.section(report), Plot)) if one.role == "note"]
    assert line.name == "case_010, lies apart (no finding)"


def test_of_many_volumes_most_are_a_band():
    draw = np.random.default_rng(0)
    volumes = [draw.multinomial(500, [count / sum(HUMP) for count in HUMP]).tolist() for _ in range(MOST_LINES + 40)]
    report = _report(volumes, findings=[odd("case_007.nii.gz")])
    plot = only(intensities.section(report), Plot)
    (band,) = [mark for mark in plot.marks if isinstance(mark, Area)]
    assert [line.name for line in _lines(plot)] == ["all volumes together", "case_007, odd (warning odd-volume)"]
    quiet = np.array([[count / 500 for count in one] for place, one in enumerate(volumes) if place != 7])
    assert [y for _, y in band.lows[:-1]] == pytest.approx(np.percentile(quiet, 5, axis=0))
    assert [y for _, y in band.highs[:-1]] == pytest.approx(np.percentile(quiet, 95, axis=0))
    assert "5th to the 95th percentile" in plot.caption


def test_of_many_channels_those_of_findings_come_first():
    report = _report([HUMP, HUMP], channels=200, findings=[odd("case_001.nii.gz", 150)])
    section = intensities.section(report)
    assert [plot.anchor for plot in all_of(section, Plot)] == [f"histogram-{at}" for at in (0, 1, 2, 3, 4, 150)]
    assert "200 channels" in said(section)


def test_without_voxels_the_section_says_why():
    section = intensities.section(reported([[channel(1.0, 1.0)]]))
    assert said(section) == "The moments file has no voxels."
    assert not all_of(section, Plot)


def test_the_second_pass_is_said():
    assert "second pass" in said(intensities.section(_report([HUMP, HUMP])))


def test_a_constant_channel_has_its_value_in_place_of_a_plot():
    one = Histogram(0, (6.5, 7.5), (512,), 0, 0, ((512,),), (0,), (0,))
    report = reported([[channel(7.0, 0.0)]], voxels=Voxels(histograms=(one,)))
    section = intensities.section(report)
    assert "All values of channel 0 are 7, so it has no plot." in said(section)
    assert not all_of(section, Plot)


def test_channels_without_values_have_a_plot_of_nothing():
    one = Histogram(0, (0.0, 1.0), (0,), 0, 0, ((0,), ()), (0, 0), (0, 0))
    report = reported([[channel(None, None)], [channel(None, None)]], voxels=Voxels(histograms=(one,)))
    assert len(_lines(only(intensities.section(report), Plot))) == 1


def test_an_odd_volume_outside_of_the_plot_is_told():
    volumes = [HUMP] * 12 + [[0] * 8]
    one = counted(volumes, EDGES)
    beyond = Histogram(0, one.edges, one.counts, 0, 512, one.volumes, (0,) * 13, (*(0,) * 12, 512))
    rows = [[channel(1.0, 1.0)] for _ in volumes]
    report = reported(rows, findings=[odd("case_012.nii.gz")], voxels=Voxels(histograms=(beyond,)))
    assert "Most values of volume case_012.nii.gz lie outside of this plot." in said(intensities.section(report))


def test_an_odd_volume_does_not_squeeze_the_others_into_a_corner():
    near, far = (8, 4, *[0] * 18), (*[0] * 16, 3, 3, 3, 3)
    edges = tuple(map(float, range(21)))
    one = Histogram(
        0, edges, tuple(map(sum, zip(near, near, far, strict=True))), 0, 0, (near, near, far), (0,) * 3, (0,) * 3
    )
    columns = [[channel(0.9, 0.5)], [channel(0.9, 0.5)], [channel(18.0, 1.0)]]
    shown = only(
        intensities.section(reported(columns, voxels=Voxels(histograms=(one,)), findings=[odd("case_002.nii.gz", 0)])),
        Plot,
    )
    assert (shown.x.low, shown.x.high) == (0.0, 3.0)
    assert "The plot has the range of the other volumes. Values go beyond it in case_002 (" in shown.caption


def test_volumes_without_a_finite_value_are_said_to_have_none_and_not_to_be_unread():
    report = bnstat.report(np.full((3, 4, 4, 4, 1), np.nan)).report
    assert said(intensities.section(report)) == "No value is a finite number, so there are no histograms."


def test_a_file_that_cannot_be_read_again_keeps_the_case_of_its_name():
    note = "an input is in no histogram and no slice: scans/a.nii: no such file; check the path"
    one = counted([[3, 2], [2, 3]], [0.0, 1.0, 2.0])
    section = intensities.section(reported([[channel(1.0, 1.0)]] * 2, voxels=Voxels(histograms=(one,), notes=(note,))))
    assert "An input is in no histogram and no slice: scans/a.nii: no such file" in said(section)
