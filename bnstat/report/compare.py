"""What `bnstat compare --batch-sizes` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.frameworks import Framework
from bnstat.report.inspect import Failure, Finding, Sample

Kind = Literal["finite", "infinite"]


@dataclass(frozen=True)
class Tolerances:
    """How much of each is acceptable, as shares of a standard deviation or a variance."""

    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1


@dataclass(frozen=True)
class CompareSettings:
    """What was asked for, with the framework's defaults filled in.

    Attributes:
        framework: the preset.
        epsilon: of the layer.
        momentum: of its running statistics, in the framework's own convention.
        axis: the kept axis as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given.
        batch_sizes: those that are answered.
        population: whether the samples are all there are, or stand for a larger set.
        draws: batches that are drawn at most for a size.
        seed: of the draws.
        tolerances: of the recommendation.
    """

    framework: Framework
    epsilon: float
    momentum: float
    axis: int
    batch_axis: int | None
    batch_sizes: tuple[int, ...]
    population: Kind
    draws: int
    seed: int
    tolerances: Tolerances

    @property
    def batch_weight(self) -> float:
        """Weight of one batch in the running statistics."""
        return self.framework.batch_weight(self.momentum)


@dataclass(frozen=True)
class PopulationChannel:
    """How the variance of one channel splits. `between` and `rho` are None where one sample is all there is.

    `merged_mean` and `merged_variance` (biased) are those of all values together, weighted by counts: population
    statistics, or "precise BN".
    """

    channel: int
    samples: int
    mean: float | None
    variance: float | None
    within: float | None
    between: float | None
    rho: float | None
    merged_count: int = 0
    merged_mean: float | None = None
    merged_variance: float | None = None


@dataclass(frozen=True)
class Observed:
    """The same from drawn batches."""

    variance_mean: float
    variance_sd: float
    mean_sd: float


@dataclass(frozen=True)
class Renorm:
    """Batch renorm's r and d over batches: percentiles, and the share beyond [1/3, 3] and ±5."""

    r_p05: float
    r_p50: float
    r_p95: float
    d_p05: float
    d_p50: float
    d_p95: float
    r_clipped: float
    d_clipped: float


@dataclass(frozen=True)
class CurveChannel:
    """What one channel of batches of one size has; None where it cannot be known.

    Attributes:
        channel: its index on the kept axis.
        expected_variance: of a batch, in closed form.
        variance_shortfall: what that lacks of the variance of all values, as a share.
        mean_sd: standard deviation of the batch mean.
        mean_noise: the same in standard deviations of the values.
        variance_cv: standard deviation of the batch variance over its expectation, from drawn batches.
        observed: expectations and spread from drawn batches.
        eval_output_variance: variance of the output over all samples under converged running statistics.
        train_eval_rms: root mean square of training output − evaluation output.
        renorm: batch renorm's corrections.
        running_mean_sd: noise of the running mean once it has settled, for batches drawn independently at each step.
        running_variance_sd: likewise of the running variance, from the spread of drawn batches.
    """

    channel: int
    expected_variance: float | None = None
    variance_shortfall: float | None = None
    mean_sd: float | None = None
    mean_noise: float | None = None
    variance_cv: float | None = None
    observed: Observed | None = None
    eval_output_variance: float | None = None
    train_eval_rms: float | None = None
    renorm: Renorm | None = None
    running_mean_sd: float | None = None
    running_variance_sd: float | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One batch size: how many batches were drawn, whether these are all, and whether one takes every sample."""

    batch_size: int
    batches_drawn: int
    complete: bool
    takes_all: bool
    channels: tuple[CurveChannel, ...]


@dataclass(frozen=True)
class Recommendation:
    """The least batch size within the tolerances for a larger set than these samples; None where there is none.

    `least` and `most` are the range over resampled cohorts; `applies_to` is "input" (volumes) or "array".
    """

    batch_size: int | None
    least: int | None
    most: int | None
    applies_to: Literal["input", "array"]
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The answer: the population, a curve over batch sizes, and what to do.

    `steps_to_forget` is after how many training steps the start of the running statistics weighs 1 % or less; None
    where it never does.
    """

    settings: CompareSettings
    samples: tuple[Sample, ...]
    population: tuple[PopulationChannel, ...]
    batch_sizes: tuple[CurvePoint, ...]
    recommendation: Recommendation | None
    steps_to_forget: int | None = None
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
