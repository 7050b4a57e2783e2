"""Tests of scripts/adversary.py: the first cases of each family, and whether it finds errors that are planted."""

from __future__ import annotations

import importlib
import json
import re
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Cases of each family that the tests run.
CASES = 14
# Cases of a family among which one shows an error that is planted.
MOST_UNTIL_FOUND = 40


@pytest.fixture(scope="module")
def adversary():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("adversary")
    finally:
        sys.path.pop(0)


def families():
    return ("batch", "normalizers", "moments-file", "preparation", "patches", "curve", "groups", "patch-curve", "plan")


def tallied(adversary, tmp_path, name):
    total = adversary.Tally()
    for seed in range(CASES):
        folder = tmp_path / f"{name}-{seed}"
        folder.mkdir()
        total.add(adversary.case(name, seed, folder))
    return total


def finds(adversary, tmp_path, name):
    """Return True if a case of a family has a wrong number, and leave the rest of the cases."""
    return any(
        adversary.case(name, seed, Path(tempfile.mkdtemp(dir=tmp_path))).wrong for seed in range(MOST_UNTIL_FOUND)
    )


@pytest.mark.parametrize("name", [*families(), "emulation", "bands"])
def test_no_number_is_farther_from_the_exact_one_than_it_may_be(adversary, tmp_path, name):
    if name == "bands":
        pytest.importorskip("torch")
    total = tallied(adversary, tmp_path, name)
    assert total.failures == []
    assert total.numbers > CASES


