"""The train/eval gap and batch renorm's corrections, against brute force over the values themselves."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from small_samples import of_values, small

from bnstat.batch_size import draws, train_eval
from bnstat.batch_size.draws import DrawnBatches


@pytest.mark.parametrize("epsilon", [1e-3, 1e-5])
@pytest.mark.parametrize("bessel", [1.0, 80 / 79])
def test_the_gap_is_what_the_layers_outputs_differ_by(epsilon, bessel):
    values = small()
    whole = of_values(values)
    drawn = whole.draw(2, 1000, seed=0)
    settled = train_eval.settled(whole, whole.expected(2), bessel)
    found = train_eval.gap(whole, drawn, epsilon, settled)
    running = drawn.variances.mean() * bessel
    squares = []
    for chosen in combinations(range(len(values)), 2):
        batch = values[list(chosen)]
        trained = (batch - batch.mean()) / np.sqrt(batch.var() + epsilon)
        evaluated = (batch - values.mean()) / np.sqrt(running + epsilon)
        squares.append(((trained - evaluated) ** 2).mean())
    assert found.rms == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-9)
    assert settled == pytest.approx((values.mean(), running))
    normalized = (values - values.mean()) / np.sqrt(running + epsilon)
    assert found.eval_output_variance == pytest.approx(normalized.var(), rel=1e-9)


def test_batch_renorm_corrects_each_batch_to_the_running_statistics():
    values = small()
    whole = of_values(values)
    one = DrawnBatches(*draws.statistics(whole, np.array([[0, 1]])), complete=False)
    settled = train_eval.settled(whole, whole.expected(2))
    found = train_eval.corrections(one, 1e-3, settled, (0.5,), (3, 5))
    batch = values[[0, 1]]
    renormed = (batch - batch.mean()) / np.sqrt(batch.var() + 1e-3) * found.r[0] + found.d[0]
    evaluated = (batch - values.mean()) / np.sqrt(settled[1] + 1e-3)
    np.testing.assert_allclose(renormed, evaluated, rtol=1e-10, atol=1e-12)


def test_renorm_over_batches_has_the_quantiles_and_shares_of_its_r_and_d():
    whole = of_values(small(12))
    drawn = whole.draw(1, 1000, seed=0)
    mean, variance = train_eval.settled(whole, whole.expected(1))
    r = np.sqrt((drawn.variances + 1e-3) / (variance + 1e-3))
    d = (drawn.means - mean) / np.sqrt(variance + 1e-3)
    found = train_eval.corrections(drawn, 1e-3, (mean, variance), (0.05, 0.5, 0.95), (1.2, 0.5))
    np.testing.assert_allclose(found.r, np.quantile(r, (0.05, 0.5, 0.95)), rtol=1e-12)
    np.testing.assert_allclose(found.d, np.quantile(d, (0.05, 0.5, 0.95)), rtol=1e-12)
    assert found.r_clipped == np.mean((r > 1.2) | (r < 1 / 1.2))
    assert found.d_clipped == np.mean(np.abs(d) > 0.5)
    assert 0 < found.r_clipped < 1
