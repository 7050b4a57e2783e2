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
        constant_patches: the share of patches in which a channel may be constant.
        odd_volume: how far a volume may lie from the middle of its cohort, in robust standard deviations of that.
        drift: how far the mean of a channel may have moved since the reference, in standard deviations of its values.
        drift_spread: by which share their standard deviation may have changed.
    """

    epsilon_share: float = 0.01
    variance_error: float = 0.01
    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1
    small_batch: int = 8
    start_weight: float = 0.01
    scale_ratio: float = 100.0
    constant_patches: float = 0.1
    odd_volume: float = 8.0
    drift: float = 0.1
    drift_spread: float = 0.1


DEFAULT_LIMITS = Limits()
