"""The report as Markdown: every section, names that are markup, and as many characters as a comment may have."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reported import channel, odd, reported

import bnstat
from bnstat.renderers.report import markdown
from bnstat.renderers.report.blocks import (
    Cell,
    Code,
    Column,
    Details,
    FindingCard,
    Heading,
    Items,
    Link,
    Paragraph,
    Picture,
    Pictures,
    Row,
    Section,
    Table,
)
from bnstat.renderers.report.contents import sections_of
from bnstat.reports.finding import Failure
from bnstat.reports.full.made import Made

COHORT = str(Path(__file__).parents[3] / "sample_data" / "cohort")
HOSTILE = [
    "<script>alert(1)</script>.nii.gz",
    "a|b`c*d_e\\f.nii.gz",
    "![x](http://example.org/pixel.png)",
    "[x]: http://example.org",
    "line\nbreak\r\n# heading",
    "```\ncode",
    "</details><img src=x onerror=alert(1)>",
    "@everyone.nii.gz",
    "&lt;b&gt;.nii.gz",
    "\x1b[2J\u202eevil.nii.gz",
]


def written(*blocks, title="Report"):
    return markdown.document(title, (Section("one", "One", blocks),), "12 volumes")


def body(*blocks):
    """What is written of blocks, without what stands before them."""
    return written(*blocks).partition("## One\n\n")[2]


def test_each_section_has_a_heading_in_the_order_of_the_page():
    report = bnstat.report(COHORT, batch_size=2).report
    headings = re.findall(r"^## (.*)$", markdown.render(report), re.MULTILINE)
    assert headings == [section.title for section in sections_of(report)]


def test_it_ends_with_one_newline():
    text = markdown.render(bnstat.report(COHORT).report)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text


def test_a_lead_is_bold_and_a_heading_is_one_level_below():
    assert body(Paragraph("Yes.", lead=True), Heading("Why"), Paragraph("So.")) == "**Yes.**\n\n### Why\n\nSo.\n"


def test_a_table_has_its_caption_and_what_its_headings_mean():
    columns = (Column("name"), Column("ρ", numeric=True, hint="a share"))
    table = Table("t", "All of them.", columns, (Row((Cell("a|b"), Cell("12.5%"))),))
    assert body(table) == "All of them.\n\n| name | ρ |\n| --- | ---: |\n| a\\|b | 12.5% |\n\nρ: a share.\n"


def test_of_many_rows_those_with_findings_come_first_and_the_rest_is_counted():
    rows = [Row((Cell(f"v{place}", tone="warning" if place in (41, 43) else "plain"),)) for place in range(50)]
    lines = body(Table("t", "All.", (Column("name"),), tuple(rows))).splitlines()
    names = [line.strip("| ") for line in lines if line.startswith("| v")]
    assert names[:3] == ["v41", "v43", "v0"]
    assert len(names) == 20
    assert "30 of 50 rows are left out; the HTML page and `--format json` have all." in lines


def test_a_finding_is_an_item_with_its_meaning_and_places():
    card = FindingCard(
        "f", "warning", "BN207", "Odd volume", "it is far", "Look at it.", (Link("case_1", "v"),), "More."
    )
    assert body(card) == ("- **warning BN207 Odd volume:** it is far\\\n  Look at it.\\\n  See: case\\_1.\\\n  More.\n")


def test_what_is_folded_away_is_folded_on_github():
    details = Details("All <b>", (Paragraph("inside"), Items(("a", "b"))))
    assert body(details) == ("<details>\n<summary>All &lt;b&gt;</summary>\n\ninside\n\n- a\n- b\n\n</details>\n")


def test_no_backtick_closes_the_fence_of_a_command():
    assert body(Code("bnstat report '```'")) == "````sh\nbnstat report '```'\n````\n"


def test_pictures_are_counted_and_not_written():
    one = Picture(b"", 2, 2, "a slice")
    text = body(Pictures("p", "Slices", (one, one)), Details("more", (Pictures("q", "Slices", (one,)),)))
    assert text == "3 pictures are in the HTML page.\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_wherever_they_stand(name):
    """No line begins markup that is not ours, and no tag, image, mention or link is left."""
    text = written(
        Paragraph(name),
        Paragraph(name, lead=True),
        Items((name,)),
        Heading(name),
        Table("t", name, (Column(name, hint=name),), (Row((Cell(name),)),)),
        FindingCard("f", "error", "BN101", name, name, name, (Link(name, "v"),), name),
        Details(name, (Paragraph(name),)),
        title=name,
    )
    shown = re.sub(r"^<details>\n<summary>[^<>\n]*(?:<!-- -->[^<>\n]*)?</summary>$|^</details>$", "", text, flags=re.M)
    assert not re.search(r"(?<!\\)<(?!!-- -->)", shown)
    assert not re.search(r"(?<!\\)\]\((?!\\)", shown)
    assert not re.search(r"^\s*(?:-|\d+\.)?\s*\[[^\]]*\]:", shown, re.MULTILINE)
    assert not re.search(r"@\w", shown)
    assert not re.search(r"^`{3}|^~{3}", shown, re.MULTILINE)
    assert not {"\x1b", "\r", "\u202e"} & set(shown)
    assert [line for line in shown.splitlines() if line.startswith("# ")] == [shown.splitlines()[0]]
    assert shown.count("<!-- -->") == shown.count("@")
    (row,) = [line for line in shown.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(re.findall(r"(?<!\\)\|", row)) == 2


@pytest.mark.parametrize("start", ["# a", "- a", "+ a", "= a", "~~~", "1. a", "12) a", "[a]: http://b", "    a"])
def test_a_paragraph_stays_one_whatever_it_begins_with(start):
    line = body(Paragraph(start)).rstrip("\n")
    assert not re.match(r"[#+\-=~\[]|\d+[.)](\s|$)|\s", line)
    assert line.replace("\\", "") == start.strip()


def test_numbers_at_the_start_of_a_text_stay_numbers():
    assert body(Paragraph("0.5 of them")) == "0.5 of them\n"


@pytest.mark.parametrize("length", [20, 300])
def test_it_fits_into_a_comment_whatever_the_number_of_volumes(length):
    sources = [f"{place:04}{'|' * length}.nii.gz" for place in range(400)]
    channels = [[channel(1.0 * place, 2.0, channel=at) for at in range(8)] for place in range(400)]
    findings = [odd(source, at) for source in sources[::3] for at in range(8)]
    errors = [Failure(f"{source}.gz", "cannot be read: " + "_" * 200) for source in sources]
    text = markdown.render(reported(channels, sources, findings=findings, errors=errors))
    assert len(text) <= markdown.MOST_CHARACTERS
    assert "## How this was made" in text
    assert text.count("<details>") == text.count("</details>")


def test_what_still_does_not_fit_is_cut_between_blocks_and_said():
    text = written(*(Paragraph(f"{place} " + "x" * 2000) for place in range(400)))
    assert len(text) <= markdown.MOST_CHARACTERS
    assert text.endswith(
        "The rest is left out, because a comment has room for 65,536 characters; the HTML page and "
        "`--format json` have all.\n"
    )


def test_a_report_without_volumes_says_what_could_not_be_read():
    text = markdown.render(reported([], errors=[Failure("a.nii", "is damaged")]))
    assert "- a.nii: is damaged" in text


def test_it_can_be_written_as_utf_8_whatever_the_names():
    report = replace(reported([[channel(1.0, 2.0)]], ["caf\udce9.nii"]), made=Made(command=("bnstat", "caf\udce9.nii")))
    assert "caf\\\\udce9.nii" in markdown.render(report).encode().decode()


@pytest.mark.parametrize("settings", [{}, {"normalizer": "instance"}, {"normalizer": "weight-init"}])
def test_every_kind_of_data_can_be_written(settings):
    values = np.random.default_rng(0).normal(size=(6, 4, 4, 4, 3)) * [1, 0, 1e-3]
    values[0, 0, 0, 0, 0] = np.nan
    assert markdown.render(bnstat.report(values, **settings).report).startswith("# Normalization statistics\n")
