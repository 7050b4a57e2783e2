"""How the batch and the running statistics of each layer went through a training: frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnstat.networks.normalization import Kind
from bnstat.networks.results import PerChannel


@dataclass(frozen=True)
class Part:
    """A part of the training at one layer: the first, the middle or the last third of its recorded steps.

    Attributes:
        name: "first", "middle" or "last".
        first_step: The first recorded step of the part.
        last_step: The last one.
        recorded: The number of recorded steps.
        mean_noise: How much the batch mean varied from one recorded step to the next, in standard deviations of all
            values: √(½ · mean (mₜ₊₁ − mₜ)²), which a slow change of the mean with the weights does not enter. None if
            fewer than two steps are recorded, or if the values do not vary.
        rho: ρ, the share of the variance that lies between samples: from the samples of the batches if these have two
            or more (unbiased), or else the noise squared.
        drift: How far the running mean lay from the batch means, |mean (running mean − batch mean)| in standard
            deviations of all values; empty without running statistics.
        variance_ratio: The running variance divided by the mean variance of the batches; empty likewise.
    """

    name: str
    first_step: int
    last_step: int
    recorded: int
    mean_noise: PerChannel
    rho: PerChannel
    drift: PerChannel = ()
    variance_ratio: PerChannel = ()


@dataclass(frozen=True)
class Point:
    """A few recorded steps that follow each other, as a point of a curve: medians over channels.

    Attributes:
        step: The first of the steps.
        mean_noise: As of `Part`.
        drift: As of `Part`; None without running statistics.
        drift_limit: The drift that noise alone may give with so few steps, and 0.1 SD; None likewise.
    """

    step: int
    mean_noise: float | None
    drift: float | None
    drift_limit: float | None


@dataclass(frozen=True)
class RecordedLayer:
    """One normalization layer in a recorded training.

    Attributes:
        layer: Its name.
        kind: What it normalizes over.
        shape: The shape of its input in the last recorded step.
        axis: The axis of that shape that holds the channels.
        dtype: The types in which its input came, in order of appearance.
        channels: The number of channels.
        epsilon: ε, which is added to the variance; None if it is not known.
        momentum: In the framework's own convention; None without running statistics, or for a cumulative average.
        samples: The least and the greatest number of samples along axis 0.
        between_known: True if ρ is of the samples of each batch, False if it is of the batches of many steps.
        parts: The first, the middle and the last third of the recorded steps; fewer if there are fewer steps.
        points: The same in finer parts, for a curve.
        settled_step: The step from which on the running mean stays near the batch means; None if it does not.
        lags: True if the running mean is still away from the batch means in the last third.
        constant: The channels that were constant in the last recorded step.
        not_finite_steps: The number of recorded steps in which the input had NaN or Inf.
        broken_step: The step from which on, to the end, the running statistics have NaN or Inf; None without.
        frozen_steps: The number of recorded steps in which it normalized with its stored statistics.
    """

    layer: str
    kind: Kind
    shape: tuple[int, ...]
    axis: int
    dtype: tuple[str, ...]
    channels: int
    epsilon: float | None
    momentum: float | None
    samples: tuple[int, int]
    between_known: bool
    parts: tuple[Part, ...]
    points: tuple[Point, ...] = field(default=(), repr=False)
    settled_step: int | None = None
    lags: bool = False
    constant: tuple[int, ...] = ()
    not_finite_steps: int = 0
    broken_step: int | None = None
    frozen_steps: int = 0

    @property
    def stored(self) -> bool:
        """True if the layer keeps running statistics."""
        return any(part.drift for part in self.parts)
