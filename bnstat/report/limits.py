"""What rules judge by: one value for each threshold that a user may set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Thresholds of the rules.

    Attributes:
        epsilon_share: ε's share of variance + ε beyond which it is seen in the output: half of it is what the output's
            standard deviation loses.
        variance_error: how far the framework's own variance may be off, relative to the exact one.
        noise: of the batch mean, in standard deviations of the values.
        shortfall: what the batch variance may lack of that of all values, as a share.
        gap: RMS difference between training and evaluation output.
        small_batch: batch sizes up to this are called small; published errors rise from there down (arXiv 1803.08494).
        start_weight: what the start of the running statistics may still weigh after the steps of a training.
        scale_ratio: how many times the standard deviation of one channel may be that of another.
    """

    epsilon_share: float = 0.01
    variance_error: float = 0.01
    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1
    small_batch: int = 8
    start_weight: float = 0.01
    scale_ratio: float = 100.0


DEFAULT_LIMITS = Limits()
