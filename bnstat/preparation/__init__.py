"""What voxels go through before the layer gets them: steps on their intensity, and a mask for the statistics."""

from __future__ import annotations

from bnstat.preparation import masks, steps
from bnstat.preparation.intensity import Resolved, passes, prepared_moments, resolve
from bnstat.preparation.masks import inside
from bnstat.report import Preparation

__all__ = ["Resolved", "changes_values", "checked", "inside", "passes", "prepared_moments", "resolve"]


def checked(preparation: Preparation) -> None:
    """Refuse what cannot be, before anything is read.

    Raises:
        UsageError: a step or a mask that is not known, or a file of either that cannot be used.
    """
    steps.parsed(preparation.intensity)
    masks.parsed(preparation.mask)


def changes_values(preparation: Preparation) -> bool:
    """Whether there is a step or a mask: "none" is neither."""
    return preparation.mask is not None or bool(steps.parsed(preparation.intensity))
