"""Weight norm's data-dependent start (Salimans & Kingma 2016): g = 1/σ and b = −μ/σ from one batch.

Weight norm is a reparameterization of weights and normalizes no values. But its layers start with the g and b that
give the first batch mean 0 and variance 1 in each channel. The paper has no ε there.
"""

from __future__ import annotations

from dataclasses import replace

from bnstat.layers.normalizers import batch
from bnstat.layers.results import Channel, Start
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments


def normalize(samples: Moments, settings: Settings) -> tuple[Channel, ...]:
    """Return the start that each channel of a batch gives, or of several, one after the other.

    Args:
        samples: moments, as for `batch.normalize`.
        settings: the layer; an ε that was given is added to the variance, as some implementations do.
    """
    own = replace(settings, epsilon=settings.epsilon or 0.0)
    return tuple(_started(channel) for channel in batch.normalize(samples, own))


def _started(channel: Channel) -> Channel:
    g = channel.gain
    b = None if g is None or channel.mean is None else -channel.mean * g
    return replace(channel, running_mean=None, running_variance=None, start=Start(g, b))
