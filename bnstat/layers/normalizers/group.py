"""Group norm (Wu & He 2018): consecutive channels of a sample in groups of one size.

One group is layer norm, as many groups as channels are instance norm.
"""

from __future__ import annotations

from bnstat.errors import UsageError
from bnstat.layers.normalizers.statistics import groups_of
from bnstat.layers.results import Group
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments

# Numbers of groups that a message lists at most.
_MOST_LISTED = 12


def normalize(samples: Moments, places: tuple[int, ...], settings: Settings) -> tuple[Group, ...]:
    """Return what a group-norm layer computes.

    Args:
        samples: moments of shape (samples of the batch, channels).
        places: the index of each sample in the report.
        settings: framework, ε and the number of groups.

    Raises:
        UsageError: if the groups do not divide the channels.
    """
    require(samples.shape[1], settings)
    return groups_of(samples, places, settings.groups or 1, settings)


def require(channels: int, settings: Settings) -> None:
    """Refuse a number of groups that does not divide the channels.

    Raises:
        UsageError: if it does not; the message lists the numbers that do.
    """
    groups = settings.groups
    if groups is None or channels % groups == 0:
        return
    fit = [number for number in range(1, channels + 1) if channels % number == 0]
    listed = ", ".join(f"group:{number}" for number in fit[:_MOST_LISTED]) + (", …" if len(fit) > _MOST_LISTED else "")
    raise UsageError(
        f"group:{groups} does not fit {channels} channels: the number of groups must divide them; use {listed}"
    )
