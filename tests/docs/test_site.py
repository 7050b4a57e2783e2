"""The site builds without a warning, no link of it is dead, and it loads nothing from elsewhere."""

from __future__ import annotations

import json
import re

import build_site
import pytest
import yaml

import docs
from bnstat import version


def test_the_site_builds_without_a_warning_and_has_no_dead_link():
    pytest.importorskip("zensical")
    build_site.build()
    assert list(build_site.problems(build_site.SITE)) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="nothing.html">x</a>', "dead link nothing.html"),
        ('<a href="index.html#nothing">x</a>', "dead link index.html#nothing"),
        ('<img src="nothing.svg">', "no file nothing.svg"),
        ('<script src="https://example.com/a.js"></script>', "loads https://example.com/a.js"),
        ('<link rel="stylesheet" href="//example.com/a.css">', "loads //example.com/a.css"),
    ],
)
def test_what_is_wrong_with_a_page_is_said(tmp_path, body, problem):
    (tmp_path / "index.html").write_text(f'<h2 id="there">x</h2><a href="#there">y</a>{body}')
    found = list(build_site.problems(tmp_path))
    assert any(problem in line for line in found), found


def test_every_page_is_in_the_navigation():
    settings = yaml.safe_load((build_site.ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = set(_files(settings["nav"]))
    assert listed == {path.relative_to(docs.DOCS).as_posix() for path in docs.DOCS.rglob("*.md")}


def _files(nav):
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else _files(value)


@pytest.mark.parametrize(
    "path", sorted(docs.DOCS.rglob("*.md")), ids=lambda path: path.relative_to(docs.DOCS).as_posix()
)
def test_links_between_the_documents_lead_somewhere(path):
    """Also where Zensical is not installed, and as they are read on a code host."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            found = (path.parent / file).resolve() if file else path
            assert found.is_file(), target
            assert not anchor or anchor in _anchors(found), target


def _anchors(path):
    """The names that headings have, on a code host and on the site alike."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_sarif_leads_to_the_pages_of_rules(bnstat_run, monkeypatch):
    """To files in the sources; with an address of the site to the pages that are built from them."""
    monkeypatch.setattr(version, "DOCS", "docs/")
    ran = bnstat_run("check", docs.ROOT / "sample_data/t1_head.nii.gz", "--format", "sarif", "--quiet")
    described = json.loads(ran.out)["runs"][0]["tool"]["driver"]["rules"]
    assert {rule["helpUri"] for rule in described} == {
        f"docs/rules/{path.name}"
        for path in docs.rules.FOLDER.glob("BN[1-4]*")  # of volumes
    }
    monkeypatch.setattr(version, "DOCS", "https://docs.example/bnstat/")
    assert (
        version.page_of_rule("BN101", "zero-variance") == "https://docs.example/bnstat/rules/BN101-zero-variance.html"
    )
