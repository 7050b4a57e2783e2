"""What `bnstat scan` writes is what docs/schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest

import bnstat

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "bnstat.moments-1.schema.json").read_text("utf-8"))
SCANS = Path(nibabel.__file__).parent / "tests" / "data"

PREPARED = bnstat.Preparation("zscore", None, bnstat.Patching((4, 4, 4), 2))


@pytest.mark.parametrize("preparation", [bnstat.Preparation(), bnstat.Preparation("clip:0,9", ">1"), PREPARED])
def test_every_line_is_valid(tmp_path, preparation):
    np.save(tmp_path / "gaps.npy", np.array([[[1.0, np.nan], [3.0, np.inf]]] * 2))
    files = [*SCANS.glob("*4d.nii.gz"), SCANS / "anatomical.nii", *([tmp_path / "gaps.npy"] * preparation.plain)]
    bnstat.collect(files, tmp_path / "m.jsonl", reading=bnstat.Reading(preparation=preparation))
    lines = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) >= 2
    for line in lines:
        jsonschema.validate(line, SCHEMA, cls=jsonschema.Draft202012Validator)
