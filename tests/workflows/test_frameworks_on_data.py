"""What each framework makes of a report's batches, beside `compare --frameworks` and the findings of `check`."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import BATCH_NORMS, FRAMEWORKS
from bnstat.reading.settings import Reading
from bnstat.workflows import frameworks_on_data as module


def _values(mean=100.0, deviation=1.0, samples=4, channels=2, seed=4):
    draw = np.random.default_rng(seed)
    return draw.normal(mean, deviation, (samples, 7, 6, 5, channels)).astype(np.float32)


def _found(values, **settings):
    return bnstat.report(values, **settings).report.frameworks


def _by_name(found):
    return {row.name: row for row in found.rows}


@pytest.mark.parametrize("mean", [0.0, 300.0, 20_000.0])
def test_the_worst_channel_is_that_of_compare_frameworks(mean):
    values = _values(mean)
    compared = bnstat.compare_layers(values, by="frameworks", values=["all"], batch_size=2, emulate=False)
    rows = _by_name(_found(values, batch_size=2, framework="torch", emulate=False))
    assert list(rows) == list(BATCH_NORMS)
    for entry in compared.entries:
        known = [part for batch in entry.report.batches for part in batch.parts]
        off = [max(abs(end - part.variance) for end in part.prediction.judged) / part.variance for part in known]
        assert rows[entry.name].worst.off == max(off)
        assert (rows[entry.name].outcome == "nan_possible") == any(part.prediction.nan_possible for part in known)
        settings = entry.report.settings
        assert (rows[entry.name].epsilon, rows[entry.name].momentum) == (settings.epsilon, settings.momentum)


def test_the_outcome_is_the_verdict_of_check():
    values = _values(20_000.0)
    for name, row in _by_name(_found(values, emulate=False)).items():
        codes = {one.rule for one in bnstat.check(values, framework=name, emulate=False).findings}
        assert ("BN301" in codes) == (row.outcome == "nan_possible"), name
        if row.outcome in ("accurate", "may_be_off"):
            assert bool(codes & {"BN302", "BN303"}) == (row.outcome == "may_be_off"), name


def test_the_framework_in_use_has_the_settings_of_the_report_and_its_own_sums():
    found = _found(_values(), framework="keras-tensorflow", epsilon=0.5, momentum=0.9)
    used = found.in_use
    assert (used.name, used.epsilon, used.momentum, used.repeated) == ("keras-tensorflow", 0.5, 0.9, True)
    assert not any(row.repeated for row in found.rows if not row.in_use)
    assert _by_name(found)["keras-jax"].epsilon == FRAMEWORKS["keras-jax"].epsilon


@pytest.mark.parametrize("normalizer", ["instance", "layer", "group:2", "rms", "renorm"])
@pytest.mark.parametrize("framework", ["keras", "torch", "flax"])
def test_layers_of_other_kinds_are_beside_each_other(normalizer, framework):
    if normalizer == "renorm" and framework != "keras":
        return
    found = _found(_values(0.0), normalizer=normalizer, framework=framework, batch_size=2)
    assert sum(row.in_use for row in found.rows) == 1
    assert {row.outcome for row in found.rows} == ({"unknown"} if normalizer == "rms" else {"accurate"})


def test_the_start_of_weight_norm_is_a_layer_of_no_framework():
    assert _found(_values(), normalizer="weight-init") is None


def test_a_framework_that_refuses_a_single_value_says_so():
    rows = _by_name(_found(np.ones((1, 1, 1, 1, 1), np.float32)))
    assert rows["torch"].outcome == "refuses"
    assert "more than 1 value per channel" in rows["torch"].refusal
    assert rows["keras"].outcome == "accurate"


def test_a_constant_is_held_against_epsilon():
    rows = _by_name(_found(np.full((2, 9, 9, 9, 1), 1e6, np.float32)))
    assert rows["haiku"].worst.variance == 0
    assert rows["haiku"].outcome == "nan_possible"


def test_values_without_a_variance_are_unknown():
    values = _values()
    values[:] = np.nan
    assert {row.outcome for row in _found(values).rows} == {"unknown"}


def test_what_overflows_may_be_any_number():
    rows = _by_name(_found(_values(3e19, 1e19)))
    assert (rows["haiku"].outcome, rows["haiku"].worst) == ("nan_possible", None)
    assert (rows["keras-jax"].outcome, rows["keras-jax"].worst) == ("may_be_off", None)


def test_of_many_batches_those_that_matter_find_the_worst(monkeypatch):
    draw = np.random.default_rng(9)
    values = np.concatenate([_values(mean, 1.0, 1, 3, seed) for seed, mean in enumerate(draw.uniform(0, 9000, 60))])
    monkeypatch.setattr(module, "MOST_PARTS", 10_000)
    every = _found(values, emulate=False)
    monkeypatch.setattr(module, "MOST_PARTS", 0)
    some = _found(values, emulate=False)
    assert (every.looked_at, every.parts) == (180, 180)
    assert some.looked_at <= 6 * 3
    assert [(row.outcome, row.worst) for row in some.rows] == [(row.outcome, row.worst) for row in every.rows]


def test_nothing_is_read_again(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", _values())
    from bnstat.preprocessing import samples

    read = []
    scan = samples.scan_volume
    monkeypatch.setattr(samples, "scan_volume", lambda volume, *rest: read.append(volume.source) or scan(volume, *rest))
    asked = {"batch_size": 2, "framework": "torch", "reading": Reading()}
    bnstat.diagnose(str(tmp_path / "x.npy"), **asked)
    alone = len(read)
    read.clear()
    page = bnstat.report(str(tmp_path / "x.npy"), **asked)
    assert page.report.frameworks is not None
    assert len(read) == alone
