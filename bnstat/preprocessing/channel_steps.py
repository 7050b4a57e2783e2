"""The steps of `--intensity` on the channels of a case: which channel takes which, and how often files are read."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.errors import UsageError
from bnstat.preprocessing.settings import Preparation
from bnstat.preprocessing.steps import Step, needs_filled, passes, percentile_passes
from bnstat.sources.opened import Planned


def steps_of(planned: Planned, preparation: Preparation) -> tuple[tuple[Step, ...], ...]:
    """Return the steps of each channel of a case.

    Raises:
        UsageError: if the steps of `intensity` are for other channels.
    """
    if not planned.kept_last and any(map(needs_filled, preparation.steps)):
        raise UsageError(
            f"`intensity`: zscore-nonzero-filled needs the channels on the last axis, and axis {planned.tensor.axis} "
            f"of {planned.case.name} is kept; leave out `axis`, or take zscore-nonzero"
        )
    return preparation.step_lists.of(planned.case.name, planned.tensor.channels, planned.channels)


def require_channels(planned: Sequence[Planned], preparation: Preparation) -> None:
    """Raise UsageError if steps are for channels that a case does not have, or a channel has none."""
    if preparation.steps or preparation.step_lists.by_channel:
        for plan in planned:
            steps_of(plan, preparation)


def bytes_read(planned: Planned, *preparations: Preparation, again: bool = False) -> int:
    """Return the bytes of all passes over the files of a case: the channels in a file share its passes.

    Args:
        planned: the headers of the case.
        preparations: the preprocessing of its voxels.
        again: True if the voxels themselves are read once the numbers of all steps are known.
    """
    each = zip(planned.parts, passes_over_files(planned, *preparations, again=again), strict=True)
    return sum(part.volume.nbytes * number for part, number in each)


def passes_over_files(planned: Planned, *preparations: Preparation, again: bool = False) -> list[int]:
    """Return how often each file of a case is announced to be read; several preparations share their passes.

    The arguments are those of `bytes_read`.
    """
    if all(preparation.intensity_per == "patch" for preparation in preparations):
        return [1] * len(planned.parts)
    patches = again or any(preparation.patches is not None for preparation in preparations)
    each = [steps_of(planned, preparation) for preparation in preparations]
    filled = any(needs_filled(step) for lists in each for taken in lists for step in taken)  # in a pass over all files
    of_case = max(percentile_passes(part.volume) for part in planned.parts)
    found, first = [], 0
    for part in planned.parts:
        channels = part.arrangement.channels
        own = slice(first, first + channels) if planned.kept_last else slice(None)
        searched = percentile_passes(part.volume) if planned.kept_last else of_case
        needed = [
            passes(taken, searched, patches=patches) - any(map(needs_filled, taken)) + filled
            for lists in each
            for taken in lists[own]
        ]
        found.append(max(needed, default=0))
        first += channels
    return found
