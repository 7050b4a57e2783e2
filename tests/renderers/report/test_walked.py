"""What looks at every number of the page finds a wrong one: a proof that it can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_page import Element, cell_problem, numbers_from_nowhere, parsed, problems, shape, without_places

from bnstat.renderers.report.blocks import Cell, Column, Details, FindingCard, Paragraph, Row, Section, Table
from bnstat.renderers.report.plots import Area, Axis, Dots, Line, Plot, Rule

DOCUMENT = {
    "check": {"findings": [{"message": "channel 1 is constant"}], "counts": {"error": 1, "known": 0}},
    "volumes": [{"mean": 12.345678, "zeros": 0.25, "std": None, "name": "a", "constant": True}],
}
MEAN = ("volumes", 0, "mean")
GOOD = Cell("12.35", 12.345678, MEAN)


@pytest.mark.parametrize(
    "cell",
    [
        GOOD,
        Cell("12.35 SD", 12.345678, MEAN),
        Cell("25.0%", 0.25, ("volumes", 0, "zeros")),
        Cell("0.25", 0.25, ("volumes", 0, "zeros")),
        Cell("–", None, ("volumes", 0, "std")),
        Cell("", None),
        Cell("1", 1, ("check", "counts", "error")),
    ],
)
def test_a_number_of_the_document_written_as_everywhere_is_right(cell):
    assert cell_problem(cell, DOCUMENT, numeric=True) is None


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (replace(GOOD, value=12.345679), "and the document 12.345678"),
        (replace(GOOD, text="12.34"), "is not how 12.345678 is written"),
        (replace(GOOD, text="12.3457 SD"), "is not how 12.345678 is written"),
        (replace(GOOD, path=None), "no place in the document"),
        (replace(GOOD, path=("volumes", 1, "mean")), "'nothing' at"),
        (replace(GOOD, path=("volumes", 0, "mean", 0)), "'nothing' at"),
        (replace(GOOD, path=("volumes", 0, "name")), "is no number"),
        (replace(GOOD, path=("volumes", 0, "constant")), "is no number"),
        (replace(GOOD, path=("volumes", 0, "std")), "is undefined in the document"),
        (Cell("0", 0.0, ("volumes", 0, "std")), "is undefined in the document"),
        (Cell("–", None, MEAN), "has the value None"),
        (Cell("about 12"), "is in a column of numbers and is none"),
    ],
)
def test_a_number_that_differs_from_the_document_is_found(cell, problem):
    assert problem in (cell_problem(cell, DOCUMENT, numeric=True) or "")


def test_what_is_folded_away_is_looked_at_too():
    row = Row((Cell("a"), replace(GOOD, text="12.0")))
    table = Table("t", "Means", (Column("name"), Column("mean", numeric=True)), (row, Row((GOOD,))))
    card = FindingCard("f", "error", "BN101", "zero variance", "channel 2 is constant", "It is dead.")
    page = (Section("volumes", "Volumes", (Details("All", (Details("More", (table,)), card)),)),)
    found = problems(page, DOCUMENT)
    assert [one.split(":")[0] for one in found] == ["volumes"] * 3
    assert "t, mean: '12.0' is not how" in found[0]
    assert "a row has 1 cells for 2 columns" in found[1]
    assert "no finding says 'channel 2 is constant'" in found[2]


def test_a_mark_that_is_drawn_elsewhere_is_found():
    right = Line("mean", ((1, 12.345678),), paths=(MEAN,))
    plot = Plot("p", "Means", "d", "c", Axis("x"), Axis("y"), (right, Dots(None, ((0, 0.25),))))
    page = (Section("s", "S", (plot,)),)
    assert problems(page, DOCUMENT) == []
    assert without_places(page) == {"p: None"}
    for wrong in (
        Area(None, ((0, 0.25),), ((0, 12.3),)),
        replace(right, points=((1, 12.3),)),
        replace(right, points=((1, 12.345678), (2, 1))),
        Rule("x", 1, path=MEAN),
    ):
        assert problems((Section("s", "S", (replace(plot, marks=(wrong,)),)),), DOCUMENT)


def test_a_number_in_a_sentence_that_no_document_has_is_found():
    page = (Section("s", "S", (Paragraph("The mean is 12.35; 25.0% are zeros, of 1 volume, not 13."),)),)
    assert [number for _, number, _ in numbers_from_nowhere(page, DOCUMENT)] == ["13"]


def test_a_page_is_taken_as_a_browser_takes_it():
    page = parsed("<main><p>a &lt;b&gt;<br> c</p><p hidden>d</p></main>")
    assert [one.text for one in page.all("p")] == ["a <b> c", "d"]
    assert shape("<p id=x>a</p>") == [("p", ("id",))]
    assert isinstance(page.inside[0], Element)
    with pytest.raises(AssertionError, match="closes"):
        parsed("<p><b>a</p>")
    with pytest.raises(AssertionError, match="not closed"):
        parsed("<p><b>a</b>")
