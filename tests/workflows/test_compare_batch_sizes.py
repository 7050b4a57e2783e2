"""Several layers from one pass: each has what it would have alone."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

import bnstat
from bnstat.batch_size.results import LayerChannel
from bnstat.preprocessing.settings import Preparation
from bnstat.reading.settings import Reading

COHORT = Path(__file__).parents[2] / "sample_data" / "cohort"


def numbers(channel):
    """What of a channel depends on the layer."""
    found = {field.name: getattr(channel, field.name) for field in fields(LayerChannel)}
    renorm = asdict(found.pop("renorm"))
    return found | renorm


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_layers_side_by_side_have_what_each_has_alone(population):
    together = bnstat.compare(COHORT, batch_sizes=[1, 4], frameworks=["torch", "keras"], population=population)
    for curve in together.others:
        alone = bnstat.compare(COHORT, batch_sizes=[1, 4], framework=curve.layer.framework.name, population=population)
        for channels, point in zip(curve.channels, alone.batch_sizes, strict=True):
            for one, other in zip(channels, point.channels, strict=True):
                assert numbers(one) == pytest.approx(numbers(other), rel=1e-12)


def test_channels_are_answered_alone_however_many_there_are(tmp_path):
    random = np.random.default_rng(0)
    values = random.normal(random.normal(size=(10, 1, 3)), 1.0, (10, 50, 3))
    values[4, 7, 1] = np.nan  # so that one channel has other samples than the others
    together = _compared(tmp_path / "all.npy", values)
    for channel in range(3):
        alone = _compared(tmp_path / f"{channel}.npy", values[:, :, channel : channel + 1])
        one, other = together.population[channel], alone.population[0]
        assert one.samples == other.samples
        assert (one.rho, one.merged_variance) == pytest.approx((other.rho, other.merged_variance), rel=1e-12)
        for point, lonely in zip(together.batch_sizes, alone.batch_sizes, strict=True):
            found, expected = point.channels[channel], lonely.channels[0]
            assert found.train_eval_rms == pytest.approx(expected.train_eval_rms, rel=1e-12)
            run, alone_run = found.simulated.shuffled, expected.simulated.shuffled
            assert run.running_variance == pytest.approx(alone_run.running_variance, rel=1e-12)


def _compared(path, values):
    np.save(path, values)
    return bnstat.compare(path, batch_sizes=[1, 2, 8], steps=50, population="finite")


def test_kept_moments_of_an_array_answer_as_the_array_does(tmp_path):
    np.save(tmp_path / "array.npy", np.random.default_rng(0).normal(size=(12, 5, 5, 5, 2)))
    assert not bnstat.collect(tmp_path / "array.npy", tmp_path / "m.jsonl").errors
    one, other = (bnstat.compare(tmp_path / name) for name in ("array.npy", "m.jsonl"))
    assert one.recommendation == other.recommendation
    assert one.recommendation.applies_to == "array"


def test_values_whose_squares_were_lost_before_a_step_are_left_out_and_said(tmp_path):
    values = np.random.default_rng(0).normal(size=(9, 5, 5, 5, 1))
    values[4] *= 1e300
    np.save(tmp_path / "array.npy", values)
    reading = Reading(preparation=Preparation(intensity="scale:1e-300,0"))
    found = bnstat.compare(tmp_path / "array.npy", reading=reading)
    assert [channel.samples for channel in found.population] == [8]
    assert any("too large to square" in note for note in (*found.notes, *(one.message for one in found.findings)))
