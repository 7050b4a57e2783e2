r"""Each kind of output says every text exactly, and no character of it steers who reads it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path

import pytest
from hostile_names import WITH_SLASHES
from hypothesis import given
from hypothesis import strategies as st
from unescaped import of_csv

import bnstat
from bnstat.errors import InputError, OutputError, UnfitError, UsageError
from bnstat.escapes import backslashed, csv_cell, json_text, logged, referenced

# Any text that can be the name of a file: bytes that are not UTF-8 are halves of characters.
NAMED = st.text(st.characters(exclude_categories=("Cs",))) | st.binary(max_size=20).map(
    lambda data: data.decode("utf-8", "surrogateescape")
)
# Texts of the parts that matter here, which chance would seldom bring together.
PARTS = (
    *(
        "#",
        "##[",
        "##[error]",
        "##vso[",
        "##teamcity[",
        ":",
        "::",
        "::error::",
        "\n::",
        " ::",
        "[",
        ";",
        "=",
        "+",
        "-",
        "@",
    ),
    *(
        "\\",
        r"\x1b",
        r"\x",
        r"\u2028",
        r"\U000e0041",
        "\x1b",
        "\x1b[31m",
        "\x7f",
        "\x9b",
        "\r",
        "\n",
        "\t",
        " ",
        "\u2028",
    ),
    *("\u00a0", "\U000e0041", "a", "1", ",", '"', "'", "|"),
)
STEERING = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)
COMMAND = re.compile(r"##\w*\[|^\s*::", re.MULTILINE)
PACKAGE = Path(bnstat.__file__).parent


def unseen(text: str) -> set[str]:
    """Return the characters that are not seen, but for the ends of lines and no-break spaces."""
    return {letter for letter in text if not (letter.isprintable() or letter in "\n\u00a0")}


@given(NAMED | STEERING)
def test_json_reads_back_to_the_same_and_has_nothing_that_is_not_seen(text):
    for ascii_only in (True, False):
        document = json_text(json.dumps({text: [text]}, ensure_ascii=ascii_only, indent=1))
        assert json.loads(document) == {text: [text]}
        assert not unseen(document)
        assert not COMMAND.search(document)
        document.encode("utf-8")


@given(st.lists(NAMED | STEERING, min_size=1))
def test_a_cell_of_csv_reads_back_to_the_same_whatever_reads_it(row):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(map(csv_cell, row))
    line = file.getvalue()
    assert not unseen(line)
    assert line.count("\n") == 1
    assert not COMMAND.search(line)
    (cells,) = csv.reader([line])
    assert list(map(of_csv, cells)) == row
    assert not any(re.match(r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]", part) for cell in cells for part in cell.split(";"))


@pytest.mark.parametrize("text", ["plain.nii.gz", r"C:\data\scan.nii", "é ε 1,5", "a=b", "1\u00a0%", ""])
def test_a_usual_name_is_a_cell_as_it_is(text):
    assert csv_cell(text) == text


@given(NAMED | STEERING)
def test_a_terminal_and_a_log_get_nothing_that_steers_them(text):
    shown = logged(backslashed(text))
    assert shown.isprintable()
    assert not COMMAND.search(shown)
    assert logged(backslashed(shown)) == shown


@given(STEERING | NAMED)
def test_markup_shows_the_same_text_and_no_command(text):
    markup = referenced(html.escape(text))
    assert html.unescape(markup) == html.unescape(html.escape(text))
    assert not COMMAND.search(markup)


@pytest.mark.parametrize("text", WITH_SLASHES, ids=range(len(WITH_SLASHES)))
def test_every_hostile_name_is_harmless_in_each_kind_of_output(text):
    assert json.loads(json_text(json.dumps(text, ensure_ascii=False))) == text
    assert of_csv(csv_cell(text)) == text
    for written in (json_text(json.dumps(text, ensure_ascii=False)), csv_cell(text), logged(backslashed(text))):
        assert not unseen(written)
        assert "\n" not in written
        assert not COMMAND.search(written)


def test_json_is_written_nowhere_without_its_escapes():
    """A new writer of JSON is a new place for the same mistake."""
    calls = re.compile(r"(\w+\()?json\.dumps?\(")
    bare = [
        f"{file.relative_to(PACKAGE)}: {found[0]}"
        for file in PACKAGE.rglob("*.py")
        for found in calls.finditer(file.read_text(encoding="utf-8"))
        if found[1] != "json_text("
    ]
    assert bare == ["workflows/given_layers.py: json.dumps("]  # which is read by nobody: whether it can be encoded


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_the_text_of_an_error_is_one_line(end):
    name, told = f"a{end}b.nii", f"its field says {end}x{end}"
    for error in (InputError(name, told), UnfitError(name, told), UsageError(told), OutputError(told)):
        assert len(str(error).splitlines()) == 1
        assert not str(error).endswith(end)
        assert getattr(error, "source", name) == name
