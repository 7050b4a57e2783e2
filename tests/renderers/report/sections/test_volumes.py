"""The section on volumes: which rows, numbers, flags and pictures it has."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from report_page import parsed, problems
from reported import all_of, channel, column, odd, only, reported, said

import bnstat
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.reading.voxels.results import Plane, Slices, Voxels
from bnstat.renderers.report import html
from bnstat.renderers.report.blocks import Details, Items, Link, Pictures, Table
from bnstat.renderers.report.sections import volumes
from bnstat.reports.finding import Failure, Finding
from bnstat.reports.full.volume_names import MOST_IN_PLOT

ONE = [channel(10.0 + place, 2.0) for place in range(3)]


def _each(*channels):
    return [[one] for one in channels]


# --- Names -------------------------------------------------------------------------------------------------------


def test_a_long_name_is_whole_in_the_table_and_short_in_plots():
    source = "sub-" + "0" * 296
    report = reported(_each(ONE[0]), [source])
    assert column(only(volumes.section(report), Table), "Volume") == [source]
    assert len(report.volume_names.short[0]) == MOST_IN_PLOT


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "a & b", "\x1b[31m", "\u202egnp"])
def test_a_name_with_markup_is_shown_as_text(name):
    report = reported(_each(*ONE[:2]), [name, "b.nii"])
    page = parsed(html.render(report))
    expected = report.volume_names.full[0]
    rows = [one for one in page.all("tr") if one.attributes.get("id") == "volume-0"]
    assert rows[0].text.startswith(expected)
    assert not [one for one in page.all("img") if one.attributes.get("src") == "x"]


# --- The table ---------------------------------------------------------------------------------------------------


def test_one_channel_has_a_row_for_each_volume():
    table = only(volumes.section(reported(_each(*ONE))), Table)
    assert [one.title for one in table.columns] == ["Volume", "Shape", "Type", "Mean", "SD", "Min", "Max", "Findings"]
    assert column(table, "Mean") == ["10.00", "11.00", "12.00"]
    assert [row.anchor for row in table.rows] == ["volume-0", "volume-1", "volume-2"]
    assert table.interactive


def test_several_channels_have_a_row_each_and_the_volume_one_anchor():
    rows = [[channel(place, 1.0, channel=at) for at in range(4)] for place in (1.0, 2.0)]
    table = only(volumes.section(reported(rows, names=("T1", "T2", "FLAIR", "DWI"))), Table)
    assert column(table, "Channel")[:4] == ["channel 0 (T1)", "channel 1 (T2)", "channel 2 (FLAIR)", "channel 3 (DWI)"]
    assert [row.anchor for row in table.rows] == ["volume-0", None, None, None, "volume-1", None, None, None]


def test_a_hint_explains_each_column_and_numbers_have_their_place():
    report = reported([[channel(1.5, 0.5, zeros=0.25, nan=2, inf=1)]], groups=["site A"])
    table = only(volumes.section(report), Table)
    assert all(one.hint for one in table.columns)
    assert problems([volumes.section(report)], report.to_dict()) == []
    assert [column(table, title)[0] for title in ("Group", "Zeros", "NaN", "Inf")] == [
        "site A",
        "25.0\u00a0%",
        "2",
        "1",
    ]


def test_nothing_is_said_of_a_channel_of_nan():
    table = only(volumes.section(reported([[channel(None, None, nan=512)]])), Table)
    assert [column(table, title) for title in ("Mean", "SD", "Min", "Max")] == [["–"]] * 4
    assert column(table, "NaN") == ["512"]


def test_a_constant_channel_has_a_deviation_of_zero():
    assert column(only(volumes.section(reported([[channel(7.0, 0.0)]])), Table), "SD") == ["0"]


def test_flags_name_the_rules_of_this_volume_and_channel_and_link_to_their_cards():
    rows = [[channel(1.0, 1.0, channel=at) for at in range(2)] for _ in range(2)]
    whole = Finding("BN401", "time-as-channels", "note", "it looks like time", "case_000.nii.gz")
    error = Finding("BN101", "zero-variance", "error", "constant", "case_000.nii.gz", channel=1)
    table = only(volumes.section(reported(rows, findings=[whole, odd("case_000.nii.gz", 1), error])), Table)
    assert column(table, "Findings") == ["time-as-channels", "zero-variance, odd-volume, time-as-channels", "", ""]
    assert [row.cells[-1].tone for row in table.rows] == ["note", "error", "plain", "plain"]
    assert table.rows[0].cells[-1].anchor == "finding-BN401"
    assert table.rows[1].cells[-1].links[0] == Link("zero-variance", "finding-BN101")


def test_many_channels_are_shown_as_ranges_and_those_of_findings_by_name():
    rows = [[channel(float(at + place), 1.0, channel=at) for at in range(200)] for place in range(3)]
    report = reported(rows, findings=[odd("case_001.nii.gz", 150)])
    section = volumes.section(report)
    ranges, named = all_of(section, Table)
    assert len(ranges.rows) == 3
    assert column(ranges, "Mean, greatest") == ["199.0", "200.0", "201.0"]
    assert (column(named, "Channel"), column(named, "Mean")) == (["channel 150"], ["151.0"])
    assert "200 channels" in said(section)
    assert "JSON" in said(section)
    assert problems([section], report.to_dict()) == []


def test_the_table_of_500_volumes_of_4_channels_stays_below_two_megabytes():
    drawn = np.random.default_rng(0).normal(500, 100, (500, 4, 2))
    rows = [
        [channel(float(mean), abs(float(std)), channel=at, zeros=0.31) for at, (mean, std) in enumerate(row)]
        for row in drawn
    ]
    sources = [f"sub-{place:04}/ses-01/anat/sub-{place:04}_ses-01.nii.gz" for place in range(500)]
    report = reported(rows, sources, groups=[f"site {place % 3}" for place in range(500)])
    section = volumes.section(report)
    assert len(only(section, Table).rows) == 2000
    page = html.render(report)
    table = page[page.index('id="volumes-table"') : page.index("</table>", page.index('id="volumes-table"'))]
    assert len(table.encode()) < 2_000_000


def test_more_rows_than_a_browser_sorts_are_left_out_and_said_so():
    rows = [[channel(float(place), 1.0)] for place in range(4100)]
    section = volumes.section(reported(rows, findings=[odd("case_4090.nii.gz")]))
    table = only(section, Table)
    assert len(table.rows) == 4000
    assert "case_4090.nii.gz" in column(table, "Volume")
    assert "4,000 of 4,100 volumes" in said(section)


def test_patches_of_a_volume_are_one_row(tmp_path):
    files = []
    for place in range(3):
        values = np.random.default_rng(place).normal(100, 20, (12, 12, 12)).astype(np.float32)
        files.append(str(tmp_path / f"case_{place}.nii.gz"))
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), files[-1])
    drawn = Reading(preparation=Preparation(patches=Patching((6, 6, 6), number=5, seed=1)))
    report = bnstat.report(files, batch_size=2, reading=drawn).report
    table = only(volumes.section(report), Table)
    assert column(table, "Volume") == ["case_0.nii.gz", "case_1.nii.gz", "case_2.nii.gz"]
    assert column(table, "Patches") == ["5", "5", "5"]
    assert problems([volumes.section(report)], report.to_dict()) == []


# --- What could not be read, and pictures ------------------------------------------------------------------------


def test_inputs_that_cannot_be_read_are_listed_with_their_messages():
    errors = [Failure(f"broken_{place}.nii", "the header is damaged") for place in range(12)]
    section = volumes.section(reported(_each(ONE[0]), errors=errors))
    assert only(section, Items).texts[0] == "broken_0.nii: the header is damaged"
    assert only(section, Details).summary == "2 more inputs that could not be read"
    assert "12 inputs could not be read" in said(section)


def test_a_report_without_a_readable_volume_lists_what_failed():
    section = volumes.section(reported([], errors=[Failure("a.nii", "it is empty")]))
    assert only(section, Items).texts == ("a.nii: it is empty",)
    assert not all_of(section, Table)


def test_without_voxels_the_section_says_why_there_are_no_pictures():
    section = volumes.section(reported(_each(*ONE)))
    assert "moments file has no voxels" in said(section)


def _slices(volume, at=0, low=0.0, high=100.0):
    planes = tuple(Plane(axis, 4, b"png", 8, 8) for axis in range(3))
    return Slices(volume, at, planes, low, high)


def test_pictures_say_of_which_volume_they_are_and_why_they_are_shown():
    voxels = Voxels(slices=(_slices(1), _slices(2, low=12.5, high=99.25)), typical=2)
    report = reported(_each(*ONE), findings=[odd("case_001.nii.gz")], voxels=voxels)
    typical, flagged = all_of(volumes.section(report), Pictures)
    assert (typical.anchor, flagged.anchor) == ("slices-2-0", "slices-1-0")
    assert "a typical volume" in typical.caption
    assert "Black is 12.5 or less, and white is 99.25 or more." in typical.caption
    assert flagged.caption.startswith("case_001.nii.gz: shown for odd-volume (warning BN207).")
    assert flagged.pictures[1].description == "case_001.nii.gz: slice 4 across axis 1 of the file"


def test_pictures_of_many_volumes_are_folded_away():
    voxels = Voxels(slices=tuple(_slices(place) for place in range(9)))
    findings = [odd(f"case_{place:03}.nii.gz") for place in range(9)]
    section = volumes.section(reported(_each(*(ONE * 3)), findings=findings, voxels=voxels))
    assert len(all_of(section, Pictures)) == 6
    assert len(only(section, Details).blocks) == 3


def test_a_slice_of_one_value_has_no_window():
    voxels = Voxels(slices=(_slices(0, low=5.0, high=5.0),), typical=0)
    (pictures,) = all_of(volumes.section(reported(_each(ONE[0]), voxels=voxels)), Pictures)
    assert "All values of these slices are 5." in pictures.caption


def test_the_only_volume_is_not_called_typical():
    voxels = Voxels(slices=(_slices(0),), typical=0)
    (pictures,) = all_of(volumes.section(reported(_each(ONE[0]), voxels=voxels)), Pictures)
    assert pictures.caption.startswith("case_000.nii.gz: without findings in this picture.")


def test_entries_of_a_batch_axis_are_called_samples():
    report = reported(_each(*ONE))
    entries = tuple(
        replace(one, sample=replace(one.sample, source="series.nii", index=one.place)) for one in report.volumes
    )
    section = volumes.section(replace(report, volumes=entries))
    assert section.title == "Samples"
    assert column(only(section, Table), "Sample") == ["series.nii[0]", "series.nii[1]", "series.nii[2]"]


def test_a_volume_with_nan_is_flagged_also_where_the_finding_is_on_a_batch_of_several():
    draw = np.random.default_rng(0)
    values = [draw.normal(100, 20, (1, 5, 5, 5, 1)).astype(np.float32) for _ in range(4)]
    values[2][0, 0, 0, 0] = np.nan
    table = only(volumes.section(bnstat.report(values, batch_size=2).report), Table)
    assert [bool(text) for text in column(table, "Findings")] == [False, False, True, False]
    assert column(table, "Findings")[2] == "nan-voxels"
