"""The noise of the batch mean that `inspect` judges: the figure of `compare`, in closed form and without draws."""

from __future__ import annotations

from math import isfinite

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments
from bnstat.reading.table import Table
from bnstat.report.verdict import BatchNoise
from bnstat.workflows.notes import few_files
from bnstat.workflows.silence import independent


def batch_noise(table: Table, settings: Settings) -> BatchNoise | None:
    """Return the noise of the batch mean in the channel in which it is largest.

    It is None if these samples do not tell it: too few of them, entries of a few image files, different numbers of
    channels, values without a variance, or a layer that shares no batch statistics.

    Args:
        table: the samples, all that were read.
        settings: the layer and its batch size.
    """
    samples = [row.sample for row in table.rows]
    if settings.kind != "batch" or independent(samples, settings) < FEWEST_SAMPLES:
        return None
    arrays = bool(table.planned) and all(plan.is_array for plan in table.planned)
    if len({row.tensor.channels for row in table.rows}) > 1 or (few_files(samples) is not None and not arrays):
        return None
    from bnstat.batch_size.samples import cohorts_of, nesting_of  # noqa: PLC0415  (which one volume does without)

    nesting = nesting_of(samples, settings.preparation.patches)
    size, found = settings.batch_size, []
    for cohort in cohorts_of(Moments.stack([row.moments for row in table.rows]), nesting):
        if cohort.independent >= FEWEST_SAMPLES:
            noise = cohort.batches("infinite", size).expected(size).mean_noise
            found += [BatchNoise(*one) for one in zip(cohort.channels, noise.tolist(), strict=True)]
    return max((one for one in found if isfinite(one.noise)), key=lambda one: one.noise, default=None)
