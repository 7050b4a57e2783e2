"""What ε does: the numbers beside those of `compare --epsilons`, and the batches that have none."""

from __future__ import annotations

import numpy as np
import pytest

import bnstat
from bnstat.reports.full.epsilon import MOST_CURVES, epsilons_of


def _cohort(scales, samples=4, **settings):
    values = np.random.default_rng(5).normal(size=(samples, 6, 5, 4, len(scales))) * scales
    return values, bnstat.diagnose(values, **settings)


def _found(scales, limit=0.01, **settings):
    return epsilons_of(_cohort(scales, **settings)[1], limit)


def test_the_output_at_each_epsilon_is_that_of_compare():
    values, report = _cohort([1.0, 0.05, 30.0], batch_size=2)
    found = epsilons_of(report, 0.01)
    asked = [1e-8, 1e-5, 1e-3, 0.1]
    compared = bnstat.compare_layers(values, by="epsilons", values=asked, batch_size=2).to_dict()
    least = [curve for curve in found.curves if curve.kind == "least"]
    assert len(least) == 3
    for entry, epsilon in zip(compared["epsilons"], asked, strict=True):
        place = found.epsilons.index(epsilon)
        for curve in least:
            assert curve.outputs[place] == entry["batches"][curve.batch]["channels"][curve.part]["output_variance"]


def test_the_output_at_each_default_is_that_of_the_framework():
    values, report = _cohort([1.0, 0.05], batch_size=2)
    for one in epsilons_of(report, 0.01).defaults:
        channels = bnstat.diagnose(values, batch_size=2, epsilon=one.epsilon).batches
        outputs = [part.output_variance for batch in channels for part in batch.parts]
        shares = [part.epsilon_share for batch in channels for part in batch.parts]
        assert (one.output, one.share) == (min(outputs), max(shares))
        assert one.matters == (one.share > 0.01)


def test_frameworks_with_one_epsilon_are_named_together():
    found = _found([1.0], framework="torch")
    assert [(one.epsilon, one.in_use) for one in found.defaults] == [(1e-5, True), (1e-3, False)]
    assert "PyTorch" in found.defaults[0].frameworks
    assert found.defaults[1].frameworks == ("Keras", "TensorFlow", "Keras 2")


def test_an_epsilon_of_nobody_has_a_row_of_its_own():
    found = _found([1.0], epsilon=0.25)
    assert [(one.epsilon, one.frameworks, one.in_use) for one in found.defaults][-1] == (0.25, (), True)


def test_an_epsilon_that_is_0_for_the_layer_takes_nothing():
    found = _found([1.0], epsilon=1e-45, framework="keras")
    (used,) = [one for one in found.defaults if one.in_use]
    assert (used.output, used.share, used.matters) == (1.0, 0.0, False)


def test_the_limit_decides_what_matters():
    assert [one.matters for one in _found([0.3]).defaults] == [False, True]
    assert [one.matters for one in _found([0.3], limit=0.5).defaults] == [False, False]


def test_constant_channels_are_counted_and_have_no_curve():
    found = _found([0.0, 1.0], batch_size=2)
    assert (found.zero, found.unknown, found.parts) == (2, 0, 4)
    assert {curve.title for curve in found.curves} == {"channel 1"}


def test_without_a_channel_that_varies_nothing_is_drawn():
    found = _found([0.0])
    assert found.curves == ()
    assert {one.output for one in found.defaults} == {None}


def test_channels_with_nan_are_counted():
    values = np.random.default_rng(5).normal(size=(2, 6, 5, 4, 2))
    values[0, 0, 0, 0, 1] = np.nan
    found = epsilons_of(bnstat.diagnose(values), 0.01)
    assert (found.unknown, found.parts) == (1, 4)


def test_many_channels_share_three_curves():
    found = _found(list(range(1, MOST_CURVES + 2)))
    assert [(one.kind, one.title) for one in found.curves] == [
        (kind, "all channels") for kind in ("least", "median", "greatest")
    ]


@pytest.mark.parametrize("scale", [1e-9, 1e-30, 1e150])
def test_values_of_any_size_are_in_the_range_of_epsilons(scale):
    found = _found([scale])
    assert list(found.epsilons) == sorted(set(found.epsilons))
    assert found.epsilons[0] <= 1e-12
    assert found.epsilons[-1] >= 1.0
    assert len(found.epsilons) < 200
    assert all(0 <= one <= 1 for curve in found.curves for one in curve.outputs)


def test_rms_norm_adds_it_to_the_mean_square():
    report = _cohort([1.0, 2.0], normalizer="rms")[1]
    found = epsilons_of(report, 0.01)
    assert found.divisor == "mean square"
    assert found.worst.variance == min(group.mean_square for batch in report.batches for group in batch.groups)


def test_a_layer_that_adds_none_has_nothing_to_say():
    assert _found([1.0], normalizer="weight-init") is None
