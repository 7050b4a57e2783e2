"""Every report as a document and as rows: plain values under the names of the contract."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from stored import saved

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.reports.explain import Explanations
from bnstat.reports.frameworks import Presets
from bnstat.rules import RULES
from bnstat.rules.explanation import explained
from bnstat.workflows.check import check
from bnstat.workflows.plan import plan

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "sample_data" / "cohort"
VOLUME = ROOT / "sample_data" / "mri_4channel.nii.gz"
PLAIN = (str, int, float, bool, type(None))


def checkpoint(name, mean=np.nan):
    """Return a file with a layer whose channels have what rules speak of."""
    folder = Path(tempfile.mkdtemp())
    dead = {"running_mean": [0, mean, 1], "running_var": [0.9**200, 0, 1e11], "num_batches_tracked": 200}
    return saved(folder / f"{name}.npz", enc__norm=dead, head={"running_mean": [0, 0], "running_var": [1, 1]})


REPORTS = {
    "inspect": lambda: bnstat.diagnose(VOLUME, normalizer="instance", framework="torch-instance-track"),
    "inspect with ranks": lambda: bnstat.diagnose(COHORT, batch_size=2, ranks=2),
    "compare": lambda: bnstat.compare(COHORT, batch_sizes=[1, 2], steps=3, ranks=2),
    "compare-frameworks": lambda: bnstat.compare_layers(VOLUME, by="frameworks", values=["keras", "torch"]),
    "compare-normalizers": lambda: bnstat.compare_layers(VOLUME, by="normalizers", values=["batch", "group:2", "rms"]),
    "compare-epsilons": lambda: bnstat.compare_layers(VOLUME, by="epsilons", values=[1e-3, 1e-5]),
    "compare-intensities": lambda: bnstat.compare_layers(VOLUME, by="intensities", values=["none", "clip:0,9|zscore"]),
    "check": lambda: check(VOLUME),
    "check of a checkpoint": lambda: check([VOLUME, checkpoint("check")]),
    "checkpoint": lambda: bnstat.audit_checkpoint(checkpoint("one")),
    "checkpoint-compare": lambda: bnstat.compare_checkpoints([checkpoint("one"), checkpoint("two", 3.0)]),
    "plan": lambda: plan((32, 32, 32), levels=6),
    "explain": lambda: Explanations(tuple(map(explained, RULES))),
    "frameworks": lambda: Presets(tuple(FRAMEWORKS.values())),
}


@pytest.fixture(scope="module", params=REPORTS)
def report(request):
    return REPORTS[request.param]()


def test_every_document_is_valid_under_the_schema_that_it_names(report):
    document = report.to_dict()
    name, version = document["schema"].split("/")
    schema = json.loads((ROOT / f"docs/schema/{name}-{version}.schema.json").read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(document, allow_nan=False))
    jsonschema.validate(plain, schema, cls=jsonschema.Draft202012Validator)
    assert plain == document
    assert document["version"] == bnstat.__version__


def test_every_row_has_plain_values_and_each_column_has_one_place(report):
    rows = report.to_rows()
    assert rows
    assert all(isinstance(value, PLAIN) for row in rows for value in row.values())
    fullest = list(max(rows, key=len))
    assert all([name for name in fullest if name in row] == [name for name in row if name in fullest] for row in rows)


def test_documents_and_rows_are_made_anew_so_that_changing_one_changes_nothing_else(report):
    first = report.to_dict()
    first.clear()
    assert report.to_dict()["schema"].startswith("bnstat.")
    rows = report.to_rows()
    rows[0].clear()
    assert report.to_rows()[0]
