"""Intensity steps on a volume: resolved in as few passes as possible, and the moments of the changed values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstat.errors import InputError
from bnstat.moments.moments import Doubles, Moments
from bnstat.preprocessing import masks
from bnstat.preprocessing.operations import Operation
from bnstat.preprocessing.passes import Passes
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.walk import Walk
from bnstat.sources.opened import Planned
from bnstat.sources.volume import OnBytes
from bnstat.text import plural


@dataclass(frozen=True, eq=False)
class Resolved:
    """All steps with the numbers of one sample: arrays of shape (channels,)."""

    operations: tuple[Operation, ...]

    def apply(self, values: Doubles) -> Doubles:
        """Return the values of the sample, or of a part of it, after all steps.

        Args:
            values: the values of the file, scale factors applied, with the kept axis last; they are not changed.
        """
        changed = np.array(values, np.float64, copy=True)
        with np.errstate(all="ignore"):
            for operation in self.operations:
                operation.change(changed)
        return changed


def resolve(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> list[Resolved]:
    """Resolve the steps for each sample of a case, in the passes that their statistics need.

    Raises:
        InputError: if a file cannot be read, or a step does not fit its values.
    """
    walk = Walk(planned, np.arange(planned.tensor.channels))
    Passes(planned, None, on_bytes).run([walk.through(preparation.steps, measured=False)])
    return [Resolved(walk.operations_of(sample)) for sample in range(planned.samples)]


def prepared_moments(planned: Planned, preparation: Preparation, on_bytes: OnBytes | None = None) -> Moments:
    """Return the moments of a case after all steps, inside its mask: shape (samples, channels).

    Raises:
        InputError: if a file or the mask cannot be read, no voxel is inside, or a step does not fit the values.
    """
    walk = Walk(planned, np.arange(planned.tensor.channels))
    way = walk.through(preparation.steps, measured=True)
    Passes(planned, masks.opened(planned, preparation), on_bytes).run([way])
    _require_some(walk.inside, planned, preparation)
    return walk.inside


def _require_some(found: Moments, planned: Planned, preparation: Preparation) -> None:
    """Raise InputError if no voxel of a channel is inside the mask."""
    empty = np.argwhere(found.count == 0)
    if preparation.mask is None or not len(empty):
        return
    sample, channel = empty[0]
    of = f" of sample {sample}" if planned.samples > 1 else ""
    what = f"channel {channel}{of}" if planned.tensor.channels > 1 else f"the image{of}"
    more = f" (nor of {plural(len(empty) - 1, 'other')})" if len(empty) > 1 else ""
    raise InputError(
        planned.case.name,
        f"no voxel of {what}{more} is inside the mask {preparation.mask}; check the mask, or leave this input out",
    )
