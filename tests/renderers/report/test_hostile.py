"""Names and texts of files are shown as text on the page, whatever they are: never as markup or as a template."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import nibabel
import numpy as np
import pytest
from renderers.networks import layer, model, report
from report_page import islands, parsed

import bnstat
from bnstat.networks.results import Measured
from bnstat.renderers.json import written
from bnstat.renderers.report import html, markdown
from bnstat.text import printable

ROOT = Path(__file__).parents[3]
COHORT = ROOT / "sample_data/cohort"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs names that only POSIX systems allow")

SCRIPT = "<script>alert(1)<"
MARKUP = '"><img src=x onerror=alert(1)>'
NAMES = (
    "<script>alert(1)<\u2215script>",  # a slash that a file may have in its name
    "\"double\" and 'single'",
    "a & b &lt; &amp;",
    "new\nline",
    "\x1b[31mred\x1b[0m\x07",
    "left\u202eright\u2028next",
    "x" * 240,
    "{{ 7*7 }}{% raw %}${7*7}",
    "[link](javascript:alert(1)) `code` *b* _i_ | cell | ~~s~~",
    "-->\x3c!--]]>",
    os.fsdecode(b"caf\xe9\xff"),
    "' onmouseover='alert(1)",
)
CASES = 12
# What batches do is the same whatever the names.
FEW = 10
HOSTILE = (*NAMES, "<script>alert(1)</script>", "</script><b>", "</title></style><svg onload=alert(1)>", MARKUP)
# A table has no line breaks within a name, and is UTF-8.
SITES = tuple(name for name in HOSTILE if name.encode(errors="replace").decode() == name == " ".join(name.split()))


def volumes(folder: Path, names: tuple[str, ...], *, odd: int | None = None) -> list[str]:
    """Write small volumes; an odd one is a thousand times as bright as the others, and has findings."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        drawn = np.random.default_rng(place).normal(100, 20, (6, 5, 4)).astype(np.float32)
        image = nibabel.Nifti1Image(drawn * (1000 if place == odd else 1), np.eye(4))
        image.header["descrip"] = MARKUP[:79].encode()
        image.header["intent_name"] = SCRIPT[:15].encode()
        nibabel.save(image, folder / f"plain_{place:02}.nii.gz")
        (folder / f"plain_{place:02}.nii.gz").rename(folder / f"{name}.nii.gz")
    return [str(folder / f"{name}.nii.gz") for name in names]


def plain(folder: Path, count: int = 12) -> list[str]:
    """Write as many volumes with harmless names, of which the first one is odd."""
    return volumes(folder, tuple(f"case_{place:02}" for place in range(count)), odd=0)


def elements(page: str) -> set[tuple[str, str]]:
    """Return the elements of a page, each with each of its attributes."""
    return {(one.tag, name) for one in parsed(page).all() for name in ("", *one.attributes)}


def safe(page: str, like: str) -> str:
    """Require that a page has the elements and attributes of a harmless one and no others; return its text."""
    root = parsed(page)
    icons = {one.attributes["href"] for one in parsed(like).all("link")}
    assert elements(page) <= elements(like)
    assert sum(1 for _ in root.all("script")) == sum(1 for _ in parsed(like).all("script"))
    for one in root.all():
        assert not any(name.startswith("on") for name in one.attributes), one
        for name in ("href", "src", "xlink:href", "action"):
            target = one.attributes.get(name, "")
            assert target in icons or re.match(r"#|data:image/png;base64,|$", target), one
    for island in re.findall(r"<script[^>]*json[^>]*>(.*?)</script>", page, re.DOTALL):
        assert not set("<>&") & set(island)
    assert islands(root) is not None
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e\u2028]", page)
    page.encode("utf-8")
    return root.text


def squeezed(text: str) -> str:
    return " ".join(text.split())


def test_volumes_of_any_name_are_shown_as_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    like = bnstat.report(plain(Path("plain")), draws=FEW).to_html()
    for odd, name in enumerate(NAMES):
        page = bnstat.report(volumes(Path(f"odd_{odd}"), NAMES, odd=odd), draws=FEW).to_html()
        shown = safe(page, like)
        for one in (name, NAMES[0]):
            assert squeezed(printable(one)) in shown
        assert "49" not in re.findall(r"odd_\d+/(\d+)", shown)


def test_a_volume_that_is_called_as_a_script_is_in_a_folder_too(tmp_path, monkeypatch):
    """A slash is a folder for a file system: `<script>alert(1)</script>.nii.gz` is a file in a folder."""
    monkeypatch.chdir(tmp_path)
    like = bnstat.report(plain(Path("plain")), draws=FEW).to_html()
    volumes(Path("<script>alert(1)<"), ("script>", *(f"case_{place}" for place in range(12))), odd=0)
    page = bnstat.report([str(path) for path in sorted(Path("<script>alert(1)<").iterdir())]).to_html()
    assert "<script>alert(1)</script>.nii.gz" in safe(page, like)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.nii.gz" in page


