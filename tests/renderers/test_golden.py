"""One report, every renderer, the whole output.

After a change on purpose: `python tests/renderers/refresh.py`, and read the difference before committing it.
"""

from __future__ import annotations

from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
from renderers import networks
from renderers.checked import in_a_repository, many, verdict
from renderers.recorded import recording
from renderers.sample import grouped, layered, report

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.renderers import csv, json
from bnstat.renderers.check import github, gitlab, jsonl, junit, sarif
from bnstat.renderers.check import markdown as check_markdown
from bnstat.renderers.check import table as check_table
from bnstat.renderers.compare_layers import markdown as layers_markdown
from bnstat.renderers.compare_layers import table as layers_table
from bnstat.renderers.frameworks import markdown as frameworks_markdown
from bnstat.renderers.frameworks import table as frameworks_table
from bnstat.renderers.inspect import markdown, table
from bnstat.renderers.layers import markdown as network_markdown
from bnstat.renderers.layers import table as network_table
from bnstat.renderers.recording import markdown as recording_markdown
from bnstat.renderers.recording import table as recording_table
from bnstat.renderers.report import markdown as report_markdown
from bnstat.reports.frameworks import Presets
from bnstat.reports.full.made import Made

GOLDEN = Path(__file__).parent / "golden"


def frameworks():
    return layered("frameworks", "keras", "torch", "flax", "haiku", "keras-jax")


def normalizers():
    return layered("normalizers", "batch", "instance", "layer", "group:2", batch_size=3)


def epsilons():
    return layered("epsilons", "1e-3", "1e-5", "1e-8", framework="torch", axis=4)


def intensities():
    return layered(
        "intensities", "none", "zscore", "clip:-1,1|minmax", "0=clip:-1,1|minmax;1=scale:2,3;*=zscore", "noNorm"
    )


def full_report():
    """The page on the cohort of two scanners, made on a day and in a time that stay."""
    command = ("bnstat", "report", "sample_data/cohort", "--framework", "torch", "--batch-sizes", "2,4")
    with chdir(Path(__file__).parents[2]):
        found = bnstat.report("sample_data/cohort", framework="torch", batch_sizes=[2, 4]).report
    made = Made(command, 1.5, "2026-11-29", (("batch-sizes", "2,4"), ("framework", "torch")))
    return report_markdown.render(replace(found, made=made)).replace(bnstat.__version__, "VERSION")


RENDERED = {
    "table-80.txt": lambda: table.render(report(), width=80),
    "table-120.txt": lambda: table.render(report(), width=120),
    "table-60.txt": lambda: table.render(report(), width=60),
    "table-color.txt": lambda: table.render(report(), width=100, color=True),
    "report.json": lambda: json.render(report()),
    "report.csv": lambda: csv.render(report()),
    "report.md": lambda: markdown.render(report()),
    "groups-80.txt": lambda: table.render(grouped(), width=80),
    "groups.md": lambda: markdown.render(grouped()),
    "groups.csv": lambda: csv.render(grouped()),
    "groups.json": lambda: json.render(grouped()),
    "frameworks-80.txt": lambda: frameworks_table.render(Presets(tuple(FRAMEWORKS.values())), width=80),
    "framework-80.txt": lambda: frameworks_table.render(Presets((FRAMEWORKS["torch-instance-track"],), True), width=80),
    "compare-frameworks-80.txt": lambda: layers_table.render(frameworks(), width=80),
    "compare-frameworks.md": lambda: layers_markdown.render(frameworks()),
    "compare-normalizers-80.txt": lambda: layers_table.render(normalizers(), width=80),
    "compare-normalizers.md": lambda: layers_markdown.render(normalizers()),
    "compare-epsilons-80.txt": lambda: layers_table.render(epsilons(), width=80),
    "compare-epsilons.md": lambda: layers_markdown.render(epsilons()),
    "compare-intensities-80.txt": lambda: layers_table.render(intensities(), width=80),
    "compare-intensities-60.txt": lambda: layers_table.render(intensities(), width=60),
    "compare-intensities.md": lambda: layers_markdown.render(intensities()),
    "frameworks.md": lambda: frameworks_markdown.render(Presets(tuple(FRAMEWORKS.values()))),
    "check-80.txt": lambda: check_table.render(verdict(), width=80),
    "check-all.txt": lambda: check_table.render(verdict(), width=80, every_row=True),
    "check-color.txt": lambda: check_table.render(verdict(), width=80, color=True),
    "check-many.txt": lambda: check_table.render(many(), width=80),
    "check.json": lambda: json.render(verdict()),
    "check.jsonl": lambda: jsonl.render(verdict()),
    "check.csv": lambda: csv.render(verdict()),
    "check.md": lambda: check_markdown.render(verdict()),
    "check.xml": lambda: junit.render(verdict()),
    "check-github.txt": lambda: in_a_repository(github.render, verdict()),
    "check-gitlab.json": lambda: in_a_repository(gitlab.render, verdict()),
    "layers-80.txt": lambda: network_table.render(networks.unet(), width=80),
    "layers-160.txt": lambda: network_table.render(networks.unet(), width=160),
    "layers-60.txt": lambda: network_table.render(networks.unet(), width=60),
    "layers-color.txt": lambda: network_table.render(networks.refusing(), width=100, color=True),
    "layers-not-switched-80.txt": lambda: network_table.render(networks.unet(switch=False), width=80),
    "layers-instance-80.txt": lambda: network_table.render(networks.instance(), width=80),
    "layers-exported-80.txt": lambda: network_table.render(networks.exported(), width=80),
    "layers-refusing-80.txt": lambda: network_table.render(networks.refusing(), width=80),
    "layers-untrained-80.txt": lambda: network_table.render(networks.untrained(), width=80),
    "layers-deep-80.txt": lambda: network_table.render(networks.deep(), width=80),
    "layers.md": lambda: network_markdown.render(networks.unet()),
    "layers.json": lambda: json.render(networks.refusing()),
    "layers.csv": lambda: csv.render(networks.refusing()),
    "recording-80.txt": lambda: recording_table.render(recording(), width=80),
    "recording-120.txt": lambda: recording_table.render(recording(), width=120),
    "recording-60.txt": lambda: recording_table.render(recording(), width=60),
    "recording.md": lambda: recording_markdown.render(recording()),
    "recording.csv": lambda: csv.render(recording()),
    "full-report.md": full_report,
    "check.sarif": lambda: in_a_repository(sarif.render, verdict()),
}


@pytest.mark.parametrize("name", RENDERED)
def test_the_output_is_the_golden_text(name):
    assert shown(name) == (GOLDEN / name).read_text(encoding="utf-8")


def shown(name):
    """What a user sees, without the version; what is no Unicode is escaped, as the command does when it writes."""
    rendered = RENDERED[name]().replace(f'"version": "{bnstat.__version__}"', "VERSION")
    return rendered.encode("utf-8", "backslashreplace").decode("utf-8")


def test_every_golden_text_has_its_renderer():
    assert {path.name for path in GOLDEN.iterdir()} == set(RENDERED)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(len(line) for line in table.render(report(), width=width).splitlines()) <= width
