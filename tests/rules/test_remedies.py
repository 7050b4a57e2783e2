"""What findings on a layer's arithmetic advise, and that following it ends them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import BATCH_NORMS


def findings(tmp_path, values, **settings):
    """Return the findings for one sample of shape (1, *values.shape)."""
    np.save(tmp_path / "x.npy", np.asarray(values)[np.newaxis])
    return bnstat.diagnose(tmp_path / "x.npy", **settings).findings


def advised(tmp_path, values, **settings):
    """Return the first finding on the arithmetic of a layer, and the findings on it where the mean is subtracted."""
    np.save(tmp_path / "x.npy", values)
    found = [one for one in bnstat.diagnose(tmp_path / "x.npy", **settings).findings if one.rule.startswith("BN30")]
    if not found:
        return None, []
    mean = re.search(r"[Ss]ubtract a constant near the mean \(([-\d.e+]+)\)", found[0].message)
    if mean is None:
        return found[0], []
    np.save(tmp_path / "x.npy", values - float(mean[1]))
    after = bnstat.diagnose(tmp_path / "x.npy", **settings).findings
    return found[0], [one for one in after if one.rule.startswith("BN30")]


@pytest.mark.parametrize("framework", BATCH_NORMS)
@pytest.mark.parametrize(("mean", "spread"), [(150.0, 1.0), (1e4, 1.0), (-3e5, 40.0), (1234567.0, 1e-3), (3.0, 1.0)])
def test_what_a_finding_on_arithmetic_advises_ends_it(tmp_path, framework, mean, spread):
    """The advice to subtract a constant helps, and no layer is told to run on the backend that it runs on."""
    values = np.random.default_rng(1).normal(mean, spread, (1, 50_000, 2))
    finding, after = advised(tmp_path, values, framework=framework, axis=2, epsilon=1e-9, emulate=False)
    if finding is None:
        return
    assert framework != "keras-jax" or "run Keras on JAX" not in finding.message
    if narrowed := re.search(r"which narrows this to ([\d.]+) %", finding.message):
        assert 100 * after[0].value == pytest.approx(float(narrowed[1]), rel=0.01)
    else:
        assert not after


@pytest.mark.parametrize("shift", [0.0, -125.6])
def test_where_the_number_of_values_is_the_cause_no_constant_is_to_be_subtracted(tmp_path, shift):
    values = np.abs(np.random.default_rng(2).normal(0.0, 260.0, (1, 60, 80, 60, 4))).astype(np.float32) + shift
    found = findings(tmp_path, values[0], normalizer="group:2", axis=-1)
    message = next(one.message for one in found if one.rule == "BN303")
    assert "The cause is the number of values (576,000), not their mean. Run Keras on JAX" in message
    assert "ubtract" not in message
    fewer = int(re.search(r"normalize at most ([\d,]+) values together", message)[1].replace(",", ""))
    part = values[0].reshape(-1, 4)[: fewer // 2].reshape(1, 1, -1, 1, 4)
    assert not [one for one in findings(tmp_path, part[0], normalizer="group:2", axis=-1) if one.rule == "BN303"]


@pytest.mark.parametrize(("framework", "backend"), [("keras-jax", None), ("keras-torch", "on PyTorch may compute")])
def test_group_norm_of_a_backend_is_judged_as_that_backend(tmp_path, framework, backend):
    values = np.random.default_rng(2).normal(0.0, 260.0, (60, 80, 60, 4)).astype(np.float32)
    found = findings(tmp_path, values, normalizer="group:2", axis=-1, framework=framework)
    assert {one.rule for one in found} == ({"BN303"} if backend else set())
    assert not backend or backend in found[0].message


def test_a_range_is_said_to_be_bounds(tmp_path):
    (found,) = [
        one
        for one in findings(
            tmp_path,
            np.random.default_rng(0).normal(150.0, 1.0, (100_000, 1)).astype(np.float32),
            framework="flax",
            epsilon=1e-6,
        )
        if one.rule == "BN303"
    ]
    assert "(bounds for rounding in float32; bnstat does not know the number itself)" in found.message
