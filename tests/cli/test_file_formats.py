"""The ending of an output file chooses its format."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

ENDINGS = {
    ".json": "json",
    ".JSON": "json",
    ".csv": "csv",
    ".md": "markdown",
    ".html": "html",
    ".txt": "table",
    "": "table",
}
OF_CHECK = {**ENDINGS, ".jsonl": "jsonl", ".xml": "junit", ".sarif": "sarif"}


@pytest.mark.parametrize(
    ("command", "ending"),
    [
        *(("inspect", one) for one in ENDINGS),
        *(("check", one) for one in OF_CHECK),
        *(("compare", one) for one in ENDINGS),
    ],
)
def test_the_ending_chooses_what_format_would(bnstat_run, small_image, tmp_path, command, ending):
    image, file = small_image(), tmp_path / f"x{ending}"
    more = ("--frameworks", "keras,torch") if command == "compare" else ()
    assert bnstat_run(command, image, *more, "-o", file).code == 0
    named = bnstat_run(command, image, *more, "--format", OF_CHECK[ending], "-o", tmp_path / "other.out")
    assert named.code == 0
    assert file.read_text() == (tmp_path / "other.out").read_text()


@pytest.mark.parametrize("command", [("plan", "--patch", "64", "--levels", "3"), ("explain", "BN101"), ("frameworks",)])
def test_commands_without_inputs_do_so_too(bnstat_run, tmp_path, command):
    assert bnstat_run(*command, "-o", tmp_path / "x.json").code == 0
    assert json.loads((tmp_path / "x.json").read_text())["schema"].startswith("bnstat.")


@pytest.mark.parametrize(
    ("form", "name"),
    [("table", "x.json"), ("csv", "x.json"), ("json", "x.csv"), ("markdown", "x.html"), ("sarif", "x.xml")],
)
def test_a_clash_with_format_is_an_error_before_anything_is_read(refused, tmp_path, form, name):
    command = "check" if form == "sarif" else "inspect"
    said = refused(2, command, tmp_path / "none.nii", "--format", form, "-o", tmp_path / name)
    assert f"and --format is {form}; " in said
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("gitlab", "gl-code-quality-report.json"),
        ("sarif", "x.json"),
        ("github", "summary.md"),
        ("json", "x.out"),
        ("junit", "x.xml"),
    ],
)
def test_formats_whose_files_end_so_are_no_clash(bnstat_run, small_image, tmp_path, form, name):
    assert bnstat_run("check", small_image(), "--format", form, "-o", tmp_path / name).code == 0
    written = (tmp_path / name).read_text()
    if name.endswith(".json"):
        json.loads(written)
    if form == "junit":
        ElementTree.fromstring(written)


@pytest.mark.parametrize(
    ("command", "name", "kind"),
    [
        ("inspect", "x.xml", ".xml"),
        ("plan", "x.sarif", ".sarif"),
        ("compare", "x.jsonl", ".jsonl"),
    ],
)
def test_an_ending_whose_format_a_command_does_not_have_is_an_error(refused, tmp_path, command, name, kind):
    said = refused(2, command, tmp_path / "none.nii", "-o", tmp_path / name)
    assert f"bnstat {command} writes no {kind} file; end the name with .json" in said


def test_a_format_of_the_environment_gives_way_to_the_ending(bnstat_run, small_image, tmp_path, monkeypatch):
    monkeypatch.setenv("BNSTAT_INSPECT_FORMAT", "csv")
    assert bnstat_run("inspect", small_image(), "-o", tmp_path / "x.json").code == 0
    json.loads((tmp_path / "x.json").read_text())


def test_a_new_format_is_found_by_its_ending(tmp_path):
    import click

    from bnstat.cli import options

    got = []

    @click.command()
    @options.output_as(("table", "html"))
    def command(to):
        got.append(to.format)

    command.main(["-o", str(tmp_path / "x.html")], standalone_mode=False)
    assert got == ["html"]


def test_a_page_has_the_text_of_the_table_and_no_markup_of_a_name(bnstat_run, small_image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = small_image()
    name = "a<script>b&.nii"
    (tmp_path / name).write_bytes(Path(image).read_bytes())
    page = bnstat_run("inspect", name, "--epsilon", "0.5", "--format", "html").out
    assert "<script>" not in page
    assert 'style="font-weight: bold"' in page
    shown = html.unescape(re.sub(r"<[^>]*>", "", page.partition("<pre")[2].partition(">")[2].partition("</pre>")[0]))
    monkeypatch.setenv("COLUMNS", "160")
    assert shown.strip() == bnstat_run("inspect", name, "--epsilon", "0.5").out.strip()
    assert "<span" not in bnstat_run("inspect", name, "--format", "html", "--color", "never").out
