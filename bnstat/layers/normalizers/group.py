"""Group norm (Wu & He 2018): consecutive channels of a sample in groups of one size.

One group is layer norm, as many groups as channels are instance norm.
"""

from __future__ import annotations

from bnstat.layers.normalizers.statistics import Samples, groups_of
from bnstat.layers.results import Group
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, of: Samples, settings: Settings) -> tuple[Group, ...]:
    """Return what a group-norm layer computes.

    Args:
        samples: moments of shape (samples, channels).
        of: which samples these are.
        settings: framework, ε and the number of groups.

    Raises:
        UsageError: if the groups do not divide the channels.
    """
    settings.require_channels(samples.shape[1])
    return groups_of(samples, of, settings.groups or 1, settings)
