"""Batch sizes without odd and broken volumes: what `compare` says of the other files; none if these are too few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import bnstat
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.reading.settings import Reading
from bnstat.renderers.json import written

PATCHES = Reading(preparation=Preparation(patches=Patching((4, 4, 4), number=3, seed=1)))


def drawn(seed: int, channels: int = 1) -> Any:
    """Return the voxels of a volume of a cohort in which volumes differ."""
    draw = np.random.default_rng(seed)
    return draw.normal(100 + 10 * draw.normal(size=channels), 20, (8, 7, 6, channels)).astype(np.float32)


def files_of(folder: Path, volumes: list[Any]) -> list[str]:
    """Write volumes, and return their files."""
    folder.mkdir(exist_ok=True)
    files = [str(folder / f"case_{place:02}.nii.gz") for place in range(len(volumes))]
    for file, one in zip(files, volumes, strict=True):
        nibabel.save(nibabel.Nifti1Image(one, np.eye(4)), file)
    return files


def with_one_odd(channels: int = 1, count: int = 14) -> tuple[list[Any], tuple[int, ...]]:
    volumes = [drawn(place, channels) for place in range(count)]
    volumes[6] *= 6
    return volumes, (6,)


def with_odd_and_broken() -> tuple[list[Any], tuple[int, ...]]:
    volumes, _ = with_one_odd(channels=2, count=16)
    volumes[2][0, 0, 0, 0] = np.nan
    volumes[9][..., 1] = 0
    volumes[11][1, 1, 1, 1] = np.inf
    return volumes, (2, 6, 9, 11)


def with_a_label_map() -> tuple[list[Any], tuple[int, ...]]:
    volumes, _ = with_one_odd()
    labels = np.zeros((8, 7, 6, 1), np.uint8)
    labels[2:5, 2:5] = 1
    labels[3, 3] = 2
    return [*volumes, labels], (6, 14)


CASES = {
    "one odd volume": (with_one_odd(), {}, Reading()),
    "three channels": (with_one_odd(channels=3), {}, Reading()),
    "patches": (with_one_odd(), {}, PATCHES),
    "asked sizes": (with_one_odd(), {"batch_sizes": [2, 5]}, Reading()),
    "exactly these volumes": (with_one_odd(), {"population": "finite", "batch_sizes": [2, 13, 14]}, Reading()),
    "odd, constant, NaN and Inf": (with_odd_and_broken(), {}, Reading()),
    "a label map": (with_a_label_map(), {}, Reading()),
}


def document(report: Any) -> Any:
    return json.loads(written(report.to_dict()))


@pytest.mark.parametrize("name", CASES)
def test_the_second_comparison_is_that_of_the_other_files(tmp_path, name):
    (volumes, left_out), asked, reading = CASES[name]
    files = files_of(tmp_path, volumes)
    found = document(bnstat.report(files, batch_size=2, framework="torch", reading=reading, **asked))
    assert tuple(found["left_out"]) == left_out
    others = [file for place, file in enumerate(files) if place not in left_out]
    alone = bnstat.compare(others, framework="torch", reading=reading, **asked)
    assert found["compare_without_odd"] == document(alone)


def test_groups_stay_and_one_that_is_left_alone_makes_none(tmp_path):
    volumes, _ = with_one_odd()
    files = files_of(tmp_path, volumes)
    for name, of_odd in (("two", "A"), ("alone", "C")):
        table = tmp_path / f"{name}.csv"
        sites = ["A" if name == "alone" or place % 2 else "B" for place in range(14)]
        sites[6] = of_odd
        rows = [f"case_{place:02},{site}" for place, site in enumerate(sites)]
        table.write_text("\n".join(["case,site", *rows]) + "\n", encoding="utf-8")
        found = document(bnstat.report(files, batch_size=2, group_by=f"{table}:site"))
        asked = {"group_by": f"{table}:site"} if name == "two" else {}
        others = [file for place, file in enumerate(files) if place != 6]
        assert found["compare_without_odd"] == document(bnstat.compare(others, **asked))


def test_a_moments_file_gives_the_same_sizes_as_the_volumes(tmp_path):
    files = files_of(tmp_path, with_one_odd()[0])
    moments = str(tmp_path / "moments.jsonl")
    bnstat.collect(files, moments)
    found = document(bnstat.report(moments, batch_size=2))
    assert found["left_out"] == [6]
    others = bnstat.compare([file for place, file in enumerate(files) if place != 6])
    assert found["compare_without_odd"]["recommendation"] == document(others)["recommendation"]


@pytest.mark.parametrize(
    "volumes",
    [
        pytest.param([drawn(place) for place in range(14)], id="nothing is odd"),
        pytest.param([drawn(place) * (6 if place < 5 else 1) for place in range(20)], id="a second kind of volumes"),
        pytest.param([drawn(place) * (np.nan if place < 1 else 1) for place in range(8)], id="seven volumes are left"),
        pytest.param(
            [drawn(place) * (np.nan if place < 9 else 1) for place in range(18)], id="half of them are broken"
        ),
    ],
)
def test_there_is_none(volumes):
    found = bnstat.report(volumes, batch_axis="none", batch_size=2).report
    assert found.without_odd is None
    assert found.left_out == ()
    assert found.comparison is not None


def test_a_layer_without_batch_statistics_has_none():
    volumes, _ = with_one_odd()
    assert bnstat.report(volumes, batch_axis="none", normalizer="instance").report.without_odd is None
