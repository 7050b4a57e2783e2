"""Layer norm over channels and space, as the Group Norm paper (Wu & He 2018) draws it: all of a sample is one group.

Keras' and Flax's layers reduce the last axis alone unless they are told more: at each voxel, over its channels.
"""

from __future__ import annotations

from bnstat.layers.normalizers.statistics import Samples, groups_of
from bnstat.layers.results import Group
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, of: Samples, settings: Settings) -> tuple[Group, ...]:
    """Return what a layer-norm layer computes: a group for each sample.

    Args:
        samples: moments of shape (samples, channels).
        of: which samples these are.
        settings: framework and ε.
    """
    return groups_of(samples, of, 1, settings)
