"""The thresholds of the rules: one value for each that a user may set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf

from bnstat.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """Thresholds of the rules.

    Attributes:
        epsilon_share: The largest share of ε in variance + ε. The output's standard deviation loses half of it.
        variance_error: The largest error of the framework's own variance, relative to the exact one.
        noise: The largest standard deviation of the batch mean, in standard deviations of the values.
        shortfall: The largest share of the variance of all values that the batch variance may lack.
        gap: The largest root mean square difference between training and evaluation output.
        small_batch: The largest batch size that is called small: in published results, errors rise from there down.
        start_weight: The largest share of the initial values in the running statistics after training.
        scale_ratio: The largest ratio between the standard deviations of two channels.
        constant_patches: The largest share of patches in which a channel may be constant.
        clipped_voxels: The largest share of a channel's voxels that the preprocessing may clip.
        odd_volume: The largest distance of a volume from the middle of its cohort, in robust standard deviations.
        drift: The largest move of a channel's mean since the reference, in standard deviations of its values.
        drift_spread: The largest relative change of their standard deviation.
        moved: The largest share of a network's output that may change if one layer uses each sample's own statistics.
            In two U-Nets trained at batch size 1, four of 18 layers changed 15 to 26 %, and each other less than 6 %
            (docs/concepts/inside-the-network.md).
        mean_gap: The largest distance between a mean that a layer of a network stores and that of the samples, in
            standard deviations of the values. A quarter of one is what a mean of 16 independent values is uncertain by.
        variance_ratio: The largest factor between a variance that a layer of a network stores and that of the samples,
            in either direction. Beyond 2 the output has a standard deviation over 1.41 or below 0.71, where training
            gave 1.

    Raises:
        UsageError: if one of them is no finite number of at least 0, or `small_batch` is no whole number.
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
    clipped_voxels: float = 0.1
    odd_volume: float = 8.0
    drift: float = 0.1
    drift_spread: float = 0.1
    moved: float = 0.05
    mean_gap: float = 0.25
    variance_ratio: float = 2.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            wrong = fault_of(name, value)
            if wrong is not None:
                raise UsageError(f"`{name}` of the limits {wrong}")


def fault_of(name: str, value: float) -> str | None:
    """Return what is wrong with a threshold, as the end of a sentence about it; None if nothing is."""
    if not 0 <= value < inf:
        return f"must be 0 or more, and is {value:g}"
    if name == "small_batch" and not float(value).is_integer():
        return f"must be a whole number, and is {value:g}"
    return None


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class NetworkLimits:
    """Thresholds of the rules on the layers of a network, a part of `Limits`.

    Attributes:
        moved: The largest share of the output that may change if one layer uses each sample's own statistics.
        mean_gap: The largest distance between a stored mean and that of the samples, in standard deviations.
        variance_ratio: The largest factor between a stored variance and that of the samples, in either direction.
        epsilon_share: The largest share of ε in variance + ε.
    """

    moved: float = DEFAULT_LIMITS.moved
    mean_gap: float = DEFAULT_LIMITS.mean_gap
    variance_ratio: float = DEFAULT_LIMITS.variance_ratio
    epsilon_share: float = DEFAULT_LIMITS.epsilon_share

    @classmethod
    def of(cls, limits: Limits) -> NetworkLimits:
        """Return those of all thresholds that are about the layers of a network."""
        return cls(limits.moved, limits.mean_gap, limits.variance_ratio, limits.epsilon_share)


NETWORK_LIMITS = NetworkLimits()
