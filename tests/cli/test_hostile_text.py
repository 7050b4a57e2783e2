"""No command, in no format, hands on what steers a terminal, a log, a spreadsheet, a browser or a parser."""

from __future__ import annotations

import csv
import html
import json
import os
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import nibabel
import numpy as np
import pytest
import torch_files
from hostile_names import HOSTILE, WITH_SLASHES
from recorded_steps import entered
from recorded_steps import write as recorded
from renderers.networks import layer, model
from renderers.networks import report as layers_report
from test_escapes import COMMAND, unseen
from unescaped import of_csv

from bnstat.networks.results import Measured
from bnstat.renderers.json import written

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs names that only POSIX systems allow")

FORMATS = ("table", "json", "csv", "markdown", "html")
# Channels of the data set: one name of each kind, since some answers take a second for each channel.
CHANNELS = tuple(
    name
    for name in WITH_SLASHES
    if name.startswith(("\x1b[31m", "\x9b", "new\nline", "sep", "left", "##[", "::error::", "=", "![x](http:/", "</"))
    or "\udce9" in name
)
# Volumes of the data set: enough for findings on odd ones.
VOLUMES = 8
MARKUP = '"><img src=x onerror=alert(1)>'
# What an answer names: `samples` are files, `channels` of a data set, `groups`, `layers`.
CALLS = {
    "inspect-samples": (("inspect", "FILES", "BROKEN"), FORMATS),
    "inspect-channels": (("inspect", "DATASET"), FORMATS),
    "inspect-list": (("inspect", "FILES", "--list"), ("table", "json", "csv", "markdown")),
    "compare-samples": (("compare", "FILES"), FORMATS),
    "compare-groups": (("compare", "plain", "--group-by", "sites.csv:site"), FORMATS),
    "compare-frameworks": (("compare", "DATASET", "--frameworks", "keras,torch"), FORMATS),
    "compare-normalizers": (("compare", "FILES", "--normalizers", "batch,instance"), FORMATS),
    "check-samples": (
        ("check", "FILES", "BROKEN", "--batch-size", "2"),
        (*FORMATS, "jsonl", "junit", "github", "gitlab", "sarif"),
    ),
    "check-channels": (("check", "DATASET"), (*FORMATS, "jsonl", "junit", "github", "gitlab", "sarif")),
    "check-checkpoint": (("check", "model.pt"), (*FORMATS, "jsonl", "junit", "github", "gitlab", "sarif")),
    "checkpoint": (("checkpoint", "model.pt"), FORMATS),
    "checkpoints": (("checkpoint", "model.pt", "other.pt"), FORMATS),
    "layers": (("layers", "run.jsonl"), FORMATS),
    "report-samples": (("report", "FILES", "BROKEN", "--layers", "layers.json"), ("html", "markdown", "json")),
    "report-groups": (("report", "plain", "--group-by", "sites.csv:site"), ("html", "markdown", "json")),
    "settings": (("inspect", "FILES", "--mask", "##[error]\x1b[31m\u202e", "--show-settings"), ("table",)),
}
CASES = [(call, form) for call, (_, formats) in CALLS.items() for form in formats]


def volume(path: Path, place: int) -> None:
    """Write a small volume whose header is hostile too; the last ones are odd, so that findings name them."""
    drawn = np.random.default_rng(place).normal(100, 20, (4, 4, 3)).astype(np.float32)
    image = nibabel.Nifti1Image(drawn * (1000 if place % 5 == 4 else 1), np.eye(4))
    image.header["descrip"] = b"\x1b[31m##[error]" + MARKUP.encode()
    image.header["intent_name"] = b"\x9b::error::\r\n"
    plain = path.parent / "plain.nii"
    nibabel.save(image, plain)
    plain.rename(path)


