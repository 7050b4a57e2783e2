"""The thresholds of the rules: one value for each that a user may set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Thresholds of the rules.

    Attributes:
        epsilon_share: The largest share of ε in variance + ε. The output's standard deviation loses half of it.
        variance_error: The largest error of the framework's own variance, relative to the exact one.
        noise: The largest standard deviation of the batch mean, in standard deviations of the values.
        shortfall: The largest share of the variance of all values that the batch variance may lack.
        gap: The largest root mean square difference between training and evaluation output.
        small_batch: The largest batch size that is called small (`batch_size.published`: errors rise from there down).
        start_weight: The largest share of the initial values in the running statistics after training.
        scale_ratio: The largest ratio between the standard deviations of two channels.
        constant_patches: The largest share of patches in which a channel may be constant.
        odd_volume: The largest distance of a volume from the middle of its cohort, in robust standard deviations.
        drift: The largest move of a channel's mean since the reference, in standard deviations of its values.
        drift_spread: The largest relative change of their standard deviation.
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
