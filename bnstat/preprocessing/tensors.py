"""The samples themselves, after all preprocessing, as a training would hand them to a network.

Each is made by the steps and at the positions that its moments are made by (`samples.rows_of`), so both agree but for
the rounding to float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import UsageError
from bnstat.preprocessing.crops import Crops
from bnstat.preprocessing.intensity import Resolved, resolve
from bnstat.preprocessing.patches import too_large
from bnstat.preprocessing.samples import sample_of
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import of_mask
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.case import CaseFile
from bnstat.sources.opened import Planned
from bnstat.sources.sample import Sample
from bnstat.sources.volume import Array, OnBytes

# Values that are changed together in float64, so that a large volume is never held in that type.
_TOGETHER = 1 << 20

Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """A sample as it enters a network.

    Attributes:
        sample: its identity.
        values: its values after all steps, spatial axes in file order, channels last.
    """

    sample: Sample
    values: Singles


def require_values(preparation: Preparation) -> None:
    """Refuse a mask that only chooses which voxels are counted, since a network gets them all.

    Raises:
        UsageError: if no intensity step takes its statistics inside the mask.
    """
    if preparation.mask is None or of_mask(preparation.steps) is not None:
        return
    raise UsageError(
        f"`mask={preparation.mask}` chooses the voxels that are counted, and a network gets all voxels; leave it out, "
        "or let a step take its statistics inside of it, as in `intensity=zscore:mask`"
    )


def prepared_samples(
    planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None
) -> Iterator[PreparedSample]:
    """Read a case, and yield its samples in the order of `rows_of`.

    Args:
        planned: the headers of the case.
        preparation: the preprocessing of its voxels.
        on_bytes: called with the bytes that were read, now and then.

    Raises:
        InputError: if a file is truncated or damaged, or cannot be read, or a step does not fit its values.
        UsageError: if such patches cannot be drawn from the case.
    """
    if preparation.patches is not None:
        yield from _patches(planned, preparation, on_bytes)
        return
    several = planned.parts[0].arrangement.samples_axis is not None
    for index, values in enumerate(_volumes(planned, preparation, on_bytes)):
        yield PreparedSample(sample_of(planned, index if several else None), values)


def _patches(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None) -> Iterator[PreparedSample]:
    """Yield the patches of a case, with their padding."""
    crops = Crops.drawn(planned, preparation)
    try:
        for (index, patch), values in zip(crops.chosen, _of_crops(crops, on_bytes), strict=True):
            yield PreparedSample(replace(sample_of(planned, index), patch=patch), values)
    except MemoryError as error:
        raise too_large(crops) from error


def _of_crops(crops: Crops, on_bytes: OnBytes | None) -> Iterator[Singles]:
    if crops.by_patch:
        yield from _volumes(*crops.as_entries(on_bytes))
        return
    for (_, patch), (values, _) in zip(crops.chosen, crops.changed(on_bytes), strict=True):
        yield _as_singles(crops.padded(values, patch))


def _volumes(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> Iterator[Singles]:
    """Yield the whole samples of a case."""
    if len(planned.parts) > 1 and not planned.kept_last:
        raise UsageError(
            f"{planned.case.name} has several files, which are joined as channels, and axis {planned.tensor.axis} is "
            "kept in their place; leave out `axis`"
        )
    resolved = resolve(planned, preparation, on_bytes)
    stored = [stored_voxels(part.volume, on_bytes) for part in planned.parts]
    for index, steps in enumerate(resolved):
        parts = [_kept_last(values, part, index) for values, part in zip(stored, planned.parts, strict=True)]
        yield _volume(planned, parts, steps)


def _volume(planned: Planned, parts: list[Array], steps: Resolved) -> Singles:
    """Return one sample after its steps: the channels of its files side by side, a few planes at a time."""
    found = np.empty((*parts[0].shape[:-1], planned.tensor.channels), np.float32)
    # without spatial axes the channels are all there is
    planes = max(1, _TOGETHER // found[0].size) if found.ndim > 1 else len(found)
    for start in range(0, len(found), planes):
        some = slice(start, start + planes)
        values = [_scaled(part[some], file) for part, file in zip(parts, planned.parts, strict=True)]
        filled = None if steps.filled is None else steps.filled[some]
        found[some] = _as_singles(steps.apply(np.concatenate(values, axis=-1), filled))
    return found


def _kept_last(stored: Array, file: CaseFile, index: int) -> Array:
    """Return one sample of a file with the kept axis last."""
    if file.arrangement.samples_axis is not None:
        stored = np.moveaxis(stored, file.arrangement.samples_axis, 0)[index]
    if stored.ndim < len(file.arrangement.tensor.sample_shape):
        stored = stored[..., np.newaxis]
    return np.moveaxis(stored, file.arrangement.tensor.axis - 1, -1)


def _scaled(stored: Array, file: CaseFile) -> NDArray[np.float64]:
    volume = file.volume
    with np.errstate(all="ignore"):
        return stored.astype(np.float64) * volume.slope + volume.intercept


def _as_singles(values: NDArray[np.float64]) -> Singles:
    with np.errstate(all="ignore"):  # what float32 cannot hold becomes Inf, as in a training
        return values.astype(np.float32)