def escaped_bytes(name: str) -> str:
    """Return a name for a table, which is UTF-8."""
    return name.encode("utf-8", "replace").decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with every hostile name in every place for a name."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "files").mkdir()
    for place, name in enumerate(HOSTILE):
        volume(folder / "files" / f"{name}.nii", place)
    for name in HOSTILE:
        (folder / f"{name}.nii.gz").write_bytes(b"no volume: \x1b[31m")
    images = folder / "set/imagesTr"
    images.mkdir(parents=True)
    (folder / "plain").mkdir()
    for case in range(len(WITH_SLASHES)):
        volume(folder / f"plain/case_{case:03}.nii", case)
    for case in range(VOLUMES):
        drawn = np.random.default_rng(case).normal(100, 20, (3, 3, 2)).astype(np.float32)
        for channel in range(len(CHANNELS)):  # one channel is odd: how many samples it needs takes a second to tell
            one = nibabel.Nifti1Image(drawn * (1 + 500 * (case == 2 and channel == 0)), np.eye(4))
            nibabel.save(one, images / f"case_{case:03}_{channel:04}.nii")
    description = {
        "channel_names": {str(place): name for place, name in enumerate(CHANNELS)},
        "labels": {"background": 0, **{name: place + 1 for place, name in enumerate(WITH_SLASHES)}},
        "numTraining": VOLUMES,
        "file_ending": ".nii",
        "name": "\x1b[31m##[error]",
    }
    (folder / "set/dataset.json").write_text(json.dumps(description), encoding="utf-8")
    with (folder / "sites.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "site"])
        rows.writerows([f"case_{case:03}", escaped_bytes(name)] for case, name in enumerate(WITH_SLASHES))
    names = [name for name in WITH_SLASHES if name.isascii()]
    for file, seed in (("model.pt", 0), ("other.pt", 1)):
        tensors = {
            f"{name}.{key}": value for name in names for key, value in torch_files.batch_norm(4, seed=seed).items()
        }
        torch_files.written(folder / file, torch_files.state_dict(tensors))
    noise = np.random.default_rng(0)
    steps = [(step, [entered(noise.normal(size=(2, 2, 8)), name) for name in names]) for step in range(12)]
    recorded(folder / "run.jsonl", steps, layers=tuple(names))
    found = tuple(layer(name, 8, rho=0.2, batches=((1, 0.5), (4, 0.2))) for name in names)
    told = layers_report(Measured(model(names[0], weights=names[-1]), found))
    (folder / "layers.json").write_text(written(told.to_dict()), encoding="utf-8")
    return folder


def call_of(call: str) -> list[str]:
    """Return the arguments of a call; FILES and BROKEN stand for all files of these kinds."""
    named = {
        "FILES": [f"files/{name}.nii" for name in HOSTILE],
        "BROKEN": [f"{name}.nii.gz" for name in HOSTILE[:12]],
        "DATASET": ["set"],
    }
    return [one for part in CALLS[call][0] for one in named.get(part, [part])]


def require_harmless(shown: str, form: str = "") -> None:
    """Require that nothing in an answer is unseen, and that no line of it is a command but those of GitHub's format."""
    assert not unseen(shown), sorted(unseen(shown))
    lines = shown.split("\n")
    found = [line for line in lines if COMMAND.search(line)]
    if form == "github":
        found = [line for line in found if not re.match(r"::(error|warning|notice) [^:]*::(?!.*##\w*\[)", line)]
    assert not found


@pytest.mark.parametrize(("call", "form"), CASES)
def test_no_name_and_no_message_steers_who_reads_an_answer(world, monkeypatch, bnstat_run, call, form):
    monkeypatch.chdir(world)
    monkeypatch.setenv("COLUMNS", "100")
    wide = ("--all",) if form == "table" and call not in ("inspect-list", "settings") else ()
    ran = bnstat_run(*call_of(call), *wide, "--format", form, *_page_of(call, form))
    shown = Path("page.html").read_text(encoding="utf-8") if _page_of(call, form) else ran.out
    assert ran.code in (0, 1, 3), ran.err
    assert shown.strip(), ran.err
    require_harmless(shown, form)
    require_harmless(ran.err)
    if form in READ:
        READ[form](shown, call)


def _page_of(call: str, form: str) -> tuple[str, ...]:
    return ("-o", "page.html") if call.startswith("report") and form == "html" else ()


# --- What each format must be to those who read it ----------------------------------------------------------------


def _named_in(call: str) -> set[str]:
    """Return the names that a complete answer of a call has, each by itself."""
    if "samples" in call or "list" in call:
        return {f"files/{name}.nii" for name in HOSTILE}
    if "channels" in call:
        return set(CHANNELS)
    return set()


def _every_text(document: object) -> set[str]:
    if isinstance(document, dict):
        return set(document) | set().union(*map(_every_text, document.values()))
    if isinstance(document, list):
        return set().union(*map(_every_text, document))
    return {document} if isinstance(document, str) else set()


def read_json(shown: str, call: str) -> None:
    texts = _every_text(json.loads(shown))
    if call != "check-channels" and not call.startswith("report") and call != "compare-samples":
        assert _named_in(call) <= texts


def read_lines(shown: str, call: str) -> None:
    for line in shown.splitlines():
        assert json.loads(line)["status"] == "new", call


def read_csv(shown: str, call: str) -> None:
    header, *rows = csv.reader(shown.splitlines())
    assert all(len(row) == len(header) for row in rows)
    texts = {of_csv(cell) for row in rows for cell in row}
    if call in ("inspect-samples", "inspect-list"):
        assert _named_in(call) <= texts
    for cell in (cell for row in rows for cell in row if not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", cell)):
        assert not re.match(r"[=+\-@]", cell), cell


def read_markdown(shown: str, call: str) -> None:
    shown = shown.replace("<!-- -->", "")
    outside = re.sub(r"(?ms)^(`{3,}).*?^\1$|(?<!\\)`[^`\n]*(?<!\\)`", "", shown)
    assert not re.search(r"(?<!\\)<(?!br>|/?details>|/?summary>|sub>)[a-z/!]", outside), call
    assert not re.search(r"(?<!\\)\]\((?!#|https?://)|(?<!\\)`|\bwww\.|:/(?=/)", outside), outside
    for above, line in pairwise(shown.split("\n")):
        if line.startswith("|") and above.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == len(re.findall(r"(?<!\\)\|", above)), line


def read_html(shown: str, call: str) -> None:
    outside = re.sub(r"(?s)<(style|script)\b.*?</\1>", "", shown)
    assert not re.search(r"(?i)<(img(?! [^>]*src=\"data:)|svg onload|script|iframe)\b", outside), call
    assert not re.search(r"(?i)<[^>]*\son\w+\s*=", re.sub(r'"[^"]*"', '""', outside))
    assert not html.unescape(outside).count("\x1b")


def read_xml(shown: str, call: str) -> None:
    root = ElementTree.fromstring(shown)
    assert root.tag == "testsuites", call


READ = {
    "json": read_json,
    "gitlab": read_json,
    "sarif": lambda shown, _: json.loads(shown),
    "jsonl": read_lines,
    "csv": read_csv,
    "markdown": read_markdown,
    "html": read_html,
    "junit": read_xml,
}
READ["gitlab"] = READ["sarif"]


# --- Files that are read again, and what is typed -----------------------------------------------------------------


def test_a_file_of_moments_is_harmless_and_gives_back_every_name(world, monkeypatch, bnstat_run, tmp_path):
    monkeypatch.chdir(world)
    for names, kept in ((call_of("inspect-samples")[1 : 1 + len(HOSTILE)], "m.jsonl"), (["set"], "c.jsonl")):
        assert bnstat_run("scan", *names, "-o", tmp_path / kept).code == 0
        require_harmless((tmp_path / kept).read_text(encoding="utf-8"))
    samples = json.loads(bnstat_run("inspect", tmp_path / "m.jsonl", "--format", "json").out)["samples"]
    assert [one["source"] for one in samples] == [f"files/{name}.nii" for name in HOSTILE]
    samples = json.loads(bnstat_run("inspect", tmp_path / "c.jsonl", "--format", "json").out)["samples"]
    assert samples[0]["channels"] == list(CHANNELS)


def test_a_baseline_is_harmless_and_knows_every_name_again(world, monkeypatch, bnstat_run, tmp_path):
    monkeypatch.chdir(world)
    call = [
        *call_of("check-samples")[: 1 + len(HOSTILE)],
        "--fail-on",
        "note",
        "--baseline",
        tmp_path / "b.json",
    ]
    bnstat_run(*call, "--update-baseline")
    require_harmless((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert bnstat_run(*call).code == 0


@pytest.mark.parametrize("name", WITH_SLASHES, ids=range(len(WITH_SLASHES)))
def test_what_is_typed_wrong_is_told_without_obeying_it(world, monkeypatch, bnstat_run, name):
    monkeypatch.chdir(world)
    for call in (
        (name,),
        ("inspect", f"missing{name}"),
        ("inspect", "files", "--framework", name),
        ("inspect", "files", f"--{name}"),
        ("inspect", "files", "--config", f"{name}.toml"),
        ("compare", "set", "--group-by", f"{name}.csv:{name}"),
        ("check", "files", "--baseline", f"{name}/b.json"),
        ("check", "files", "--select", name),
        ("inspect", "files", "-q", "-o", f"missing/{name}"),
        ("explain", name),
        ("plan", "--patch", name),
        ("checkpoint", f"{name}.pth"),
        ("layers", f"{name}:{name}", "files"),
    ):
        ran = bnstat_run(*call)
        assert ran.code in (0, 2, 3), call
        require_harmless(ran.err)
        require_harmless(ran.out)
