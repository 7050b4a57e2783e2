"""The page as HTML: every block is there, as text, with identifiers that are one of a kind and links to them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from report_gallery import HOSTILE, LONG, PNG, card, gallery, means, volumes

import bnstat
from bnstat.renderers.report.blocks import Cell, Code, Column, Items, Link, Paragraph, Row, Section, Table

html = pytest.importorskip("bnstat.renderers.report.html")

ROOT = Path(__file__).parents[3]
# Elements that have no end.
VOID = {"meta", "link", "img", "br", "wbr", "input"}


class Read(HTMLParser):
    """What a browser takes from a page: its elements, their attributes, and the text in each."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for _, _, text in self.open:
            text.append(data)

    def all(self, tag, **attributes):
        return [one for one in self.elements if one[0] == tag and attributes.items() <= one[1].items()]

    def texts(self, tag, **attributes):
        return [" ".join("".join(text).split()) for _, _, text in self.all(tag, **attributes)]


@pytest.fixture(scope="module")
def page():
    return Read(html.page("A cohort", gallery(), ("120 volumes", "4 channels")))


def of(*blocks):
    return Read(html.page("Title", (Section("one", "One", blocks),)))


def test_every_kind_of_block_is_on_the_page(page):
    assert page.texts("h1") == ["A cohort"]
    assert page.texts("h2") == ["Verdict", "Findings", "Volumes", "Plots"]
    assert "A batch size of 8 is enough. why" in page.texts("p", **{"class": "warning lead"})[0]
    assert len(page.all("tr")) == 121
    assert len(page.all("article")) == 3
    assert len(page.all("figure", **{"class": "plot"})) == len(page.all("svg", **{"class": "wide"})) > 20
    assert len(page.all("svg", **{"class": "narrow"})) == len(page.all("figure", **{"class": "plot"}))
    assert len(page.all("details")) == 2
    assert page.texts("ol") == ["Train with a batch size of 8. Add --intensity zscore to the command."]


def test_identifiers_are_one_of_a_kind_and_links_lead_to_them(page):
    known = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(known) == len(set(known)) > 150
    links = [attributes["href"] for _, attributes, _ in page.all("a")]
    assert len(links) > 10
    assert {link.removeprefix("#") for link in links} <= set(known)
    named = [name for _, attributes, _ in page.elements for name in attributes.get("aria-labelledby", "").split()]
    assert len(named) > 20
    assert set(named) <= set(known)


def test_a_link_to_a_place_that_is_not_on_the_page_is_text():
    page = of(card("note"), Paragraph("See", links=(Link("the plot", "gone"),)))
    assert page.texts("p", **{"class": "places"}) == ["sub-003 the plot nowhere"]
    assert [attributes["href"] for _, attributes, _ in page.all("a")] == ["#content", "#one"]


def test_names_with_markup_are_shown_as_text(page):
    scripts = page.all("script")
    assert [attributes.get("type") for _, attributes, _ in scripts].count(None) == 1
    assert HOSTILE in page.texts("th", scope="row")
    assert page.texts("code")[1].startswith(f"bnstat report '{HOSTILE}'")
    (image,) = page.all("img")
    assert image[1]["alt"] == f"axial slice of {HOSTILE}"
    assert LONG in page.texts("th", scope="row")


def test_characters_that_a_browser_obeys_and_broken_names_are_shown_as_escapes():
    page = of(Paragraph("a\x00b\x1b[31m\u202e\udcff"), Code("first\nsecond\x07"), Items(("\u2066",)))
    assert page.texts("p")[1].startswith("a\\x00b\\x1b[31m\\u202e\\udcff")
    assert "".join(page.all("code")[0][2]) == "first\nsecond\\x07"
    assert page.texts("li")[1] == "\\u2066"


def test_only_commands_and_options_between_backticks_are_set_as_code():
    page = of(Paragraph("Run `bnstat check a.nii`, not `a<b>.nii`; add `--patch 8 & more`."))
    assert page.texts("code") == ["bnstat check a.nii", "--patch 8 & more"]
    assert "not `a<b>.nii`" in page.texts("p")[1]


def test_severity_is_a_word_and_never_colour_alone(page):
    assert [text.split()[:2] for text in page.texts("h3")[1:4]] == [["■", "Error"], ["▲", "Warning"], ["●", "Note"]]
    assert page.texts("td", **{"class": "warning"})[0] == "▲Warning: odd volume"
    assert page.texts("p", **{"class": "good"}) == ["✓In order: All channels carry signal."]


def test_cells_have_the_numbers_by_which_they_are_sorted_and_undefined_ones_have_none():
    cells = Cell("a"), Cell("1,234.5", 1234.5), Cell("–"), Cell("NaN", float("nan")), Cell("0", 0)
    columns = tuple(Column(name, numeric=name != "a") for name in "abcde")
    page = of(Table("t", "caption", columns, (Row(cells),)))
    assert [attributes.get("data-value") for tag, attributes, _ in page.elements if tag == "td"] == [
        "1234.5",
        None,
        "",
        "0",
    ]


