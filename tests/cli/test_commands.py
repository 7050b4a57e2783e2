"""What happens where the name of a command is wrong or missing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest


def test_a_file_in_the_place_of_a_command_is_a_command_that_was_forgotten(refused, small_image):
    path = small_image("x.nii")
    assert f"did you mean `bnstat inspect {path}`?" in refused(2, path)


@pytest.mark.parametrize(
    ("name", "hint"), [("inspct", "did you mean `bnstat inspect`?"), ("zzz", "use one of inspect")]
)
def test_another_command_is_refused_with_the_nearest_or_all(refused, name, hint):
    assert hint in refused(2, name)


@pytest.mark.parametrize("dtype", [np.longdouble, np.float16, bool])
def test_json_is_written_for_types_that_json_does_not_know(bnstat_run, tmp_path, dtype):
    np.save(tmp_path / "x.npy", np.arange(24).reshape(2, 3, 4).astype(dtype))
    ran = bnstat_run("inspect", tmp_path / "x.npy", "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["batches"][0]["channels"][1]["min"] == 1


@pytest.mark.parametrize("damage", ["cut", "checksum"])
def test_a_small_damaged_gzip_is_called_damaged(refused, small_image, damage):
    path = small_image("x.nii.gz")
    with Path(path).open("rb+") as file:
        content = bytearray(file.read())
        if damage == "cut":
            content = content[: len(content) // 2]
        else:
            content[-8] ^= 255
        file.seek(0)
        file.truncate()
        file.write(content)
    line = refused(3, "inspect", path)
    assert "truncated" in line or "damaged" in line