def test_a_case_is_the_same_each_time(adversary, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    first, second = (adversary.case("batch", 3, folder) for folder in folders)
    assert first == second


# Errors that an implementation may have, each in the fields of one channel of the answer.
def without_bessel(channel, settings):
    if channel.get("running_variance") is not None and settings["framework"].startswith("torch"):
        weight = settings["momentum"] if settings["momentum"] is not None else 1.0
        channel["running_variance"] = 1 - weight + weight * channel["variance"]


def epsilon_in_the_variance(channel, settings):
    if channel["variance"] is not None and settings["epsilon"] is not None:
        channel["variance"] += settings["epsilon"]


def epsilon_outside_the_root(channel, settings):
    if channel["gain"] is not None and channel["std"]:
        channel["gain"] = 1 / (channel["std"] + settings["epsilon"])


def sample_variance(channel, _):
    if channel["variance"] is not None and channel["count"] > 1:
        channel["variance"] *= channel["count"] / (channel["count"] - 1)


def variance_of_float32(channel, _):
    if channel["variance"] is not None:
        channel["variance"] *= 1 + 2.0**-24


def mean_off_by_a_trifle(channel, _):
    if channel["mean"] is not None:
        channel["mean"] += 1e-13 * (channel["std"] + abs(channel["mean"]))


def momentum_of_the_other_value(channel, _):
    if channel.get("running_mean") is not None:
        channel["running_mean"] = channel["mean"] - channel["running_mean"]


def nan_not_counted(channel, _):
    channel["count"] -= channel["nan"]


def zero_for_undefined(channel, _):
    if channel["mean"] is None:
        channel["mean"] = 0.0


INSPECTED = (
    *(without_bessel, epsilon_in_the_variance, epsilon_outside_the_root, sample_variance, variance_of_float32),
    *(mean_off_by_a_trifle, momentum_of_the_other_value, nan_not_counted, zero_for_undefined),
)


@pytest.mark.parametrize("error", INSPECTED, ids=lambda error: error.__name__)
def test_an_error_in_a_batch_norm_is_found(adversary, tmp_path, monkeypatch, error):
    plain = adversary.Run.document

    def document(run, folder):
        answer = plain(run, folder)
        for batch in answer["batches"]:
            for channel in batch["channels"]:
                error(channel, answer["settings"])
        return answer

    monkeypatch.setattr(adversary.Run, "document", document)
    assert finds(adversary, tmp_path, "batch")


def shifted_samples(answer):
    """Return the answer of a loader that gives patches of the volumes one after the other, and not in turn."""
    for batch, samples in zip(answer["batches"], sorted(one["samples"] for one in answer["batches"]), strict=True):
        batch["samples"] = [*samples[1:], samples[0]]


def voxel_off(answer):
    for sample in answer["samples"]:
        sample["patch"]["start"][0] += 1


@pytest.mark.parametrize("error", [shifted_samples, voxel_off], ids=lambda error: error.__name__)
def test_an_error_in_patches_is_found(adversary, tmp_path, monkeypatch, error):
    plain = adversary.Run.document

    def document(run, folder):
        answer = plain(run, folder)
        error(answer)
        return answer

    monkeypatch.setattr(adversary.Run, "document", document)
    assert finds(adversary, tmp_path, "patches")


def without_finite_factor(at, channel, whole):
    if channel["mean_noise"] and whole["rho"]:
        channel["mean_noise"] = (whole["rho"] / at["batch_size"]) ** 0.5


def no_shortfall(_, channel, whole):
    if channel["expected_variance"] is not None:
        channel["expected_variance"] = whole["variance"]


def noise_of_a_sum(at, channel, _):
    if channel["mean_sd"] is not None:
        channel["mean_sd"] *= at["batch_size"]


def upper_quantile(_at, channel, _whole):
    if channel["renorm"] is not None:
        channel["renorm"]["r_p50"] = channel["renorm"]["r_p95"]


def sample_deviation(at, channel, _):
    if channel["observed"] is not None and at["complete"] and at["batches_drawn"] > 1:
        channel["observed"]["variance_sd"] *= (at["batches_drawn"] / (at["batches_drawn"] - 1)) ** 0.5


@pytest.mark.parametrize(
    "error",
    [without_finite_factor, no_shortfall, noise_of_a_sum, upper_quantile, sample_deviation],
    ids=lambda error: error.__name__,
)
@pytest.mark.parametrize("name", ["curve", "patch-curve"])
def test_an_error_in_a_curve_is_found(adversary, tmp_path, monkeypatch, error, name):
    plain = adversary.Run.document

    def document(run, folder):
        answer = plain(run, folder)
        for at in answer["batch_sizes"]:
            for channel, whole in zip(at["channels"], answer["population"]["channels"], strict=True):
                error(at, channel, whole)
        return answer

    monkeypatch.setattr(adversary.Run, "document", document)
    assert finds(adversary, tmp_path, name)


def test_one_unit_in_an_emulated_sum_is_found(adversary, tmp_path, monkeypatch):
    plain = adversary.Run.document

    def document(run, folder):
        answer = plain(run, folder)
        for channel in answer["batches"][0]["channels"]:
            if channel["prediction"] == "emulated":
                channel["predicted_variance"] *= 1 + 2.0**-23
        return answer

    monkeypatch.setattr(adversary.Run, "document", document)
    assert finds(adversary, tmp_path, "emulation")


def test_a_run_writes_its_table_and_says_how_to_repeat_a_failed_case(adversary, tmp_path, monkeypatch, capsys):
    plain = adversary.Run.document

    def document(run, folder):
        answer = plain(run, folder)
        answer["batches"][0]["channels"][0]["count"] += 1
        return answer

    monkeypatch.setattr(adversary.Run, "document", document)
    arguments = ["--minutes", "0.02", "--families", "batch", "--output", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["adversary.py", *arguments])
    assert adversary.main() == 1
    told = capsys.readouterr().out
    wrong = r"\n  batches\[0\].channels\[0\].count is \d+ and should be \d+"
    assert re.search(r"batch:0 \(\w+\): bnstat inspect .*" + wrong, told)
    assert "python scripts/adversary.py --case batch:0" in told
    results = json.loads((tmp_path / "adversary.json").read_text(encoding="utf-8"))
    assert results["families"]["batch"]["wrong"] > 0
    assert "| `batch` |" in (tmp_path / "adversary.md").read_text(encoding="utf-8")


def test_the_reference_has_no_line_of_bnstat_and_no_numpy():
    for path in (ROOT / "tests" / "reference").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) (bnstat|numpy|nibabel)", text, re.MULTILINE), path