def test_a_table_has_its_caption_its_headings_and_its_hints():
    page = of(volumes(3))
    (region,) = [one for one in page.all("div") if one[1].get("role") == "region"]
    assert region[1]["tabindex"] == "0"
    assert region[1]["aria-labelledby"] == page.all("table")[0][1]["aria-labelledby"] == "volumes-caption"
    assert page.texts("th", scope="col") == ["name", "shape", "mean", "SD", "findings"]
    assert page.texts("dd") == ["the mean of all values", "how far values are from the mean"]
    assert [attributes.get("data-tone") for _, attributes, _ in of(volumes(4)).all("tr")] == [None] * 4 + ["warning"]


def test_nothing_is_loaded_and_only_the_script_of_the_page_may_run(page):
    text = html.page("Title", gallery())
    (policy,) = [attributes["content"] for _, attributes, _ in page.all("meta") if attributes.get("http-equiv")]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-")
    (script,) = [one for one in page.all("script") if "type" not in one[1]]
    digest = base64.b64encode(hashlib.sha256("".join(script[2]).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert not re.search(r"(?:src|href)=\"(?!#|data:)|url\((?!#)|@import|<iframe|<object|<form|\bon\w+=\"", text)


def test_the_page_has_landmarks_a_language_and_headings_in_order(page):
    assert page.elements[0][1] == {"lang": "en"}
    assert [len(page.all(tag)) for tag in ("header", "nav", "main", "footer", "h1")] == [1, 1, 1, 1, 1]
    assert page.texts("nav") == ["Verdict Findings Volumes Plots"]
    levels = [int(tag[1]) for tag, _, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = {attributes.get("name"): attributes.get("content") for _, attributes, _ in page.all("meta")}
    assert names["viewport"] == "width=device-width, initial-scale=1"
    assert names["color-scheme"] == "light dark"
    first = page.all("a")[0]
    assert first[1]["href"] == "#content"


def test_the_data_of_each_plot_stand_beside_it(page):
    found = {
        attributes["id"]: json.loads("".join(text))
        for _, attributes, text in page.all("script", type="application/json")
    }
    assert len(found) == len(page.all("svg", **{"class": "wide"}))
    assert found["data-noise"]["marks"][0]["name"] == "channel 0"


def test_pictures_are_in_the_page_with_their_size(page):
    (image,) = page.all("img")
    assert image[1]["src"] == "data:image/png;base64," + base64.b64encode(PNG).decode()
    assert (image[1]["width"], image[1]["height"]) == ("120", "90")


def test_the_part_for_a_notebook_has_its_own_identifiers_no_script_and_a_style_that_stays_inside():
    text = html.body("Title", gallery())
    found = Read(text)
    assert found.all("script") == found.all("h1") == found.all("nav") == []
    known = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(known) == len(set(known)) > 150
    assert all(re.match(r"bnstat-[0-9a-f]{10}-", name) for name in known)
    assert {attributes["href"][1:] for _, attributes, _ in found.all("a")} <= set(known)
    other = Read(html.body("Another", gallery()))
    assert not set(known) & {attributes["id"] for _, attributes, _ in other.elements if "id" in attributes}
    style = re.sub(r"/\*.*?\*/", "", "".join(found.all("style")[0][2]), flags=re.S)
    selectors = re.findall(r"([^{};]+)\{", re.sub(r"@(media|container)[^{]*\{", "", style))
    assert len(selectors) > 80
    assert all(
        one.strip().startswith(".bnstat")
        for selector in selectors
        for one in re.sub(r"\([^)]*\)", "", selector).split(",")
    )


def test_a_notebook_shows_a_report_and_a_file_is_a_whole_page(write_image, voxels, tmp_path):
    found = bnstat.report(write_image("a.nii", voxels))
    assert found._repr_html_().lstrip().startswith("<style>")
    found.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert Read(text).texts("p", **{"class": "about"})[0].startswith("1 volume1 channel")


def test_the_same_sections_are_the_same_page_so_that_pages_can_be_compared():
    assert html.page("Title", (Section("one", "One", (means(), volumes())),)) == html.page(
        "Title", (Section("one", "One", (means(), volumes())),)
    )
    assert html.body("Title", gallery()) == html.body("Title", gallery())


def test_templates_are_not_read_and_jinja_is_not_imported_before_a_page_is_written():
    late = {"jinja2", "markupsafe", "PIL", "bnstat.renderers.report"}
    code = f"import sys, bnstat, bnstat.cli; print(sorted({late} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_what_is_typed_and_numbers_are_not_broken_into_lines():
    blocks = (
        Paragraph("Type `bnstat layers MODEL --format json`, or add --layers layers.json; the SD is 9.837e-07."),
        Code(f"bnstat report --batch-size 2 {'a-' * 40}b"),
    )
    page = Read(html.page("Title", (Section("one", "One", blocks),)))
    assert page.texts("span", **{"class": "whole"}) == ["--format", "--layers", "9.837e-07", "--batch-size"]