def test_names_of_channels_and_groups_are_shown_as_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    harmless = tuple(f"channel {place}" for place in range(len(HOSTILE)))
    like = bnstat.report(_named(Path("plain"), harmless), group_by=_sites(harmless), draws=FEW).to_html()
    named = bnstat.report(_named(Path("named"), HOSTILE), group_by=_sites(SITES), draws=FEW).to_html()
    shown = safe(named, like)
    for name in HOSTILE:
        assert squeezed(printable(name)) in shown
    for name in SITES[:CASES]:
        assert squeezed(printable(f"site {name}")) in shown


@pytest.mark.parametrize("title", HOSTILE)
def test_a_title_is_shown_as_text(title):
    report = bnstat.report(str(ROOT / "sample_data/mri_unit_range.nii.gz")).report
    shown = safe(html.render(replace(report, title=f"About {title}")), html.render(report))
    assert squeezed("\n".join(map(printable, f"About {title}".split("\n")))) in shown


def _named(folder: Path, names: tuple[str, ...]) -> str:
    """Write a data set in nnU-Net's layout, whose channels have names."""
    (folder / "imagesTr").mkdir(parents=True)
    for case in range(CASES):
        numbers = np.random.default_rng(case)
        for channel in range(len(names)):
            drawn = numbers.normal(100, 20, (4, 4, 3)).astype(np.float32) * (1 + 50 * (case == channel))
            file = folder / f"imagesTr/case_{case:03}_{channel:04}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(drawn, np.eye(4)), file)
    description = {
        "channel_names": {str(place): name for place, name in enumerate(names)},
        "labels": {"background": 0},
        "numTraining": CASES,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return str(folder)


def _sites(names: tuple[str, ...]) -> str:
    """Write a table with a site for each case."""
    with Path("sites.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "site"])
        rows.writerows([f"case_{case:03}", f"site {name}"] for case, name in enumerate(names[:CASES]))
    return "sites.csv:site"


def test_messages_on_files_that_cannot_be_read_are_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    harmless = plain(Path("plain"))
    shutil.copy(harmless[0], "copy.nii.gz")
    Path("broken.nii.gz").write_bytes(b"no volume")
    like = bnstat.report([*harmless, "broken.nii.gz"]).to_html()
    files = volumes(Path("given"), NAMES)
    for file in files[1:4]:
        Path(file).write_bytes(b"<script>alert(1)</script>")
    page = bnstat.report(files)
    assert len(page.report.errors) == 3
    shown = safe(page.to_html(), like)
    for file in files[1:4]:
        assert squeezed(printable(file)) in shown


def test_names_in_a_file_of_layers_are_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = plain(Path("plain"))
    names = [name for name in HOSTILE if name.isascii()]

    def with_layers(names: list[str]) -> str:
        layers = tuple(layer(name, 8, rho=0.2, batches=((1, 0.5), (4, 0.2))) for name in names)
        found = report(Measured(model(names[0], weights=names[-1]), layers))
        Path("layers.json").write_text(written(found.to_dict()), encoding="utf-8")
        return bnstat.report(given, layers="layers.json").to_html()

    shown = safe(with_layers(names), with_layers([f"encoder.{place}" for place in range(len(names))]))
    for name in names:
        assert squeezed(printable(name)[:20]) in shown  # long names of layers are cut, as by `bnstat layers`


@pytest.mark.parametrize("name", NAMES)
def test_markdown_has_no_markup_of_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    names = tuple(f"{name}{place}" if len(name) < 200 else f"{name[:200]}{place}" for place in range(9))
    told = bnstat.report(volumes(Path("given"), names, odd=3)).report
    text = markdown.render(replace(told, title=MARKUP))
    assert not re.search(r"(?<!\\)<(?!br>|/?details>|/?summary>|sub>)[a-z/!]", text), text
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202e\u2028]", text)
    assert not re.search(r"(?<!\\)\]\((?!#|https?://)", text)
    lines = text.splitlines()
    for above, line in pairwise(lines):
        if line.startswith("|") and above.startswith("|"):
            assert _columns(line) == _columns(above), line


def _columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_no_absolute_path_is_in_a_page_unless_one_was_given(tmp_path, monkeypatch, bnstat_run, form):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(COHORT, "cohort")
    Path("cohort/broken.nii.gz").write_bytes(b"no volume")
    Path("sites.csv").write_text("case,site\n" + "".join(f"case_{case:02},{case % 2}\n" for case in range(12)))
    options = ("--group-by", "sites.csv:site", "--format", form, "-o", "page")
    bnstat_run("report", "cohort", *options)
    written_page = Path("page").read_text(encoding="utf-8")
    for place in (tmp_path, tmp_path.resolve(), Path.home(), ROOT):
        assert str(place) not in written_page
    assert "cohort/broken.nii.gz" in written_page.replace("\\", "")
    bnstat_run("report", tmp_path / "cohort", *options)
    assert str(tmp_path) in Path("page").read_text(encoding="utf-8").replace("\\", "")
