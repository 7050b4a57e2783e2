"""What rules see of each sample by itself, at any batch size, and of all samples of a channel together."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Cell:
    """One channel of one sample, whatever it is normalized together with.

    Attributes:
        count: its values, NaN and Inf among them.
        mean: None where one of them is NaN or Inf, or there are none.
        variance: biased; None likewise, and where float64 cannot square them.
        constant: whether all values are one finite value, which then is the mean.
    """

    count: int
    mean: float | None
    variance: float | None
    constant: bool

    @property
    def deviation(self) -> float | None:
        """The square root of the variance."""
        return None if self.variance is None else sqrt(self.variance)

    @property
    def varies(self) -> bool:
        """Whether it is known to hold two values or more."""
        return self.variance is not None and not self.constant


@dataclass(frozen=True, slots=True)
class Pool:
    """All samples of one channel, each with equal weight, those with NaN or Inf left out.

    Attributes:
        samples: how many there are.
        mean: μ, the mean of their means; None where there are none.
        deviation: σ = √(w + τ²): of their mean variance and the variance of their means.
        between: τ, of these samples as all there are.
    """

    samples: int
    mean: float | None
    deviation: float | None
    between: float | None


@dataclass(frozen=True)
class Reference:
    """Kept moments that today's are held against: the file, as the user named it, and each of its channels."""

    source: str
    channels: tuple[Pool, ...]
