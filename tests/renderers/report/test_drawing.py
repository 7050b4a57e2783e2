"""Plots as SVG: well-formed and finite whatever is drawn, with ticks at round numbers and labels that have room."""

from __future__ import annotations

import json
import re
from html import unescape
from itertools import pairwise
from math import inf, nan
from xml.etree import ElementTree

import pytest
from report_gallery import DEGENERATE, HOSTILE, LONG, degenerate, epsilon, histogram, means, noise, plot

from bnstat.renderers.report.drawing.data import data_of
from bnstat.renderers.report.drawing.figure import svg
from bnstat.renderers.report.drawing.lettering import cut, shown, width, wrapped
from bnstat.renderers.report.drawing.scales import scale_of
from bnstat.renderers.report.drawing.shapes import dashes, dot, path
from bnstat.renderers.report.drawing.ticks import ticks_of
from bnstat.renderers.report.plots import SERIES, Area, Axis, Dots, Line, Rule


def drawn(one, prefix="", known=frozenset()):
    return ElementTree.fromstring(svg(one, prefix, known))


def ticks(axis, values, *, across=True, length=600.0):
    return [
        (tick.text + (f"^{tick.exponent}" if tick.exponent else ""))
        for tick in ticks_of(scale_of(axis, values, 0.0, length), across=across)
    ]


def titles(picture):
    return [element.text for element in picture.iter("title")]


@pytest.mark.parametrize("name", DEGENERATE)
def test_whatever_is_drawn_has_finite_coordinates_inside_of_the_picture(name):
    picture = svg(degenerate(name), "", frozenset())
    ElementTree.fromstring(picture)
    assert not re.search(r"nan|inf\b|None", re.sub(r">[^<]*<", "><", picture))
    numbers = [
        float(number)
        for number in re.findall(r'(?<=[" MHVhvl-])\d+\.?\d*', "".join(re.findall(r' d="[^"]*"', picture)))
    ]
    assert all(number <= 10_000 for number in numbers)


