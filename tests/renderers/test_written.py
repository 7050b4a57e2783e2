"""Answers as files."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.errors import OutputError, UsageError
from bnstat.renderers.written import refuse_ending, write_text

resource = pytest.importorskip("resource")


@pytest.fixture
def full_disk():
    """Let no file grow beyond 1,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("before", [None, "the page of yesterday"])
def test_no_part_of_a_page_replaces_one_if_the_disk_is_full(tmp_path, before):
    page = tmp_path / "page.html"
    if before is not None:
        page.write_text(before)
    with pytest.raises(OutputError, match=r"page\.html: cannot be written: File too large; give another file"):
        write_text("x" * 100_000, page, "; give another file")
    assert [one.read_text() for one in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_file_that_cannot_be_opened_stays_as_it_is(tmp_path):
    (tmp_path / "file").write_text("as it is")
    with pytest.raises(OutputError, match="cannot be written: Not a directory"):
        write_text("x", tmp_path / "file" / "page.html")
    assert (tmp_path / "file").read_text() == "as it is"


@pytest.mark.parametrize("file", ["", "a\0b.html"])
def test_a_name_that_no_file_can_have_is_refused(file):
    with pytest.raises(OutputError):
        write_text("x", file)


def test_what_utf_8_cannot_say_is_escaped(tmp_path):
    write_text("a\udcffb", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == r"a\udcffb"


@pytest.mark.parametrize("name", ["page.pdf", "page.html.gz", "plot.PNG", "case.nii.gz"])
def test_a_page_is_not_named_as_another_kind_of_file(tmp_path, name):
    with pytest.raises(UsageError, match=r"a report is HTML, Markdown or JSON, and no \.\w+ file"):
        refuse_ending(name)
    page = bnstat.report(np.arange(8.0).reshape(1, 2, 2, 2))
    with pytest.raises(UsageError):
        page.save(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["page", "page.html", "page.md", "page.v2", "/dev/stdout"])
def test_other_names_are_taken(name):
    refuse_ending(name)
