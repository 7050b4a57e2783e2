"""The evidence that rules judge: of volumes a report, and values that only rules need; checkpoints; networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from bnstat.layers.settings import Settings
from bnstat.reports.inspect import Report
from bnstat.reports.limits import DEFAULT_LIMITS, NETWORK_LIMITS, Limits, NetworkLimits

if TYPE_CHECKING:  # its classes take milliseconds that `inspect` does not need
    from bnstat.batch_size.needed import Needs
    from bnstat.batch_size.results import CurvePoint
    from bnstat.moments.few_values import Distinct
    from bnstat.networks.checkpoints.audit import Audit
    from bnstat.networks.results import Measured


@dataclass(frozen=True, slots=True)
class SampleChannel:
    """One channel of one sample, whatever the sample is normalized together with.

    Attributes:
        count: The number of its values, NaN and Inf among them.
        mean: The mean of its values. It is None if one of them is NaN or Inf, or if there are none.
        variance: The biased variance. It is None in the same cases, and if float64 cannot hold the squares.
        constant: True if all values are equal and finite.
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
        """True if the channel is known to hold two different values."""
        return self.variance is not None and not self.constant


@dataclass(frozen=True, slots=True)
class PooledChannel:
    """All samples of one channel, each with equal weight. Samples with NaN or Inf are left out.

    Attributes:
        samples: The number of samples.
        mean: μ, the mean of the samples' means. It is None if there are no samples.
        deviation: σ = √(w + τ²), where w is the mean of the samples' variances and τ² the variance of their means.
        between: τ, with these samples taken as the whole population.
    """

    samples: int
    mean: float | None
    deviation: float | None
    between: float | None


@dataclass(frozen=True)
class ReferenceStatistics:
    """The moments file, or the fingerprint of nnU-Net, that today's data are compared with.

    Attributes:
        source: The file, as the user named it.
        channels: The pooled statistics of each of its channels.
        foreground: True if they are those of the foreground only, with which today's foreground is compared.
    """

    source: str
    channels: tuple[PooledChannel, ...]
    foreground: bool = False


@dataclass(frozen=True)
class Evidence:
    """The evidence that rules judge.

    `inspect` knows the report alone, and of patches `sample_channels`. Everything else is for rules of `check`.

    Attributes:
        report: What the layer computes for each batch.
        asked: The layer and the batch size that the user asked about. They differ from the report's where samples have
            different shapes, because each sample is then a batch by itself. None if they are the report's.
        limits: The thresholds of the rules.
        shapes: The different shapes of the samples. It is empty where no samples share a batch.
        curve: What the batch size does to samples drawn from a larger set. It is None if it is unknown, as with too few
            samples.
        needs: The batch sizes that channels need whose figures in `curve` are beyond their limits.
        steps: The number of training steps, None if unknown.
        sample_channels: The channels of each sample, in the order of the report's samples. It is empty where no rule
            asks for them.
        distinct: The distinct values of the channels of each sample, in the same order. It is empty where they are not
            known.
        pooled_channels: The pooled statistics of each channel, which are compared with `reference`.
        reference: The statistics that today's data are compared with, None if there are none.
    """

    report: Report
    asked: Settings | None = None
    limits: Limits = DEFAULT_LIMITS
    shapes: tuple[tuple[int, ...], ...] = ()
    curve: CurvePoint | None = None
    needs: tuple[Needs, ...] = ()
    steps: int | None = None
    sample_channels: Sequence[tuple[SampleChannel, ...]] = ()
    distinct: tuple[tuple[Distinct | None, ...], ...] = ()
    pooled_channels: tuple[PooledChannel, ...] = ()
    reference: ReferenceStatistics | None = None

    @property
    def settings(self) -> Settings:
        """The layer and the batch size that the user asked about."""
        return self.report.settings if self.asked is None else self.asked


@dataclass(frozen=True)
class CheckpointEvidence:
    """The evidence that rules of checkpoints judge.

    Attributes:
        audit: What a checkpoint stores of its normalization layers.
        limits: The thresholds of the rules.
    """

    audit: Audit
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True)
class NetworkEvidence:
    """The evidence that rules of networks judge.

    Attributes:
        measured: What was measured of the normalization layers of a network.
        limits: The thresholds of the rules.
    """

    measured: Measured
    limits: NetworkLimits = NETWORK_LIMITS
