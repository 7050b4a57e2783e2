"""The curve of `bnstat compare` in characters, and as a picture."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.renderers.compare_batch_sizes import curve, table

COHORT = Path(__file__).parents[2] / "sample_data" / "cohort"
LARGER = {"population": "infinite", "batch_sizes": (1, 2, 4, 8, 16, 32, 64, 128)}
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def cohort():
    return bnstat.compare(COHORT, **LARGER)


@pytest.fixture
def compared(tmp_path):
    """Compare samples of shape (values, channels)."""

    def ask(samples, **settings):
        path = tmp_path / "samples.npy"
        np.save(path, np.asarray(samples, np.float64))
        return bnstat.compare(path, **settings)

    return ask


@pytest.fixture
def known(compared):
    """Means of −1 and 1 without variance within: of a larger set, noise is √(1/B) and shortfall 1/B."""
    samples = np.repeat([[-1.0], [1.0]], 4, axis=1)[..., None]
    return compared(samples, population="infinite", batch_sizes=(16, 1, 4))


def marks(lines, mark):
    """Row and column of each mark between the axes."""
    area = [line[curve._GUTTER + 2 :] for line in lines[1 : 1 + curve.ROWS]]
    return [(row, column) for row, line in enumerate(area) for column, at in enumerate(line) if at == mark]


def channels(number, samples=8, seed=0):
    """Samples whose means differ, the more the later the channel."""
    random = np.random.default_rng(seed)
    return random.normal(size=(samples, 1, number)) * np.arange(1, number + 1) + random.normal(
        size=(samples, 9, number)
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_curve_fits_its_width(cohort, width):
    lines = curve.draw(cohort, 0, width)
    assert len(lines) == curve.ROWS + 3
    assert max(map(len, lines)) <= width
    assert max(map(len, table.render(cohort, width=width).splitlines())) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_many_sizes_fit_too_and_their_labels_never_touch(width):
    sizes = tuple(range(1, 150))
    lines = curve.draw(bnstat.compare(COHORT, population="infinite", batch_sizes=sizes, draws=2), 0, width)
    assert max(map(len, lines)) <= width
    named = [int(label) for label in lines[-1].removeprefix("batch size").split()]
    assert set(named) <= set(sizes)
    assert len({later - earlier for earlier, later in pairwise(named)}) == 1


def test_marks_are_where_a_known_curve_has_them(known):
    lines = curve.draw(known, 0, 80)
    first, step = 2, 12
    assert marks(lines, "◉") == [(0, first)]
    assert marks(lines, "●") == [(round(0.5 * 7), first + step), (round(0.75 * 7), first + 2 * step)]
    assert marks(lines, "○") == [(round(0.75 * 7), first + step), (round(15 / 16 * 7), first + 2 * step)]
    assert lines[-1].split() == ["batch", "size", "1", "4", "16"]
    assert [lines[-2][len("batch size") + 2 + column] for column in (first, first + step, first + 2 * step)] == [
        "┴"
    ] * 3


def test_the_axis_names_the_largest_value_the_tolerance_and_0(known):
    lines = curve.draw(known, 0, 80)
    labels = [line.split("┤")[0].strip() for line in lines[1:9] if "┤" in line]
    assert labels == ["1", "0.1", "0"]
    (dashed,) = {row for row, _ in marks(lines, "╌")}
    assert dashed == round(0.9 * 7)


def test_the_legend_names_each_mark_that_is_there(known, cohort):
    assert "◉ both" in curve.draw(known, 0, 80)[0]
    for width in (60, 80):
        legend = curve.draw(cohort, 0, width)[0]
        assert all(mark in legend for mark in ("● mean noise", "○", "shortfall", "╌ noise tolerance 0.1"))
        assert "both" not in legend


def test_a_tolerance_above_every_value_is_said_and_not_drawn():
    lines = curve.draw(bnstat.compare(COHORT, tolerance_noise=2.0), 0, 80)
    assert lines[0].endswith("noise tolerance 2 (above)")
    assert marks(lines, "╌") == []


@pytest.mark.parametrize("sizes", [(1,), (1, 2)])
def test_one_or_two_sizes_make_no_curve(sizes):
    found = bnstat.compare(COHORT, batch_sizes=sizes)
    assert curve.draw(found, 0, 80) == []
    assert "●" not in table.render(found)


def test_a_constant_channel_and_equal_samples_have_no_curve(compared):
    assert curve.draw(compared(np.ones((8, 9, 1))), 0, 80) == []
    assert curve.draw(compared(np.tile(np.arange(9.0)[:, None], (8, 1, 1))), 0, 80) == []


def test_the_first_channel_that_has_a_curve_shows_it_and_all_show_theirs_with_all(compared):
    values = channels(3)
    values[..., 0] = 1.0
    found = compared(values)
    rendered = table.render(found).split("\n\n", 2)[2]  # below the verdict and its figures
    assert rendered.count("noise tolerance") == 1
    assert rendered.index("channel 1") < rendered.index("noise tolerance") < rendered.index("channel 2")
    assert table.render(found, every_row=True).count("noise tolerance") == 2


@pytest.mark.parametrize("ending", MAGIC)
def test_a_plot_is_a_file_of_its_ending_and_the_answer_is_written_as_ever(bnstat_run, tmp_path, ending):
    pytest.importorskip("matplotlib")
    file = tmp_path / f"curve.{ending.upper()}"
    ran = bnstat_run("compare", COHORT, "--plot", file)
    assert (ran.code, ran.out) == (0, bnstat_run("compare", COHORT).out)
    assert file.read_bytes().startswith(MAGIC[ending])


@pytest.mark.parametrize("ending", MAGIC)
def test_the_same_comparison_is_the_same_picture(cohort, ending):
    pytest.importorskip("matplotlib")
    from bnstat.renderers.compare_batch_sizes import plot

    assert plot.render(cohort, ending) == plot.render(cohort, ending)


@pytest.mark.parametrize(("number", "panels"), [(1, 1), (2, 2), (3, 3), (6, 4)])
def test_a_channel_is_a_panel_four_at_most(compared, number, panels):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    from bnstat.renderers.compare_batch_sizes import plot

    plot._draw(figure, compared(channels(number)))
    assert len(figure.axes) == panels
    assert figure.axes[-1].get_title().startswith(f"channel {number - 1}: 8 samples")


def test_names_of_channels_are_no_formulas_in_a_plot_and_letters_without_a_font_are_a_note(
    bnstat_run, tmp_path, write_image
):
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    for case in "abc":
        write_image(f"{case}.nii", rng.normal(case == "a", 1, (4, 4, 4, 2)))
    names = {"0": r"$\frac{1}$", "1": "日"}
    listed = {"modality": names, "training": [{"image": f"{case}.nii"} for case in "abc"]}
    (tmp_path / "dataset.json").write_text(json.dumps(listed))
    for ending in MAGIC:
        ran = bnstat_run("compare", tmp_path, "--plot", tmp_path / f"curve.{ending}")
        assert ran.code == 0
        assert len(ran.lines) == 1
        assert ran.err.startswith("bnstat: note: Glyph 26085")
        assert bnstat_run("compare", tmp_path, "--plot", tmp_path / f"curve.{ending}", "-q").err == ""


def test_lines_are_closed_forms_and_points_are_drawn_batches(cohort):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    from bnstat.renderers.compare_batch_sizes import plot

    plot._draw(figure, cohort)
    (panel,) = figure.axes
    noise, drawn_noise, lost, drawn_lost, tolerance = (line.get_ydata() for line in panel.lines)
    found = [point.channels[0] for point in cohort.batch_sizes]
    variance = cohort.population[0].variance
    assert list(noise) == [one.mean_noise for one in found]
    assert list(lost) == [one.variance_shortfall for one in found]
    assert list(drawn_noise) == pytest.approx([one.observed.mean_sd / variance**0.5 for one in found])
    assert list(drawn_lost) == pytest.approx([1 - one.observed.variance_mean / variance for one in found])
    assert set(tolerance) == {0.1}
    assert [label.get_text() for label in panel.get_xticklabels()] == ["1", "2", "4", "8", "16", "32", "64", "128"]


def test_channels_without_values_have_no_panel(compared):
    from bnstat.renderers.compare_batch_sizes import plot

    values = channels(3)
    values[..., 1] = 1.0
    found = compared(values)
    assert plot.channels(found) == [0, 2]
    assert plot.channels(replace(found, batch_sizes=())) == []


@pytest.mark.parametrize("name", ["curve.jpg", "curve", "curve.svg.gz"])
def test_an_unknown_ending_is_refused_before_anything_is_read(refused, tmp_path, name):
    assert ".png, .svg, .pdf" in refused(2, "compare", tmp_path / "absent", "--plot", tmp_path / name)


def test_without_matplotlib_it_says_how_to_get_it(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    line = refused(2, "compare", COHORT, "--plot", tmp_path / "curve.png")
    assert "--plot needs matplotlib; pip install 'bnstat[plot]'" in line


def test_one_sample_is_nothing_to_plot(refused, tmp_path):
    pytest.importorskip("matplotlib")
    file = tmp_path / "curve.png"
    assert "nothing to plot: one sample" in refused(2, "compare", COHORT / "case_00.nii.gz", "--plot", file)
    assert not file.exists()


def test_a_plot_that_cannot_be_written_is_said(refused, tmp_path):
    pytest.importorskip("matplotlib")
    assert "cannot be written" in refused(3, "compare", COHORT, "--plot", tmp_path / "absent" / "curve.png")


def test_an_input_is_never_drawn_over_and_two_outputs_are_two_files(refused, tmp_path):
    pytest.importorskip("matplotlib")
    scan, file = tmp_path / "scan.nii.gz", tmp_path / "curve.png"
    scan.write_bytes((COHORT / "case_00.nii.gz").read_bytes())
    os.link(scan, file)
    assert "is one of the inputs" in refused(2, "compare", COHORT, scan, "--plot", file)
    other = tmp_path / "one.svg"
    assert "name one file" in refused(2, "compare", COHORT, "--plot", other, "-o", other)
