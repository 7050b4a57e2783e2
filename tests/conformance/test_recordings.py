"""bnstat beside what the real layers gave when they were recorded: no framework is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS
from conformance import document
from conformance.agreement import TOLERANCE, comparisons, data, refusal_of
from conformance.cases import CASES, SCANS
from conformance.layers import ADAPTERS

ROOT = Path(__file__).parents[2]
RUN = {name: adapter for name, adapter in ADAPTERS.items() if not adapter.missing}
BATCH_NORMS = {name: adapter for name, adapter in RUN.items() if adapter.reduction == "batch"}

pytestmark = pytest.mark.skipif(not SCANS.is_dir(), reason="this nibabel was installed without its test data")


def test_every_preset_is_run_or_said_not_to_be():
    assert set(FRAMEWORKS) == {adapter.preset for adapter in ADAPTERS.values()} | set(document.NOT_RUN)


def test_this_machine_makes_the_values_that_were_recorded():
    for run in document.read("torch")["runs"]:
        if run["case"].startswith("nibabel-"):
            continue  # another nibabel may ship other scans
        assert data(run["case"]).digest == run["digest"], run["case"]


@pytest.mark.parametrize("name", RUN)
def test_bnstat_agrees_to_1e_6_wherever_the_layer_is_accurate(name):
    held = [run for run in comparisons(document.read(name)) if run.held]
    assert len(held) >= 7
    assert {(run.case, run.setting): run.worst for run in held if not run.worst <= TOLERANCE} == {}


@pytest.mark.parametrize("name", RUN)
def test_the_words_of_an_error_are_predicted_and_none_where_there_is_no_error(name):
    wrong = [run for run in comparisons(document.read(name)) if run.raised != run.predicted]
    assert wrong == []


@pytest.mark.parametrize("name", ["keras-jax", "keras-torch", "keras-tensorflow"])
def test_keras_alone_has_the_conventions_of_each_of_its_backends(name):
    held = [run for run in comparisons(document.read(name), FRAMEWORKS["keras"]) if run.held]
    assert max(run.worst for run in held) <= TOLERANCE


@pytest.mark.parametrize("name", BATCH_NORMS)
@pytest.mark.parametrize(
    "wrong",
    [{"epsilon": 1e-4}, {"momentum": 0.5}, {"running_start": (0.5, 0.5)}, {"running_variance": None}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_convention_would_be_seen(name, wrong):
    preset = FRAMEWORKS[RUN[name].preset]
    field = next(iter(wrong))
    given = {
        "tensorflow": ("epsilon", "momentum", "running_start", "running_variance"),
        "haiku": ("momentum", "running_start"),
    }
    if field in given.get(name, ()) or (preset.momentum == 1.0 and field == "running_start"):
        pytest.skip("this layer has none of its own, or forgets it")
    if "running_variance" in wrong:
        wrong = {"running_variance": "biased" if preset.unbiased_running_variance else "unbiased"}
    some = ("channels-3", "batch-3", "tiny-variance")
    held = [run for run in comparisons(document.read(name), replace(preset, **wrong), some) if run.held]
    assert max(run.worst for run in held) > 20 * TOLERANCE


def report_of(name, case, folder):
    """Return what bnstat says of the first batch of a case in a file, and the recorded run of the layer."""
    adapter, batch = RUN[name], CASES[case].make(0)
    setting = adapter.settings[0]
    np.save(folder / "batch.npy", batch)
    report = bnstat.diagnose(
        folder / "batch.npy",
        batch_size=len(batch),
        axis=batch.ndim - 1,
        framework="keras" if (adapter.preset, adapter.reduction) == ("keras-group", "instance") else adapter.preset,
        normalizer=adapter.normalizer,
        epsilon=setting.epsilon,
        momentum=setting.momentum,
    )
    run = next(run for run in document.read(name)["runs"] if (run["case"], run["setting"]) == (case, setting.name))
    return report, run


@pytest.mark.parametrize("case", ["one-value", "one-voxel-one-channel", "one-voxel-batch-2", "two-values"])
@pytest.mark.parametrize("name", RUN)
def test_the_report_has_the_error_before_training_does(name, case, tmp_path):
    if not RUN[name].takes(CASES[case].make(0).shape):
        pytest.skip("the groups do not divide the channels")
    report, run = report_of(name, case, tmp_path)
    told = " ".join(finding.message for finding in report.findings if finding.rule == "BN201")
    raised = run.get("error", {}).get("text")
    assert ("refuses to train" in told) == (raised is not None)
    assert raised is None or raised in told


@pytest.mark.parametrize("case", ["batch-3", "channels-16"])
@pytest.mark.parametrize("name", RUN)
def test_the_report_of_a_file_has_the_numbers_of_the_recording(name, case, tmp_path):
    """The whole way, from a file to the report."""
    report, run = report_of(name, case, tmp_path)
    (found,) = report.batches
    given = np.array(run["training"]["variance"]).ravel()
    assert given == pytest.approx([part.output_variance for part in found.parts], rel=TOLERANCE)
    if "batch" in run and found.channels:
        means = [part.mean for part in found.channels]
        assert run["batch"]["mean"] == pytest.approx(means, rel=TOLERANCE, abs=TOLERANCE)
    if "after_1" in run:
        means = [kept.mean for kept in found.running] or [part.running_mean for part in found.channels]
        variances = [kept.variance for kept in found.running] or [part.running_variance for part in found.channels]
        assert run["after_1"]["mean"] == pytest.approx(means, rel=TOLERANCE, abs=TOLERANCE)
        assert run["after_1"]["variance"] == pytest.approx(variances, rel=TOLERANCE)


def test_syncbatchnorm_still_says_that_it_does_not_run_on_a_cpu():
    (run,) = document.read("torch-syncbn")["runs"]
    assert run["error"]["text"] in document.missing()
    assert refusal_of(ADAPTERS["torch-syncbn"], FRAMEWORKS["torch-syncbn"], data(run["case"]).shape) is None


def test_the_document_is_what_the_recordings_give():
    if any(data(run["case"]).digest != run["digest"] for run in document.read("torch")["runs"]):
        pytest.skip("this nibabel ships other scans")
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| preset | normalizer |")]
    start = page.index(rows[0])  # its rows are tested in test_predictions.py
    assert page == document.text(page[start : page.index("\n\n", start)])
