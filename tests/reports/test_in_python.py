"""What a report is in Python: a line, a dictionary that is its JSON, a data frame, and a table in a notebook."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import bnstat
from bnstat.cli import run
from bnstat.cli.messages import spelled
from bnstat.reports.documents.document import Document
from bnstat.reports.documents.html import MOST_ROWS

SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"
EVIL = "<script>alert('x')</script>.npy"


@pytest.fixture
def cohort(tmp_path, monkeypatch):
    """Six samples of two channels in a file whose name is markup, one of them constant in one channel."""
    monkeypatch.chdir(tmp_path)
    array = np.random.default_rng(2).normal(5.0, 1.0, (6, 4, 4, 4, 2))
    array[0, ..., 1] = 3.0
    (tmp_path / "<script>alert('x')<").mkdir()
    np.save(tmp_path / EVIL, array)
    return EVIL


def commands(cohort):
    """Each report, and the command that prints it."""
    yield bnstat.diagnose(cohort, batch_size=2), ["inspect", cohort, "--batch-size", "2"]
    yield bnstat.diagnose(cohort, normalizer="layer"), ["inspect", cohort, "--normalizer", "layer"]
    yield bnstat.compare(cohort, steps=20), ["compare", cohort, "--steps", "20"]
    for by, values in (("epsilons", "0.001,1e-05"), ("normalizers", "batch,instance"), ("frameworks", "keras,torch")):
        compared = bnstat.compare_layers(cohort, by=by, values=values.split(","))
        yield compared, ["compare", cohort, f"--{by}", values]
    yield bnstat.check(cohort), ["check", cohort]
    yield bnstat.plan((64, 64, 64), levels=5), ["plan", "--patch", "64x64x64", "--levels", "5"]
    yield bnstat.explain(), ["explain"]
    yield bnstat.explain("BN101", "small-batch"), ["explain", "BN101", "small-batch"]


def reports(cohort, tmp_path):
    yield from (report for report, _ in commands(cohort))
    yield bnstat.collect(cohort, tmp_path / "m.jsonl")


def test_the_dictionary_of_a_report_is_the_json_of_its_command(cohort, capsys):
    for report, command in commands(cohort):
        run([*command, "--format", "json"])
        written = json.loads(capsys.readouterr().out)
        notes = [spelled(note) for note in report.notes]  # the command line names options
        assert report.to_dict() | ({"notes": notes} if "notes" in written else {}) == written, command
        assert list(report.to_dict()) == list(json.loads(json.dumps(report.to_dict())))


def test_numbers_of_numpy_in_settings_are_numbers_in_json(cohort):
    two, array = np.int64(2), np.array([1, 2])
    given = bnstat.diagnose(cohort, batch_size=two, ranks=two, axis=-two // 2, seed=two)
    assert json.dumps(given.to_dict()) == json.dumps(bnstat.diagnose(cohort, batch_size=2, ranks=2, seed=2).to_dict())
    for report in (
        bnstat.compare(cohort, batch_sizes=array, steps=two, draws=two, tolerance_noise=np.float32(0.5)),
        bnstat.compare_layers(cohort, by="epsilons", values=array, batch_size=two),
        bnstat.check(cohort, batch_size=two, steps=two),
        bnstat.plan(16 * array, levels=two, batch_size=two),
        bnstat.plan((16, 16), strides=array),
    ):
        assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_a_report_is_one_short_line(cohort, tmp_path):
    for report in reports(cohort, tmp_path):
        assert isinstance(report, Document)
        notes = len(report.notes)
        there = f", {notes} note{'' if notes == 1 else 's'} to read in .notes" if notes else ""
        assert repr(report) == f"<{type(report).__name__}: {report.summary}{there}>"
        assert len(repr(report)) < 200
        assert "\n" not in repr(report)
    assert repr(bnstat.diagnose(cohort, batch_size=2)).startswith(
        "<Report: batch norm as in Keras, 3 batches of 2, 6 samples, "
    )
    some = bnstat.diagnose([cohort, "none.npy"])
    assert repr(some).endswith(", 1 input cannot be read, 1 note to read in .notes>")


def test_a_data_frame_has_the_rows_of_the_csv_table(cohort, capsys):
    pytest.importorskip("pandas")
    for report, command in commands(cohort):
        run([*command, "--format", "csv"])
        rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
        frame = report.to_pandas()
        assert list(frame.columns) == rows[0], command
        assert len(frame) == len(rows) - 1
    frame = bnstat.diagnose(cohort, batch_size=2).to_pandas()
    assert list(zip(frame["batch"], frame["channel"], strict=True)) == [(b, c) for b in range(3) for c in range(2)]
    assert frame["variance"].dtype == np.float64
    sizes = bnstat.compare(cohort, batch_sizes=[1, 2]).to_pandas()
    assert list(sizes["batch_size"]) == [1, 1, 2, 2]


def test_undefined_numbers_are_nan_in_a_data_frame():
    pytest.importorskip("pandas")
    array = np.ones((1, 4, 4, 4, 1))
    array[0, 0, 0, 0, 0] = np.nan
    assert math.isnan(bnstat.diagnose(array).to_pandas()["variance"][0])
    assert len(bnstat.check(np.random.default_rng(0).normal(size=(2, 4, 4, 4, 1))).to_pandas().columns) == 12


def test_without_pandas_it_is_said_what_to_install(cohort, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas; pip install 'bnstat\[pandas\]'"):
        bnstat.diagnose(cohort).to_pandas()


class Shown(HTMLParser):
    """The elements and the texts of a page, and the rows of its table."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)
        self.rows = self.tags.count("tr") - self.tags.count("thead")

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert all(name == "style" for name, _ in attrs)  # nothing is fetched

    def handle_data(self, data):
        self.texts.append(data)


