"""The training whose settings were taken, beside the volumes that are read: notes, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.errors import UsageError
from bnstat.sources.opened import Planned
from bnstat.sources.trainings.training import Training


def notes_of(training: Training, planned: Sequence[Planned]) -> tuple[str, ...]:
    """Return notes on the values that were taken, and on volumes that the training resamples.

    Raises:
        UsageError: if volumes are preprocessed already, so that the values do not hold for them.
    """
    _require_raw(training, planned)
    spacings = {
        plan.case.name: plan.volume.spacing for plan in planned if plan.parts and plan.volume.spacing is not None
    }
    return (*training.told, *training.resampling(spacings))


def _require_raw(training: Training, planned: Sequence[Planned]) -> None:
    """Refuse arrays that a training has normalized already, or whose axes it has put into another order."""
    done = next((plan for plan in planned if plan.parts and plan.volume.preprocessed), None)
    if done is None:
        return
    if "intensity" in training.values:
        raise UsageError(
            f'{done.case.name} is preprocessed already, and {training.title} would normalize it again; add `intensity="'
            'none"`, or give the raw images'
        )
    size = training.array_size
    if "size" in training.values and size is not None and size != training.values["size"]:
        raise UsageError(
            f"{done.case.name} is preprocessed, so its axes are in the order of {training.title}; add `size={size}`, "
            "or give the raw images"
        )
