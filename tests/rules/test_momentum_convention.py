"""momentum-convention speaks where a number of the other convention makes the last batch the running statistics."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.layers.frameworks import FRAMEWORKS

COHORT = Path(__file__).parents[2] / "sample_data" / "cohort"
AVERAGING = [name for name, row in FRAMEWORKS.items() if row.keeps_running]


def found(momentum, framework, **settings):
    values = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype(np.float32)
    report = bnstat.diagnose(values, framework=framework, momentum=momentum, axis=-1, **settings)
    return [one for one in report.findings if one.rule == "BN209"]


@pytest.mark.parametrize("framework", AVERAGING)
def test_the_number_of_the_other_convention_is_named_with_the_one_that_was_meant(framework):
    old = FRAMEWORKS[framework].momentum_weighs == "old"
    for weight in (0.6, 0.9, 0.99, 1.0):
        own = round(1 - weight, 12) if old else weight
        if own == FRAMEWORKS[framework].momentum:  # TensorFlow's fused op gives the last batch by default
            continue
        (finding,) = found(own, framework)
        assert finding.severity == "warning"
        assert finding.value == pytest.approx(weight)
        assert float(re.search(r"--momentum (\S+)\.$", finding.message)[1]) == pytest.approx(1 - own)
        assert ("PyTorch" if old else "Keras") in finding.message


@pytest.mark.parametrize("framework", AVERAGING)
def test_an_average_over_several_batches_and_a_default_are_no_mistake(framework):
    row = FRAMEWORKS[framework]
    for weight in (0.001, 0.01, 0.1, 0.3, 0.5):
        assert found(1 - weight if row.momentum_weighs == "old" else weight, framework) == []
    if row.momentum is not None:
        assert found(None, framework) == []
        assert found(row.momentum, framework) == []


def test_the_cumulative_mean_and_layers_without_running_statistics_have_no_convention():
    assert found("none", "torch") == []
    assert found(None, "torch", normalizer="layer") == []
    assert found(None, "torch", normalizer="instance") == []


def test_every_command_that_takes_a_momentum_says_it():
    for found_by in (bnstat.diagnose, bnstat.check, bnstat.compare):
        report = found_by(sorted(COHORT.glob("*.nii.gz")), framework="torch", momentum=0.99)
        assert [one.name for one in report.findings].count("momentum-convention") == 1
    layers = bnstat.compare_layers(COHORT, by="frameworks", values=["keras", "flax"], momentum=0.1)
    assert all(any(one.rule == "BN209" for one in entry.report.findings) for entry in layers.entries)


def test_renorm_is_judged_too_and_a_second_framework_with_its_own_default_is_not():
    assert len(found(0.01, "keras", normalizer="renorm")) == 1
    report = bnstat.compare(COHORT, framework="keras", frameworks=["tensorflow-fused", "torch"], momentum=0.1)
    assert [one.value for one in report.findings] == [pytest.approx(0.9)]
