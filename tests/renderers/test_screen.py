"""Where a terminal breaks lines, and which columns of a table have room."""

from __future__ import annotations

import re

import pytest

from bnstat.renderers.markdown import escaped
from bnstat.renderers.screen import empty_table, fitting, printed
from bnstat.reports.documents.html import table_of
from bnstat.text import unbroken, with_units

SENTENCE = (
    "channel 0 has 307,200 values, 26 × 32 × 24 voxels at ε = 0.001, so ε/(variance + ε) is 47.7 % (limit 1 %); "
    "use ε ≤ 1.1e-05 or --batch-axis 3, from batch size 30 on, where the mean varies by 0.55 SD"
)
TOGETHER = (
    *("channel 0", "307,200 values", "26 × 32 × 24 voxels", "ε = 0.001", "variance + ε", "47.7 %", "1 %"),
    *("ε ≤ 1.1e-05", "--batch-axis 3", "size 30", "0.55 SD"),
)


def lines(text, width, **how):
    return printed(lambda screen: screen.say(text, **how), width=width, color=False).splitlines()


@pytest.mark.parametrize("width", range(30, 121))
def test_a_number_is_never_parted_from_its_unit_or_its_sign(width):
    shown = lines(SENTENCE, width)
    assert max(map(len, shown)) <= width
    assert " ".join(shown) == SENTENCE
    for words in TOGETHER:
        assert any(words in line for line in shown), words


@pytest.mark.parametrize("width", range(12, 40))
def test_no_line_is_broken_at_a_no_break_space_and_what_is_printed_is_a_plain_one(width):
    shown = lines("the scanner room\u00a0b and the site\u00a0c of it", width)
    assert " ".join(shown) == "the scanner room b and the site c of it"
    assert any("room b" in line for line in shown)
    assert any("site c" in line for line in shown)


@pytest.mark.parametrize("width", range(24, 60))
def test_a_short_command_stays_in_one_line(width):
    shown = lines("give several volumes, or compare batch sizes with `bnstat compare PATH`.", width)
    assert any("`bnstat compare PATH`" in line for line in shown)


def test_a_number_may_be_parted_from_a_word_that_is_no_unit():
    assert lines("from 1 to 1.53", 7) == ["from 1", "to 1.53"]


def test_a_word_that_is_longer_than_a_line_is_broken_rather_than_lost():
    assert "".join(lines("x" * 25, 10)) == "x" * 25


def test_every_line_is_indented_and_within_the_width():
    shown = lines(SENTENCE, 40, indent=4)
    assert max(map(len, shown)) <= 40
    assert all(re.match(r" {4}\S", line) for line in shown)


def test_a_finding_has_its_message_below_it_and_nothing_of_it_reaches_the_terminal_unescaped():
    shown = printed(
        lambda screen: screen.finding(
            "error", "BN101 zero-variance", "a\x1b[31m b\u00a0c", beside="channel 1", indent=2
        ),
        width=60,
        color=False,
    )
    assert shown == "  error BN101 zero-variance   channel 1\n    a\\x1b[31m b c\n"


def test_a_definition_has_its_meaning_in_a_column_of_its_own():
    shown = printed(lambda screen: screen.definition("name", "one two three", 6), width=14, color=False)
    assert shown == "name  one two\n      three\n"


def test_gaps_shrink_before_columns_are_hidden_and_the_highest_rank_goes_first():
    headers, rows, ranks = ("a", "bb", "c\ncc"), [("1", "22", "333")], (0, 2, 1)
    assert fitting(headers, rows, ranks, 10) == ([0, 1, 2], 2)
    assert fitting(headers, rows, ranks, 9) == ([0, 1, 2], 1)
    assert fitting(headers, rows, ranks, 7) == ([0, 2], 2)
    assert fitting(headers, rows, ranks, 4) == ([0], 2)
    assert fitting(headers, rows, ranks, 0) == ([0], 1)


def test_hidden_columns_are_named_with_what_to_do():
    def shown(headers, *, quiet):
        return printed(lambda screen: screen.hidden(headers), width=80, color=False, quiet=quiet).strip()

    assert shown(["std", "min"], quiet=False) == "hidden: std, min; widen the terminal (or use --format json)"
    assert shown([], quiet=False) == ""
    assert shown(["std", "min"], quiet=True) == ""


def test_a_table_that_is_wider_than_the_screen_loses_no_digit_of_a_number():
    table = empty_table([("mean", "right"), ("variance", "right")])
    table.add_row("1,234,567", "123,456,789 !")
    shown = printed(lambda screen: screen.table(table), width=10, color=False)
    assert shown.splitlines()[1].split() == ["1,234,567", "123,456,789", "!"]


def test_a_row_is_one_line_however_narrow_the_screen_is():
    row = "torch.nn.BatchNorm3d(4, eps=0.001, momentum=0.01) " * 3
    assert printed(lambda screen: screen.row(row), width=20, color=False) == row.rstrip() + "\n"


def test_an_opening_is_followed_by_an_empty_line_and_none_by_nothing():
    assert printed(lambda screen: screen.opening(["a", "b"]), width=20, color=False) == "a\nb\n\n"
    assert printed(lambda screen: screen.opening([]), width=20, color=False).strip() == ""


@pytest.mark.parametrize("unit", ["%", "SD", "mm", "samples", "voxels", "values", "steps"])
def test_a_number_is_joined_to_its_unit(unit):
    joined = f"3.709\u00a0{unit} (limit 10\u00a0{unit})"
    assert unbroken(joined.replace("\u00a0", " ")) == joined.replace("limit ", "limit\u00a0")
    if unit in ("%", "SD", "mm"):  # where a browser breaks lines
        assert with_units(joined.replace("\u00a0", " ")) == escaped(joined.replace("\u00a0", " ")) == joined
    assert f"<p>{joined}</p>" in table_of("", [], [], sentences=[joined])


@pytest.mark.parametrize(
    "together", ["n/(n − 1)", "axes 0,1,2,3", "axis 4", "mean 595.1", "about 34", "(limit 0.1", "of − 1", "1 − ε"]
)
@pytest.mark.parametrize("width", range(14, 60))
def test_what_belongs_together_stays_in_one_line(together, width):
    shown = printed(
        lambda screen: screen.say(f"This sentence has words, then {together} and more words."), width=width, color=False
    )
    assert together.removeprefix("of ") in shown


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("before", range(0, 70, 3))
def test_a_command_that_fits_a_line_is_not_broken(width, before):
    command = "`bnstat compare PATH --batch-sizes 1,2,4,8 --patch 96,96,96 --framework torch`"
    assert len(command) == 78
    shown = printed(lambda screen: screen.say(f"{'w' * before} {command}. More."), width=width, color=False)
    assert command in shown
    assert max(map(len, shown.splitlines())) <= width


def test_a_command_that_fits_no_line_is_broken_at_spaces():
    command = "`bnstat compare PATH --batch-sizes 1,2,4,8 --framework torch`"
    shown = printed(lambda screen: screen.say(f"Type {command}."), width=40, color=False)
    assert shown.split() == f"Type {command}.".split()
    assert max(map(len, shown.splitlines())) <= 40


def test_markdown_and_notebooks_do_not_break_n_minus_one():
    assert with_units("n/(n − 1) times") == "n/(n\u00a0−\u00a01) times"
