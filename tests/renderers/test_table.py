from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from renderers.sample import channel, report

from bnstat import text
from bnstat.renderers import csv, numbers
from bnstat.renderers.inspect import markdown, table
from bnstat.renderers.inspect.columns import columns_of
from bnstat.reports.finding import Finding


def many(channels=50, finding=47):
    """One batch of many channels, the finding on a late one."""
    whole = report()
    batch = replace(
        whole.batches[0], channels=tuple(channel(index, variance=float(index + 1)) for index in range(channels))
    )
    found = (Finding("BN103", "epsilon-effect", "warning", "so it is.", None, 0, finding),)
    return replace(whole, batches=(batch,), findings=found, samples=whole.samples[:1])


def rows(rendered):
    """Channel numbers of the rows in a table."""
    lines = rendered.split("channel  ", 1)[1].splitlines()[1:]
    return [int(line.split()[0]) for line in lines[: lines.index(next(x for x in lines if "more row" in x or not x))]]


def test_twenty_rows_at_most_those_with_findings_among_them():
    shown = rows(table.render(many(), width=100))
    assert shown == [*range(19), 47]


def test_what_is_not_shown_is_summarized_by_least_median_and_greatest():
    rendered = table.render(many(), width=100)
    assert "30 more rows (--all shows all)" in rendered
    assert "variance 1.000 … 25.50 … 50.00" in rendered


def test_all_shows_every_row():
    rendered = table.render(many(), width=100, every_row=True)
    assert rows(rendered) == list(range(50))
    assert "more row" not in rendered


def test_json_and_csv_and_markdown_are_always_complete():
    assert len(many().to_dict()["batches"][0]["channels"]) == 50
    assert len(csv.render(many()).splitlines()) == 51
    assert sum(line.startswith("| ") for line in markdown.render(many()).splitlines()) == 52


def test_findings_of_one_rule_are_said_once_and_their_places_listed():
    whole = many()
    found = tuple(Finding("BN101", "zero-variance", "error", "it is constant.", None, 0, k) for k in range(20))
    rendered = table.render(replace(whole, findings=found), width=100)
    assert rendered.count("it is constant.") == 1
    assert "Also found in channel 1, channel 2," in rendered
    assert "(7 more)" in rendered


def test_a_report_of_nothing_renders_to_nothing_but_a_json_document():
    empty = replace(report(), batches=(), samples=(), findings=(), verdict=(), answer=None)
    assert table.render(empty).strip() == csv.render(empty) == markdown.render(empty) == ""
    assert empty.to_dict()["batches"] == []


def test_control_characters_of_a_name_never_reach_a_terminal():
    whole = report()
    evil = replace(whole, samples=(replace(whole.samples[0], source="a\x1b[31m\nb"), whole.samples[1]))
    assert "\x1b" not in table.render(evil)
    assert "a\\x1b[31m\\nb" in table.render(evil, width=200)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1162, "1,162"),
        (57025.9131, "57,026"),
        (172.91394, "172.9"),
        (0.026952, "0.02695"),
        (9.99996, "10.00"),
        (47_203.9, "47,204"),
        (999_999_999.7, "1.000e+09"),
        (0.0001, "0.0001000"),
        (0.00009999, "9.999e-05"),
        (1.5e-7, "1.500e-07"),
        (-3.25e12, "-3.250e+12"),
        (2**40, "1.100e+12"),
        (2**63 - 1, "9.223e+18"),
    ],
)
def test_numbers_have_four_digits_and_separated_thousands_in_tables_and_sentences_alike(value, expected):
    assert numbers.number(value) == expected
    if value is not None:
        assert text.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (1e-9, "<0.01%"), (0.0, "0%"), (0.477, "47.7%"), (1.0, "100%")]
)
def test_a_share_is_never_rounded_to_nothing(value, expected):
    assert numbers.share(value) == expected


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_every_column_that_is_hidden_is_named(width):
    rendered = " ".join(table.render(report(), width=width).split())
    hidden = rendered.partition("hidden: ")[2].partition(";")[0].split(", ") if "hidden: " in rendered else []
    assert [title for title in hidden if title != "file"] == [
        column.title for column in columns_of(report()) if column not in _fitted(width)
    ]
    assert bool(hidden) == (width < 90)


def _fitted(width):
    """The columns that the table shows."""
    rendered = table.render(report(), width=width)
    head = rendered.split("\n\n")[2].splitlines()[:2]
    words = Counter(" ".join(head).split())
    shown = []
    for column in columns_of(report()):
        if not Counter(column.title.split()) - words:
            words -= Counter(column.title.split())
            shown.append(column)
    return shown


@pytest.mark.parametrize(
    ("mean", "variance", "shown"),
    [
        (-1.3e-17, 1.0, "0"),
        (9e-13, 1.0, "0"),
        (1.1e-12, 1.0, "1.100e-12"),
        (1e-17, 1e-34, "1.000e-17"),
        (1e-17, 0.0, "1.000e-17"),
        (1e-17, None, "1.000e-17"),
        (None, 1.0, "–"),
    ],
)
def test_a_mean_that_is_the_rounding_of_its_sum_is_shown_as_0(mean, variance, shown):
    assert numbers.mean_of(mean, variance) == shown
