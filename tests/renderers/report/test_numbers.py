"""Every number on the page is the number of the document of the command that it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from renderers.networks import unet
from report_page import (
    Element,
    blocks_of,
    islands,
    numbers_from_nowhere,
    parsed,
    problems,
    shown_in,
    without_places,
)

import bnstat
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.renderers.json import written
from bnstat.renderers.report.blocks import Table, plots_of
from bnstat.renderers.report.contents import sections_of

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "sample_data"
SCANNERS = "AABABBBABBAA"  # of the cohort, as sample_data/make.py paints it


@dataclass(frozen=True)
class Asked:
    """What a page is made of.

    Attributes:
        paths: Its inputs.
        layer: Settings of the layer, which `diagnose` and `check` take as well.
        compared: Settings that `compare` takes as well.
        page: Settings that only the page has.
    """

    paths: Any
    layer: dict[str, Any] = field(default_factory=dict)
    compared: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)


def _volumes(folder: Path, values: list[Any], affine: Any = None) -> list[str]:
    files = []
    for place, one in enumerate(values):
        file = folder / f"case_{place:02}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.asarray(one), np.eye(4) if affine is None else affine), file)
        files.append(str(file))
    return files


def _drawn(seed: int, shape: tuple[int, ...], mean: float = 100.0, sd: float = 20.0) -> Any:
    return np.random.default_rng(seed).normal(mean, sd, shape).astype(np.float32)


def cohort(_: Path) -> Asked:
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 2, "framework": "torch"})


def one_odd_volume(folder: Path) -> Asked:
    values = [_drawn(place, (8, 7, 6), 100 + 15 * np.sin(place)) for place in range(14)]
    values[4] *= 6
    return Asked(_volumes(folder, values), {"batch_size": 2, "framework": "torch"})


def odd_and_broken(folder: Path) -> Asked:
    values = [_drawn(place, (8, 7, 6, 2), 100 + 15 * np.sin(place)) for place in range(16)]
    values[4] *= 6
    values[7][0, 0, 0, 1] = np.nan
    values[9][..., 0] = 0
    values[11] /= 6
    return Asked(_volumes(folder, values), {"batch_size": 2}, {"batch_sizes": [1, 2, 4]})


def cohort_in_groups(folder: Path) -> Asked:
    table = folder / "sites.csv"
    rows = [f"case_{place:02},scanner {name}" for place, name in enumerate(SCANNERS)]
    table.write_text("\n".join(["case,scanner", *rows]) + "\n", encoding="utf-8")
    given = {"group_by": f"{table}:scanner", "batch_sizes": [1, 2, 6]}
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 2}, given)


def one_volume(_: Path) -> Asked:
    return Asked(str(SAMPLES / "mri_unit_range.nii.gz"))


def four_channels(_: Path) -> Asked:
    return Asked(str(SAMPLES / "mri_4channel.nii.gz"), {"framework": "torch"})


def time_points(_: Path) -> Asked:
    return Asked(str(SAMPLES / "time_series.nii.gz"), {"batch_axis": 3, "batch_size": 4})


def moments_file(folder: Path) -> Asked:
    file = folder / "moments.jsonl"
    bnstat.collect(str(SAMPLES / "cohort"), str(file))
    return Asked(str(file), {"batch_size": 4})


def patches(_: Path) -> Asked:
    drawn = Reading(preparation=Preparation(patches=Patching((16, 16, 16), number=3, seed=1)))
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 4}, reading=drawn)


def arrays(_: Path) -> Asked:
    return Asked([_drawn(place, (3, 6, 5, 4, 2)) for place in range(4)], {"batch_size": 2})


def not_finite(folder: Path) -> Asked:
    broken = _drawn(1, (6, 5, 4, 3))
    broken[..., 1] = np.nan
    broken[0, 0, 0, 0] = np.inf
    constant = _drawn(2, (6, 5, 4, 3))
    constant[..., 2] = 17.25
    return Asked(_volumes(folder, [broken, constant, *(_drawn(place, (6, 5, 4, 3)) for place in range(3, 12))]))


def one_voxel(folder: Path) -> Asked:
    return Asked(_volumes(folder, [np.full((1, 1, 1), 3.5, np.float32)]))


def far_from_zero(folder: Path) -> Asked:
    values = [_drawn(place, (8, 8, 8), 1e6, 0.5).astype(np.float64) for place in range(9)]
    return Asked(_volumes(folder, values), {"batch_size": 2})


def other_shapes(folder: Path) -> Asked:
    return Asked(_volumes(folder, [_drawn(place, (6 + place, 5, 4)) for place in range(9)]), {"batch_size": 2})


def other_channels(folder: Path) -> Asked:
    return Asked(_volumes(folder, [_drawn(place, (6, 5, 4, 1 + place % 2)) for place in range(4)]))


def instance_norm(_: Path) -> Asked:
    return Asked(str(SAMPLES / "cohort"), {"normalizer": "instance", "batch_size": 2})


def group_norm(_: Path) -> Asked:
    return Asked(str(SAMPLES / "mri_4channel.nii.gz"), {"normalizer": "group:2"})


def unreadable(folder: Path) -> Asked:
    files = _volumes(folder, [_drawn(place, (6, 5, 4)) for place in range(3)])
    Path(files[1]).write_bytes(b"no volume")
    return Asked(files)


def with_network(folder: Path) -> Asked:
    file = folder / "layers.json"
    file.write_text(written(unet().to_dict()), encoding="utf-8")
    return Asked(str(SAMPLES / "cohort"), {"framework": "torch"}, page={"layers": str(file)})


def many_channels(_: Path) -> Asked:
    return Asked([_drawn(place, (1, 4, 4, 3, 200)) for place in range(3)], {"batch_size": 2})


def huge_and_tiny(folder: Path) -> Asked:
    values = [_drawn(place, (5, 4, 3, 2)).astype(np.float64) for place in range(9)]
    for one in values:
        one[..., 0] *= 1e150
        one[..., 1] *= 1e-150
    return Asked(_volumes(folder, values), {"batch_size": 2})


def scaled_first(_: Path) -> Asked:
    prepared = Reading(preparation=Preparation(intensity="clip:p1,p99|zscore", mask="nonzero"))
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 4, "framework": "torch"}, reading=prepared)


def ranks(_: Path) -> Asked:
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 2, "ranks": 3, "framework": "torch-syncbn"})


def rms_norm(_: Path) -> Asked:
    return Asked(str(SAMPLES / "cohort"), {"normalizer": "rms"})


def a_batch_of_all(_: Path) -> Asked:
    return Asked(str(SAMPLES / "cohort"), {"batch_size": 12}, {"batch_sizes": [12], "population": "finite"})


CASES: dict[str, Callable[[Path], Asked]] = {
    case.__name__: case
    for case in (
        *(
            cohort,
            one_odd_volume,
            odd_and_broken,
            cohort_in_groups,
            one_volume,
            four_channels,
            time_points,
            moments_file,
            patches,
            arrays,
        ),
        *(not_finite, one_voxel, far_from_zero, other_shapes, other_channels, instance_norm, group_norm),
        *(unreadable, with_network, many_channels, huge_and_tiny, scaled_first, ranks, rms_norm, a_batch_of_all),
    )
}


@dataclass(frozen=True)
class Made:
    """A page, what was asked for, and the document that it writes as JSON."""

    asked: Asked
    page: bnstat.ReportPage
    document: Any


@pytest.fixture(scope="module", params=sorted(CASES))
def made(request, tmp_path_factory):
    """A page of every kind of input."""
    asked = CASES[request.param](tmp_path_factory.mktemp(request.param))
    page = bnstat.report(asked.paths, reading=asked.reading, **asked.layer, **asked.compared, **asked.page)
    return Made(asked, page, json.loads(written(page.to_dict())))


def test_every_number_is_that_of_its_command(made):
    sections = sections_of(made.page.report)
    assert problems(sections, made.document) == []


def test_every_mark_of_a_plot_has_its_place_in_the_document(made):
    assert without_places(sections_of(made.page.report)) == set()


def test_every_number_in_a_sentence_is_in_the_document(made):
    report = made.page.report
    found = {finding.rule for finding in report.findings}
    # `bnstat explain` has the texts on the rules; how many rules looked is the length of a list
    judged = [rule for rule in report.check.rules if rule.code not in report.silent]
    others = [judged, [rule for rule in judged if rule.code not in found], list(report.silent)]
    if found:
        others.append(bnstat.explain(*found).to_dict())
    assert numbers_from_nowhere(sections_of(report), made.document, *others) == []


def test_the_tables_of_the_page_have_these_numbers_and_no_others(made):
    """The page as a browser takes it: every cell, and the number by which a row is sorted."""
    sections = sections_of(made.page.report)
    tables = [block for _, block in blocks_of(sections) if isinstance(block, Table)]
    drawn = list(parsed(made.page.to_html()).all("table"))
    assert len(drawn) == len(tables)
    for table, element in zip(tables, drawn, strict=True):
        rows = [[cell for cell in row.inside if isinstance(cell, Element)] for row in element.all("tr")][1:]
        assert len(rows) == len(table.rows)
        for row, cells in zip(table.rows, rows, strict=True):
            assert [shown_in(cell) for cell in cells] == [_with_links(cell) for cell in row.cells]
            sorted_by = [cell.attributes.get("data-value") for cell in cells]
            assert sorted_by == [None if cell.value is None else repr(cell.value) for cell in row.cells]


def _with_links(cell):
    return " ".join(" ".join((cell.text, *(link.text for link in cell.links))).split())


def test_the_data_beside_a_plot_are_its_numbers(made):
    plots = plots_of([block for section in sections_of(made.page.report) for block in section.blocks])
    data = islands(parsed(made.page.to_html()))
    assert len(data) == len(plots)
    for plot, written_beside in zip(plots, data, strict=True):
        assert written_beside["title"] == plot.title
        marks = written_beside["marks"]
        for mark, beside in zip(plot.marks, marks, strict=True):
            x = beside.get("x") if "x_of" not in beside else marks[beside["x_of"]]["x"]
            points = list(zip(x or (), beside.get("y", ()), strict=True))
            assert points == [(_finite(x), _finite(y)) for x, y in getattr(mark, "points", ())]
            for name in ("lows", "highs", "ranges"):
                numbers = [[_finite(one) for one in point] for point in getattr(mark, name, ())]
                assert beside.get(name, []) == numbers
            assert beside.get("at") == getattr(mark, "at", None)


def _finite(value):
    return value if isfinite(value) else None


def test_the_documents_in_it_are_those_of_the_commands_run_by_themselves(made):
    """The same inputs, asked of `inspect`, `check` and `compare` one by one."""
    asked = made.asked
    checked = bnstat.check(asked.paths, reading=asked.reading, fail_on="never", **asked.layer)
    assert made.document["check"] == json.loads(written(checked.to_dict()))
    if not checked.apart:  # of different shapes `inspect` refuses a batch
        inspected = bnstat.diagnose(asked.paths, reading=asked.reading, **asked.layer)
        assert made.document["inspect"] == json.loads(written(inspected.to_dict()))
    compared = {name: value for name, value in asked.layer.items() if name not in ("batch_size", "normalizer")}
    compared |= asked.compared
    if asked.layer.get("normalizer", "batch") != "batch":
        assert made.document["compare"] is None
        assert "batch" in made.document["not_compared"]
    elif made.document["compare"] is None:
        with pytest.raises(bnstat.UsageError) as refused:
            bnstat.compare(asked.paths, reading=asked.reading, **compared)
        assert made.document["not_compared"] == str(refused.value)
    else:
        comparison = bnstat.compare(asked.paths, reading=asked.reading, **compared)
        assert made.document["compare"] == json.loads(written(comparison.to_dict()))
        assert made.document["not_compared"] is None
    if made.document["left_out"]:
        others = [file for place, file in enumerate(asked.paths) if place not in made.document["left_out"]]
        without = bnstat.compare(others, reading=asked.reading, **compared)
        assert made.document["compare_without_odd"] == json.loads(written(without.to_dict()))
    else:
        assert made.document["compare_without_odd"] is None