@pytest.mark.parametrize("name", [name for name in DEGENERATE if name != "no-names"])
def test_every_axis_has_ticks_that_can_be_read(name):
    picture = drawn(degenerate(name))
    labels = [
        text for text in picture.iter("text") if text.get("text-anchor") in ("middle", "end") and not text.get("class")
    ]
    assert len(labels) >= 2


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0, 1), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((-3, 12_000), ["0", "2,000", "4,000", "6,000", "8,000", "10,000", "12,000"]),
        ((-50, 50), ["−40", "−20", "0", "20", "40"]),
        ((1e6, 1e6 + 1e-3), ["1,000,000.0000", "1,000,000.0005", "1,000,000.0010"]),
        ((1e30, 3e30), ["1.0×10^30", "1.5×10^30", "2.0×10^30", "2.5×10^30", "3.0×10^30"]),
        ((-2e-7, 2e-7), ["−2×10^−7", "−1×10^−7", "0", "1×10^−7", "2×10^−7"]),
        ((9e301, 1.2e302), [f"{tick:.2f}×10^302" for tick in (0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2)]),
        ((-1.7e308, 1.7e308), ["−1×10^308", "0", "1×10^308"]),
        ((7, 7), ["6.4", "6.6", "6.8", "7.0", "7.2", "7.4", "7.6"]),
    ],
)
def test_ticks_of_a_linear_axis_are_round_numbers(values, expected):
    assert ticks(Axis("x"), map(float, values)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((1, 100), ["1", "2", "5", "10", "20", "50", "100"]),
        ((1e-3, 1e4), ["0.001", "0.01", "0.1", "1", "10", "100", "1,000", "10,000"]),
        ((1e-12, 1), ["10^−12", "10^−10", "10^−8", "10^−6", "10^−4", "10^−2", "10^0"]),
        ((1e-6, 3e-5), ["10^−6", "2×10^−6", "5×10^−6", "10^−5", "2×10^−5"]),
        ((2, 8), ["2", "3", "4", "5", "6", "7", "8"]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_powers_of_ten_or_parts_of_them(values, expected):
    assert ticks(Axis("x", "log"), map(float, values)) == expected


def test_ticks_that_are_given_stay_and_only_labels_without_room_are_left_out():
    sizes = tuple(float(size) for size in range(1, 129))
    shown_ticks = ticks(Axis("batch size", "log", ticks=sizes), sizes)
    assert len(shown_ticks) == 128
    assert shown_ticks[0] == "1"
    assert 4 < len(list(filter(None, shown_ticks))) < 40


@pytest.mark.parametrize("length", [60.0, 150.0, 400.0, 700.0])
@pytest.mark.parametrize("values", [(0.0, 1e6), (1e-9, 1.0), (1e6, 1e6 + 1e-3), (-1e300, 1e300)])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_labels_of_ticks_are_never_over_each_other(values, scale, length):
    of = scale_of(Axis("x", scale), values, 0.0, length)
    places = [
        (of.at(tick.value) - tick.width / 2, of.at(tick.value) + tick.width / 2)
        for tick in ticks_of(of, across=True)
        if tick.text
    ]
    assert places
    assert all(one[1] < other[0] for one, other in pairwise(places))


def test_names_of_many_categories_are_thinned_and_long_ones_cut_with_the_whole_on_hover():
    few = ticks_of(scale_of(Axis("", "category", ("a", LONG)), (), 0.0, 600.0), across=False)
    assert few[0].text == "a"
    assert "…" in few[1].text
    assert few[1].full == LONG
    assert few[1].text.endswith("T1w.nii.gz")
    many = ticks_of(
        scale_of(Axis("", "category", tuple(f"sub-{place}" for place in range(500))), (), 0.0, 600.0), across=False
    )
    assert 20 < len([tick for tick in many if tick.text]) <= 40


def test_the_first_category_is_at_the_top():
    dots = Dots(None, ((1.0, 0.0), (1.0, 1.0)), titles=("first", "second"))
    picture = svg(plot("p", dots, y=Axis("", "category", ("first", "second"))), "", frozenset())
    first, second = (
        float(re.search(rf"<title>{name}</title>.*?M[\d.]+ ([\d.]+)", picture)[1]) for name in ("first", "second")
    )
    assert first < second


def test_a_value_that_is_not_positive_is_at_the_lower_end_of_a_logarithmic_axis():
    scale = scale_of(Axis("x", "log"), (0.0, -5.0, 1.0, 10.0), 0.0, 100.0)
    assert scale.at(0.0) == scale.at(-5.0) == 0.0
    assert 0 < scale.at(1.0) < scale.at(10.0) < 100


def test_a_line_is_cut_where_a_point_is_undefined():
    (line,) = [
        element
        for element in drawn(plot("p", Line(None, ((0.0, 1.0), (1.0, nan), (2.0, 1.0), (3.0, inf), (4.0, 2.0))))).iter(
            "path"
        )
        if element.get("class") == "line"
    ]
    assert line.get("d").count("M") == 3


def test_a_line_that_leaves_the_axes_is_cut_at_the_frame_and_others_need_no_cutting():
    beyond = plot("p", Line(None, ((0.0, 0.0), (1.0, 5.0))), y=Axis("y", high=1.0))
    assert 'clip-path="url(#p-clip)"' in svg(beyond, "", frozenset())
    assert 'id="x-p-clip"' in svg(beyond, "x-", frozenset())
    assert "clip" not in svg(noise(), "", frozenset())


def test_thin_lines_that_nothing_tells_apart_are_one_path():
    lines = [Line(None, ((0.0, float(place)), (1.0, 2.0)), "muted", thin=True) for place in range(300)]
    paths = [element for element in drawn(plot("p", *lines)).iter("path") if element.get("class") == "line thin"]
    assert len(paths) == 1
    assert paths[0].get("d").count("M") == 300
    named = [element for element in drawn(histogram()).iter("path") if element.get("class") == "line thin"]
    assert [element.find("title").text for element in named] == [f"volume {place}" for place in range(20)]


def test_steps_go_across_and_then_up_and_equal_steps_are_one():
    assert path([[(0.0, 10.0), (5.0, 10.0), (10.0, 10.0), (15.0, 4.0), (20.0, 4.0)]], steps=True) == "M0 10h15v-6h5"


def test_coordinates_are_rounded_to_a_tenth_of_a_pixel_without_drifting():
    third = 1 / 3
    drawing = path([[(place * third, 0.0) for place in range(1000)]])
    assert not re.search(r"\d*\.\d\d", drawing)
    across = sum(float(step) for step in re.findall(r"l(-?[\d.]+) ", drawing))
    assert across == pytest.approx(333, abs=0.06)


def test_series_differ_by_the_shape_of_dots_and_by_the_dashes_of_lines():
    places = [re.sub(r"[\d.]+", "", dot((10.0, 10.0), role)) for role in SERIES]
    assert len(set(places)) == len(SERIES)
    for dashed in (False, True):
        assert len({dashes(role, dashed=dashed, dots=False) for role in SERIES}) == len(SERIES)
    assert dashes("accent", dashed=True, dots=False) != dashes("accent", dashed=False, dots=False)


def test_colours_are_classes_so_that_light_dark_and_paper_have_their_own():
    for one in (noise(), epsilon(), histogram(), means()):
        picture = svg(one, "", frozenset())
        assert not re.search(
            r"#[0-9a-f]{3,8}\b|rgb|(?:fill|stroke)=\"(?!none)|style=",
            re.sub(r"url\(#[^)]*\)|href=\"[^\"]*\"", "", picture),
        )


def test_every_mark_with_a_title_shows_it_on_hover():
    assert set(titles(drawn(noise()))) >= {
        f"channel {channel} at batch size {size}" for channel in range(4) for size in (1, 128)
    }
    assert HOSTILE in titles(drawn(histogram()))
    assert LONG in titles(drawn(means()))


def test_a_picture_is_named_by_the_heading_of_its_plot_and_described_to_those_who_do_not_see_it():
    picture = drawn(noise(), "x-")
    assert picture.get("role") == "img"
    assert picture.get("aria-labelledby") == "x-noise-title x-noise-desc"
    assert picture.find("desc").get("id") == "x-noise-desc"
    assert picture.find("desc").text == "What noise shows."
    assert picture.get("viewBox").startswith("0 0 720 ")


def test_dots_link_to_places_of_the_page_and_to_no_others():
    linked = drawn(means(), "x-", frozenset({"row-3"}))
    (link,) = linked.iter("a")
    assert link.get("href") == "#x-row-3"
    assert link.get("aria-label") == LONG
    assert linked.get("role") == "group"
    assert list(drawn(means(), "x-", frozenset()).iter("a")) == []


def test_names_are_text_whatever_they_contain():
    name = f"{HOSTILE}\x1b[31m\u202e]]>\x00"
    one = plot(
        "p",
        Line(name, ((0.0, 1.0), (1.0, 2.0)), title=name, titles=(name, name)),
        Dots(name, ((0.0, 1.0),), titles=(name,), labels=(name,)),
        Rule("x", 0.5, name),
        Rule("y", 1.5, name),
        x=Axis(name),
        y=Axis(name, "category", (name, name, name)),
        title=name,
    )
    picture = svg(one, "", frozenset())
    root = ElementTree.fromstring(picture)
    assert {element.tag for element in root.iter()} <= {
        "svg",
        "g",
        "path",
        "text",
        "title",
        "desc",
        "tspan",
        "circle",
        "rect",
        "clipPath",
    }
    assert shown(name) in titles(root)
    assert "\\x1b[31m\\u202e" in shown(name)


def test_labels_of_limits_are_never_over_each_other_nor_outside():
    for one in (
        noise(),
        epsilon(),
        means(),
        plot(
            "p",
            Line(None, ((0.0, 0.0), (1.0, 1.0))),
            *(Rule("x", 0.5 + place / 1e4, f"limit {place}") for place in range(9)),
        ),
    ):
        boxes = []
        for text in drawn(one).iter("text"):
            if (text.get("class") or "").startswith("at"):
                wide = width(text.text)
                left = float(text.get("x")) - {"end": wide, "middle": wide / 2}.get(text.get("text-anchor"), 0)
                boxes.append((left, left + wide, float(text.get("y"))))
        assert len(boxes) >= 2
        assert all(left >= -0.1 and right <= 720.1 for left, right, _ in boxes)
        for index, (left, right, base) in enumerate(boxes):
            assert not any(
                left < other[1] and other[0] < right and abs(base - other[2]) < 13 for other in boxes[:index]
            )


def test_a_limit_outside_of_the_axis_is_not_drawn():
    one = plot("p", Line(None, ((0.0, 0.0), (1.0, 1.0))), Rule("y", 7.0, "far away"), y=Axis("y", high=1.0))
    assert not [element for element in drawn(one).iter("path") if element.get("class") == "rule"]


def test_a_legend_has_each_name_once_and_takes_as_many_rows_as_it_needs():
    points = ((0.0, 0.0), (1.0, 1.0))
    same = plot("p", Area("formula", points, points), Line("formula", points), Dots(None, points))
    assert [text.text for text in drawn(same).iter("text") if text.get("class") == "key"] == ["formula"]
    many = drawn(plot("p", *(Line(f"a channel with a long name {place}", points) for place in range(9))))
    keys = [text for text in many.iter("text") if text.get("class") == "key"]
    assert len({text.get("y") for text in keys}) > 2
    assert all(float(text.get("x")) + width(text.text) <= 720 for text in keys)
    assert float(many.get("viewBox").split()[3]) > 300


def test_the_data_of_a_plot_are_all_its_numbers_and_cannot_end_their_element():
    one = plot(
        "p", Line(f"</script>{HOSTILE}", ((0.1, 1.0), (nan, 2.5), (3.0, inf)), title="<!--"), Rule("y", 0.3, "limit")
    )
    text = data_of(one)
    assert not set("<>&") & set(text)
    document = json.loads(text)
    line, rule = document["marks"]
    assert line["name"] == f"</script>{HOSTILE}"
    assert line["x"] == [0.1, None, 3]
    assert line["y"] == [1, 2.5, None]
    assert rule == {"mark": "rule", "label": "limit", "along": "y", "at": 0.3}
    assert unescape(text) == text


def test_lines_at_the_same_places_have_these_once_in_the_data():
    marks = json.loads(data_of(histogram()))["marks"]
    assert "x" in marks[1]
    assert {mark["x_of"] for mark in marks[2:]} == {1}


def test_long_texts_keep_their_start_and_their_end():
    assert cut("short", 100) == "short"
    short = cut(LONG, 200)
    assert width(short) <= 200
    assert short.startswith("a/very")
    assert short.endswith("T1w.nii.gz")
    lines = wrapped("a limit with several words", 80)
    assert " ".join(lines) == "a limit with several words"
    assert all(width(line) <= 80 for line in lines)
