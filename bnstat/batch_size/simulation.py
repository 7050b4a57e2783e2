"""Simulated runs: the running statistics of real batches in sequence, from the layer's own start."""

from __future__ import annotations

import numpy as np

from bnstat.batch_size import closed_form, draws, train_eval
from bnstat.batch_size.cohort_batches import CohortBatches
from bnstat.batch_size.columns import rows_of
from bnstat.batch_size.draws import Indices
from bnstat.batch_size.patches import PatchBatches
from bnstat.batch_size.results import Runs, Simulated
from bnstat.batch_size.settings import CompareSettings
from bnstat.layers import running

# Simulated runs from which the noise of running statistics is taken: one alone has few settled steps that are
# independent of each other.
RUNS = 16

# How the batches of runs follow each other where the samples are all there are.
_FINITE_ORDERS: tuple[running.Sampling, ...] = ("shuffled", "independent")


def simulated(batches: CohortBatches, settings: CompareSettings) -> list[Runs | None]:
    """Return runs of real batches for each channel; None if no steps, no momentum or no ε were given."""
    channels, whole = batches.cohort.channels, batches.whole
    known = settings.steps is not None and settings.layer.weights(settings.steps) is not None
    if not known or isinstance(whole, closed_form.Groups):
        return [None] * len(channels)
    if whole.kind == "infinite":
        return [Runs(None, one) for one in _runs(batches, whole, "replaced", settings)]
    shuffled, independent = (_runs(batches, whole, order, settings) for order in _FINITE_ORDERS)
    return [Runs(*pair) for pair in zip(shuffled, independent, strict=True)]


def _runs(
    batches: CohortBatches,
    whole: closed_form.Population | PatchBatches,
    order: running.Sampling,
    settings: CompareSettings,
) -> list[Simulated]:
    """Return runs of one order, for each channel of the cohort."""
    layer, steps = settings.layer, settings.steps or 0
    start, weights = layer.framework.running_start, np.array(layer.weights(steps))
    bessel = batches.cohort.bessel(batches.size, layer.framework.unbiased_running_variance)

    # What runs average to, and the runs themselves, which are made one at a time.
    expected = running.expected(whole.mean, batches.form.variance * bessel, weights, steps, start)
    sequences = (_sequence(whole, batches.size, steps, settings.seed + run, order) for run in range(RUNS))
    statistics = (draws.statistics(whole, sequence) for sequence in sequences)
    runs = (running.simulate(means, variances * bessel, weights, start=start) for means, variances in statistics)

    # The noise of their settled steps, and the gap at the end of the first run.
    settled = None if layer.batch_weight is None else running.steps_to_forget(layer.batch_weight)
    first, noise = running.noise_of(runs, expected, settled)
    rms = np.full(len(batches.cohort.channels), np.nan)
    if layer.added is not None:
        rms = train_eval.gap(whole, batches.drawn, layer.added, (first.means[-1], first.variances[-1])).rms
    columns = {
        "running_mean": first.means[-1],
        "running_variance": first.variances[-1],
        "expected_running_mean": expected.means[-1],
        "expected_running_variance": expected.variances[-1],
        "running_mean_sd": noise.mean_sd,
        "running_variance_sd": noise.variance_sd,
        "train_eval_rms": rms,
    }
    return [Simulated(steps, **row) for row in rows_of(columns)]


def _sequence(
    whole: closed_form.Population | PatchBatches, size: int, steps: int, seed: int, order: running.Sampling
) -> Indices:
    """Return the batches of a run as places in `whole.means`, a row for each step.

    Epochs of patches go over their volumes.
    """
    if isinstance(whole, PatchBatches):
        return whole.filled(running.epochs(whole.samples, whole.slots.distinct, steps, seed, order), seed)
    return running.epochs(whole.samples, size, steps, seed, order)
