"""The training whose settings were taken, beside the volumes that are read: notes, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.errors import UsageError
from bnstat.sources.opened import Planned
from bnstat.sources.trainings.training import Training
from bnstat.text import plural


def notes_of(training: Training, planned: Sequence[Planned]) -> tuple[str, ...]:
    """Return notes on the values that were taken, and on volumes that the training resamples.

    Raises:
        UsageError: if the values do not hold, because volumes are preprocessed already or have other channels.
    """
    _require_raw(training, planned)
    _require_channels(training, planned)
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


def _require_channels(training: Training, planned: Sequence[Planned]) -> None:
    """Refuse volumes with another number of channels than the training has intensities of."""
    if training.channels is None or "intensity" not in training.values:
        return
    other = next((plan for plan in planned if plan.parts and plan.tensor.channels != training.channels), None)
    if other is not None:
        raise UsageError(
            f"{training.title} is of {plural(training.channels, 'channel')}, and {other.case.name} has "
            f"{other.tensor.channels:,}; give the plans of these data, or say the steps with `intensity`"
        )
