"""The verdict in sentences: what is said, what is left out, and the numbers in it, computed here from the values."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bnstat.batch_size.recommendation import recommend
from bnstat.batch_size.samples import Cohort
from bnstat.batch_size.settings import CompareSettings, Tolerances
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Layer


def asked(population, epsilon=None, **tolerances):
    layer = Layer(FRAMEWORKS["keras"], epsilon, 0.99)
    return CompareSettings(layer, (), -1, None, (), population, 500, 0, Tolerances(**tolerances))


def cohort(samples=20, between=0.5, seed=0):
    """Samples of unit variance within, whose means have this standard deviation."""
    means = between * np.random.default_rng(seed).normal(size=(samples, 1))
    return Cohort((0,), np.arange(samples), means, np.ones((samples, 1)), np.array([1000.0]))


def reason(one, sizes, settings, applies_to="input", **options):
    return " ".join(recommend([one], sizes, settings, applies_to, **options).reason.split())


def figures(one, size, population):
    """Noise and shortfall of batches of so many different samples, or of so many of a larger set."""
    number = len(one.means)
    between = one.means.var(ddof=population == "infinite")
    lost = between / size * ((number - size) / (number - 1) if population == "finite" else 1)
    whole = 1 + between
    return np.sqrt(lost / whole), lost / whole


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_where_no_size_is_enough_the_largest_is_told_with_the_figures_beyond_their_limits(population):
    one = cohort()
    noise, shortfall = figures(one, 4, population)
    limits = {"noise": noise / 2, "shortfall": shortfall * 2}
    said = reason(one, [1, 2, 4], asked(population, **limits))
    (told,) = re.findall(r"4 comes closest \(batch mean off by ([\d.]+) SD\)", said)
    assert float(told) == pytest.approx(noise, abs=5e-4)
    limits = {"noise": noise * 2, "shortfall": shortfall / 2}
    said = reason(one, [1, 2, 4], asked(population, **limits))
    (told,) = re.findall(r"4 comes closest \(batch variance ([\d.]+) % too low\)", said)
    assert float(told) == pytest.approx(100 * shortfall, abs=5e-2)


@pytest.mark.parametrize("population", ["finite", "infinite"])
def test_a_smallest_size_that_is_too_small_is_told_with_what_is_beyond_its_limit_alone(population):
    one = cohort()
    noise, shortfall = figures(one, 1, population)
    said = reason(one, [1, 16], asked(population, noise=2 * noise, shortfall=shortfall / 2))
    (told,) = re.findall(r"At batch size 1 the batch variance is ([\d.]+) % too low \(limit [\d.]+ %\)\.", said)
    assert float(told) == pytest.approx(100 * shortfall, abs=5e-2)
    assert "batch mean" not in said.split("Mean and variance")[0].split("comes closest")[0]
    said = reason(one, [1, 16], asked(population, noise=noise / 2, shortfall=2 * shortfall))
    (told,) = re.findall(r"At batch size 1 the batch mean is off by ([\d.]+) SD \([^)]*\)\.", said)
    assert float(told) == pytest.approx(noise, abs=5e-4)


def test_a_size_that_is_enough_is_told_with_both_figures():
    one = cohort(between=0.05)
    noise, shortfall = figures(one, 1, "finite")
    (first, second) = re.findall(
        r"off by ([\d.]+) SD \([^)]*\), and the batch variance is ([\d.]+) % too low",
        reason(one, [1, 2], asked("finite", noise=1.0, shortfall=1.0)),
    )[0]
    assert float(first) == pytest.approx(noise, abs=5e-5)
    assert float(second) == pytest.approx(100 * shortfall, abs=5e-3)


def test_a_batch_of_all_samples_is_within_the_limits_for_that_reason_alone():
    """It has no noise. A smaller one has, and a limit of nothing is then met by no other."""
    one = cohort(6)
    limits = {"noise": 0.0, "shortfall": 0.0}
    said = reason(one, [2, 6], asked("finite", **limits))
    assert "Of the compared sizes, 6 is within the limits, but only because it holds every sample." in said
    assert "comes closest" not in said
    alone = reason(one, [6], asked("finite", **limits))
    assert "Batch size 6 takes all of these samples, and has no noise for that reason alone." in alone
    assert "too few to say so" not in alone
    assert "holds every sample" not in reason(one, [2, 5], asked("finite", **limits))


def test_a_size_that_is_within_the_limits_by_the_estimate_alone_has_too_few_samples():
    one = cohort(8, 0.3)
    needed = recommend([one], [1], asked("infinite"), "input")
    assert needed.estimate < needed.most
    said = reason(one, [needed.estimate], asked("infinite"))
    assert f"Batch size {needed.estimate} may be enough for this cohort, but 8 samples are too few to say so" in said
    assert "for that reason alone" not in said


@pytest.mark.parametrize("population", ["finite", "infinite"])
@pytest.mark.parametrize("applies_to", ["input", "array", "layer", "below-batch-norm"])
@pytest.mark.parametrize("files", [None, 1, 3])
def test_entries_of_a_few_files_are_told_where_they_stand_for_other_volumes(population, applies_to, files):
    read = "".join(list(population))  # from a file: another object than the text in the program
    said = reason(cohort(), [1, 16], asked(read), applies_to, files=files)
    stand = files is not None and population == "infinite"
    come = "All 20 samples come from one file. They show how its entries differ"
    if files == 3:
        come = "All 20 samples come from 3 files. They show how their entries differ"
    assert said.startswith(come) == (stand and applies_to != "array")
    assert said.endswith(", if these samples are independent.") == (stand and applies_to == "array")


def test_nothing_is_said_of_ranks_where_there_is_one():
    assert "synchronized" not in reason(cohort(80), [1, 2, 64], asked("finite"))
