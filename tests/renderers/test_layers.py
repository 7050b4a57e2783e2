"""The layers of a network as a table, a curve and a picture."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from network_claims import middle
from renderers import networks

from bnstat.renderers.html import page
from bnstat.renderers.layers import columns, curve, table
from bnstat.text import short

WIDTHS = (40, 60, 80, 120, 200)
EVERY = (networks.unet, networks.instance, networks.exported, networks.refusing, networks.untrained, networks.deep)


def names_of(report):
    return [layer.layer for layer in report.layers]


def shown_names(report, **given):
    """The names in the first column of the table."""
    rows_of = re.findall(r"^(\S+) +[\d,]+ +\d+ ", table.render(report, width=400, **given), re.MULTILINE)
    return [name for name in rows_of if name in names_of(report)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("network", EVERY)
def test_no_line_but_a_row_is_wider_than_the_terminal(network, width):
    for line in table.render(network(), width=width).splitlines():
        assert len(line) <= width or line.split()[0] in {*names_of(network()), *line.split()[:1]} & set(line.split())


@pytest.mark.parametrize("network", EVERY)
def test_a_table_fits_80_columns(network):
    assert max(map(len, table.render(network(), width=80).splitlines())) <= 80


def test_of_many_layers_those_that_pay_are_shown_in_their_place():
    report = networks.deep()
    shown = shown_names(report)
    assert len(shown) == 20
    assert shown == sorted(shown, key=names_of(report).index)
    assert {names_of(report)[29], names_of(report)[41]} <= set(shown)
    assert shown[:18] == names_of(report)[:18]
    assert "40 more norms (--all shows all)" in table.render(report)


def test_all_shows_every_layer_and_every_message():
    report = networks.deep()
    whole = table.render(report, width=200, every_row=True)
    assert shown_names(report, every_row=True) == names_of(report)
    assert "more norms" not in whole
    assert whole.count("BN604 own-statistics-differ") == 2
    assert "Also found in" not in whole
    assert table.render(report, width=200).count("BN604 own-statistics-differ") == 1


def test_layers_with_findings_are_shown_first():
    report = networks.deep()
    layers = list(report.layers)
    layers[50] = replace(layers[50], dead=(1,))
    found = networks.report(replace(report.measured, layers=tuple(layers)), switch=True)
    assert layers[50].layer in shown_names(found)


def test_the_curve_has_each_layer_at_its_height():
    layers = networks.unet().layers
    lines = curve.draw(layers, 80)
    plotted = [line.partition("│")[2] or line.partition("┤")[2] for line in lines[1 : 1 + curve.ROWS]]
    top = max(middle(layer.rho) for layer in layers)
    assert lines[1].startswith(f" {short(100 * top, 3)}%")
    assert lines[curve.ROWS].strip().startswith("0%")
    # the first layer is at the first column, the last at the last, and each has one mark of each mode
    columns_of = [[row[place] if place < len(row) else " " for row in plotted] for place in range(80)]
    marked = [place for place, column in enumerate(columns_of) if set(column) - {" "}]
    assert len(marked) == len(layers)
    for place, layer in zip(marked, layers, strict=True):
        marks = "".join(columns_of[place]).replace(" ", "")
        assert marks in ("●○", "○●", "◉"), layer.layer
    numbers = lines[-1].split("norm")[1].split()
    assert (numbers[0], numbers[-1]) == ("1", "18")


@pytest.mark.parametrize("count", [3, 18, 60, 61, 77, 200, 1000])
@pytest.mark.parametrize("width", [40, 80])
def test_a_curve_of_any_number_of_layers_fits(count, width):
    layers = [replace(networks.layer("x", 4), rho=(place / count,)) for place in range(count)]
    lines = curve.draw(layers, width)
    assert max(map(len, lines)) <= width
    numbers = [int(one) for one in lines[-1].split()[1:]]
    assert numbers[0] == 1
    assert numbers[-1] == count
    assert numbers == sorted(set(numbers))
    # each number begins in the column of its layer
    columns_of = curve._columns(count, width - curve._GUTTER - 2)
    for match in list(re.finditer(r"\d+", lines[-1]))[:-1]:
        assert match.start() - curve._GUTTER - 2 == columns_of[int(match[0]) - 1]


def test_there_is_no_curve_of_two_layers_or_of_nothing():
    layer = networks.layer("x", 4)
    assert not curve.draw([layer, layer], 80)
    assert not curve.draw([replace(layer, rho=(None,) * 5)] * 5, 80)
    assert not curve.draw([replace(layer, rho=(0.0,) * 5)] * 5, 80)
    assert not curve.draw([], 80)


def test_columns_without_a_figure_are_left_out():
    def headers(report):
        return {column.header for column in columns.columns_of(report)}

    assert not headers(networks.instance()) & {"mean gap", "variance ratio", "moved", "kind", "noise at 1"}
    assert headers(networks.untrained()) >= {"kind", "noise at 1", "mean gap"}
    assert "moved" in headers(networks.unet())
    assert "moved" not in headers(networks.unet(switch=False))


def test_the_worst_ratio_is_the_one_furthest_from_1_in_either_direction():
    assert columns._furthest((0.5, 1.9, None)) == 0.5
    assert columns._furthest((0.5, 2.1)) == 2.1
    assert columns._furthest((1.0, 0.0, 50.0)) == 0.0
    assert columns._furthest((None,)) is None


def test_fewer_digits_are_tried_before_a_column_is_hidden():
    report = networks.unet()
    assert "0.544" in table.render(report, width=160)
    narrow = table.render(report, width=80)
    assert " 0.54 " in narrow
    assert "0.544" not in narrow


def test_a_page_shows_the_whole_table():
    html = page(table.render(networks.refusing(), width=160, color=True))
    for layer in networks.refusing().layers:
        assert layer.layer in html


def test_colours_mark_layers_that_refuse_and_that_pay():
    refusing = table.render(networks.refusing(), width=100, color=True)
    assert re.search(r"\x1b\[31mlayer4\.0\.bn1", refusing)
    assert not re.search(r"\x1b\[3\dmstem\.bn", refusing)
    assert re.search(r"\x1b\[33mconv_0\.conv_0\.adn\.N", table.render(networks.unet(), width=160, color=True))


def test_control_characters_in_names_are_escaped():
    report = networks.unet()
    layers = (replace(report.layers[0], layer="a\x1b[31mb"), *report.layers[1:])
    text = table.render(networks.report(replace(report.measured, layers=layers), switch=True))
    assert "\x1b" not in text
    assert "a\\x1b[31mb" in text


MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.mark.parametrize("ending", MAGIC)
def test_a_picture_is_a_file_of_its_ending_and_the_same_every_time(ending):
    pytest.importorskip("matplotlib")
    from bnstat.renderers.layers import plot

    first = plot.render(networks.refusing(), ending)
    assert first.startswith(MAGIC[ending])
    assert plot.render(networks.refusing(), ending) == first


def test_panels_are_those_that_have_figures():
    figure = pytest.importorskip("matplotlib.figure").Figure
    from bnstat.renderers.layers import plot

    drawn = figure()
    plot._draw(drawn, networks.unet())
    between, gap, moved = drawn.axes
    evaluation, training = (line.get_ydata() for line in between.lines)
    layers = networks.unet().layers
    assert list(evaluation) == [middle(layer.rho) for layer in layers]
    assert list(training) == pytest.approx([sorted(layer.batches[0].shortfall)[2] for layer in layers])
    assert [bar.get_height() for bar in moved.patches] == [layer.output_moved for layer in layers]
    assert gap.get_ylabel().startswith("stored mean off by")
    assert len(plot.panels(networks.instance())) == 1
    assert len(plot.panels(networks.exported())) == 2
    assert not plot.panels(networks.report(replace(networks.unet().measured, layers=())))
