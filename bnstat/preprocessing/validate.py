"""What voxels go through before the layer gets them: steps on their intensity, and a mask for the statistics."""

from __future__ import annotations

from collections.abc import Iterable

from bnstat.preprocessing import masks, patches, steps
from bnstat.preprocessing.intensity import Resolved, passes, prepared_moments, resolve
from bnstat.preprocessing.masks import inside, named
from bnstat.preprocessing.settings import Preparation

__all__ = ["Resolved", "changes_values", "checked", "files_of", "inside", "passes", "prepared_moments", "resolve"]


def checked(preparation: Preparation) -> None:
    """Refuse what cannot be, before anything is read.

    Raises:
        UsageError: a step or a mask that is not known, a file of either that cannot be used, or patches that no
            volume has.
    """
    steps.parsed(preparation.intensity)
    masks.parsed(preparation.mask)
    patches.require_settings(preparation)


def files_of(preparation: Preparation, sources: Iterable[str]) -> list[str]:
    """The files that it reads beside these inputs: masks, labels, and what steps take their numbers from."""
    mask, drawn = masks.parsed(preparation.mask), preparation.patches
    found = [step.source for step in steps.parsed(preparation.intensity) if isinstance(step, steps.Ct) and step.source]
    patterns = [mask.path] if isinstance(mask, masks.MaskFile) else []
    if drawn is not None and drawn.labels is not None:
        patterns.append(drawn.labels)
    return [*found, *(named(pattern, source) for source in sources for pattern in patterns)]


def changes_values(preparation: Preparation) -> bool:
    """Whether there is a step or a mask: "none" is neither."""
    return preparation.mask is not None or bool(steps.parsed(preparation.intensity))
