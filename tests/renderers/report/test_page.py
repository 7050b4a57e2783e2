"""The page in Python: what a notebook shows, and the files that it is saved in."""

from __future__ import annotations

import json
import sys

import nibabel as nib
import numpy as np
import pytest

import bnstat


@pytest.fixture(scope="module")
def page():
    rng = np.random.default_rng(0)
    return bnstat.report([nib.Nifti1Image(rng.normal(5.0, 1.0, (5, 4, 3)), np.eye(4)) for _ in range(3)], batch_size=2)


def test_a_notebook_shows_the_page_and_a_terminal_a_line(page):
    assert repr(page) == "<ReportPage: 3 samples, 0 findings>"
    shown = page._repr_html_()
    assert "Normalization statistics" in shown
    assert "<html" not in shown


def test_the_name_of_the_file_chooses_what_is_saved(page, tmp_path):
    page.save(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == page.to_html()
    page.save(tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text(encoding="utf-8") == page.to_markdown()
    page.save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == page.to_dict()


def test_a_file_that_cannot_be_written_is_an_error_of_bnstat(page, tmp_path):
    with pytest.raises(bnstat.OutputError, match="cannot be written"):
        page.save(tmp_path / "none" / "r.html")


def test_a_page_without_jinja2_says_what_to_install(page, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "bnstat.renderers.report.html", raising=False)
    with pytest.raises(ImportError, match=r"needs jinja2; pip install 'bnstat\[report\]'"):
        page.to_html()
    page.save(tmp_path / "r.md")
