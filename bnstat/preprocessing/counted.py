"""A case whose values are counted in bins: whole volumes in one pass after the steps, or patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from bnstat.moments.bins import Bins
from bnstat.preprocessing.crops import Crops
from bnstat.preprocessing.intensity import count_prepared
from bnstat.preprocessing.operations import Operations
from bnstat.preprocessing.patches import too_large
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.preprocessing.value_counts import Picked, ValueCounts
from bnstat.sources.opened import Planned
from bnstat.sources.volume import Array, OnBytes


def count_values(
    planned: Planned,
    preparation: Preparation,
    bins: Mapping[int, Bins],
    picked: Sequence[Picked] = (),
    on_bytes: OnBytes | None = None,
    known: Sequence[Operations] = (),
) -> ValueCounts:
    """Count the values of a case that the layer gets: those whose moments `samples.rows_of` returns.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing of its voxels.
        bins: the bins of each channel by its place on the kept axis; a channel without any is not counted in bins.
        picked: voxels that are kept. Of patches, they are those of the whole volume.
        on_bytes: called with the bytes that were read, now and then.
        known: for each sample, what the steps do to its values, as `samples.Row` has it; empty if this is not known.

    Returns:
        The counts of each sample; all patches of a sample are counted together.

    Raises:
        InputError: if a file is truncated or damaged, or cannot be read, or a step does not fit its values.
        UsageError: if such patches cannot be drawn from the case.
    """
    if preparation.patches is None:
        counts = ValueCounts(planned, bins, picked)
        count_prepared(planned, preparation, counts.of_channels, on_bytes, known)
        counts.finish()
        return counts
    if picked:
        count_values(planned, shown_preparation(preparation), {}, picked)
    return _of_patches(planned, preparation, bins, on_bytes)


def shown_preparation(preparation: Preparation) -> Preparation:
    """Return the preprocessing of the whole volumes that are shown: none if steps take their numbers from patches."""
    return UNPREPARED if preparation.intensity_per == "patch" else replace(preparation, patches=None)


def _of_patches(
    planned: Planned, preparation: Preparation, bins: Mapping[int, Bins], on_bytes: OnBytes | None
) -> ValueCounts:
    crops = Crops.drawn(planned, preparation)
    counts = ValueCounts(planned, bins)
    try:
        if crops.by_patch:
            _count_entries(crops, bins, counts, on_bytes)
        elif preparation.intensity is not None:
            for (index, _), (values, _) in zip(crops.chosen, crops.changed(on_bytes), strict=True):
                _count_crop(crops, counts, index, values, 0)
        else:
            first = 0
            for part in planned.parts:
                for (index, _), stored in zip(crops.chosen, crops.stored(part, on_bytes, None), strict=True):
                    _count_crop(crops, counts, index, _scaled(stored, part.volume.slope, part.volume.intercept), first)
                first += part.arrangement.channels
    except MemoryError as error:
        raise too_large(crops) from error
    return counts


def _scaled(stored: Array, slope: float, intercept: float) -> Array:
    if (slope, intercept) == (1.0, 0.0):
        return stored
    with np.errstate(all="ignore"):
        return np.asarray(stored.astype(np.float64) * slope + intercept)


def _count_crop(crops: Crops, counts: ValueCounts, index: int | None, values: Array, first: int) -> None:
    """Count the values of a patch, the channels from `first` on, and a zero for each voxel beyond the volume."""
    missing = prod(crops.size) - prod(values.shape[:-1])
    for channel in range(values.shape[-1]):
        group = (index or 0) * crops.planned.tensor.channels + first + channel
        with np.errstate(all="ignore"):
            counts.add(group, values[..., channel].reshape(-1))
        if missing:
            counts.add(group, np.zeros(1), np.array([missing]))


def _count_entries(crops: Crops, bins: Mapping[int, Bins], counts: ValueCounts, on_bytes: OnBytes | None) -> None:
    """Count the values of patches that the steps change each by itself."""
    entries, alone = crops.as_entries(on_bytes)
    each = count_values(entries, alone, bins)
    for number, (index, _) in enumerate(crops.chosen):
        counts.take(each, number, index or 0)