def test_a_notebook_shows_a_table_in_which_names_are_no_markup(cohort, tmp_path):
    for report in reports(cohort, tmp_path):
        page = report._repr_html_()
        shown = Shown(page)
        assert set(shown.tags) <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
        assert f"{type(report).__name__}: {report.summary}" in shown.texts
        assert shown.rows == min(len(report.to_rows()), MOST_ROWS)
    assert EVIL in Shown(bnstat.diagnose(cohort)._repr_html_()).texts
    long = bnstat.diagnose(np.random.default_rng(0).normal(size=(15, 4, 4, 2)))
    assert any("and 10 more rows; to_pandas() has all" in text for text in Shown(long._repr_html_()).texts)


def test_a_scan_follows_its_schema(cohort, tmp_path):
    found = bnstat.collect([cohort, "none.npy"], tmp_path / "m.jsonl").to_dict()
    schema = json.loads((SCHEMAS / "bnstat.scan-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema, cls=jsonschema.Draft202012Validator)
    assert (found["cases"], found["samples"], len(found["errors"])) == (1, 6, 1)


@pytest.mark.parametrize(
    "code",
    [
        "bnstat.explain('BN101').to_dict()",
        "print(bnstat.explain()._repr_html_())",
        "bnstat.plan((64, 64, 64), levels=5).to_dict()",
    ],
)
def test_what_needs_no_data_needs_no_numpy(code):
    code = f"import sys, bnstat; {code}; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_notes_of_an_array_name_parameters_in_python_and_options_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    volume = np.random.default_rng(0).normal(size=(5, 6, 7))
    report = bnstat.diagnose(volume)
    assert repr(report).endswith(", 1 note to read in .notes>")
    assert report.notes == (
        "array 1 has shape (5, 6, 7): its axis 0 is read as the batch, so it is 5 samples; "
        'if it is one volume, use `batch_axis="none"`',
    )
    assert "<p>note: array 1 has shape (5, 6, 7)" in report._repr_html_()
    whole = bnstat.diagnose(volume, batch_axis="none")
    assert not whole.notes
    assert "note" not in repr(whole)

    np.save("volume.npy", volume)
    run(["inspect", "volume.npy", "--format", "json"])
    out, err = capsys.readouterr()
    (note,) = json.loads(out)["notes"]
    assert note.endswith("if it is one volume, use --batch-axis none")
    assert note in err
