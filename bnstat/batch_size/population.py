"""How the variance of each channel splits: within and between samples, between groups, within and between volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnstat.batch_size.columns import rows_of
from bnstat.batch_size.patches import PatchBatches
from bnstat.batch_size.results import PopulationChannel
from bnstat.batch_size.samples import Cohort, Grouping
from bnstat.batch_size.settings import PopulationKind
from bnstat.moments.moments import Moments


def split(
    table: Moments, cohorts: Sequence[Cohort], kind: PopulationKind, grouping: Grouping
) -> tuple[PopulationChannel, ...]:
    """Return how the variance of each channel splits, in the order of the channels.

    Args:
        table: moments of shape (samples, channels).
        cohorts: the samples of all channels.
        kind: "finite" if the samples are all there are, "infinite" if they stand for a larger set.
        grouping: the group of each sample; None without groups.
    """
    channels = [one for cohort in cohorts for one in _split(table, cohort, kind, grouping)]
    return tuple(sorted(channels, key=lambda one: one.channel))


def _split(table: Moments, cohort: Cohort, kind: PopulationKind, grouping: Grouping) -> list[PopulationChannel]:
    """Return how the variance splits in the channels of one cohort."""
    if not cohort.samples:
        return [PopulationChannel(channel, 0, None, None, None, None, None) for channel in cohort.channels]
    merged = table[np.ix_(cohort.places, np.array(cohort.channels))].merged(axis=0)
    several = cohort.independent > 1
    whole = cohort.as_drawn(kind if several else "finite")
    undefined = np.full(len(cohort.channels), np.nan)
    # the split: without a second sample nothing is known of what lies between samples
    columns = {
        "mean": whole.mean,
        "variance": whole.variance,
        "within": whole.within,
        "between": whole.between if several else undefined,
        "rho": whole.rho if several else undefined,
        "between_groups": undefined if grouping is None else cohort.between_groups(kind, grouping),
        "merged_mean": merged.mean,
        "merged_variance": merged.variance,
    }
    if isinstance(whole, PatchBatches):
        columns |= {
            "between_volumes": whole.between_volumes if several else undefined,
            "between_patches": whole.between_patches,
        }
    # a value for each channel
    volumes = cohort.independent if isinstance(whole, PatchBatches) else None
    counts = merged.finite.tolist()
    return [
        PopulationChannel(channel, cohort.samples, merged_count=count, volumes=volumes, **row)
        for channel, count, row in zip(cohort.channels, counts, rows_of(columns), strict=True)
    ]
