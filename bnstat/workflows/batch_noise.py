"""The noise of the batch mean that `inspect` judges: the figure of `compare`, in closed form and without draws."""

from __future__ import annotations

from math import isfinite

from bnstat.layers.settings import Settings
from bnstat.reading.table import Table
from bnstat.reports.verdict import BatchNoise
from bnstat.workflows.cohorts import telling_cohorts
from bnstat.workflows.notes import few_files


def batch_noise(table: Table, settings: Settings) -> BatchNoise | None:
    """Return the noise of the batch mean in the channel in which it is largest.

    It is None if these samples do not tell it: too few of them, entries of a few image files, different numbers of
    channels, values without a variance, or a layer that shares no batch statistics.

    Args:
        table: the samples, all that were read.
        settings: the layer and its batch size.
    """
    arrays = bool(table.planned) and all(plan.is_array for plan in table.planned)
    if settings.kind != "batch" or (few_files(table.rows.samples) is not None and not arrays):
        return None
    size, found = settings.batch_size, []
    for cohort in telling_cohorts(table.rows, settings) or []:
        noise = cohort.batches("infinite", size).expected(size).mean_noise
        found += [BatchNoise(*one) for one in zip(cohort.channels, noise.tolist(), strict=True)]
    return max((one for one in found if isfinite(one.noise)), key=lambda one: one.noise, default=None)
