"""What `bnstat compare --batch-sizes` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.frameworks import Framework
from bnstat.report.inspect import Failure, Finding, Sample, names_of
from bnstat.report.preparation import UNPREPARED, Preparation
from bnstat.wording import channel_title

Kind = Literal["finite", "infinite"]
Composition = Literal["mixed", "one_group", "synchronized"]


@dataclass(frozen=True)
class Tolerances:
    """How much of each is acceptable, as shares of a standard deviation or a variance."""

    noise: float = 0.1
    shortfall: float = 0.1
    gap: float = 0.1


@dataclass(frozen=True)
class Layer:
    """A layer: a preset, with the ε and momentum that it has by default or was given.

    Attributes:
        framework: the preset.
        epsilon: None where the preset has none and none was given.
        momentum: of the running statistics, in the framework's own convention; likewise.
    """

    framework: Framework
    epsilon: float | None
    momentum: float | None

    @property
    def batch_weight(self) -> float | None:
        """Weight of one batch in the settled running statistics; None where it is unknown, or falls with each step."""
        return None if self.momentum is None else self.framework.batch_weight(self.momentum)

    @property
    def remembers(self) -> bool:
        """Whether the start of the running statistics weighs anything after the first step."""
        return self.framework.weight_at(1, self.momentum) != 1.0

    def weights(self, steps: int) -> tuple[float, ...] | None:
        """Weight of the batch of each of so many steps; None where it is unknown."""
        found = [self.framework.weight_at(step, self.momentum) for step in range(1, steps + 1)]
        known = tuple(weight for weight in found if weight is not None)
        return known if len(known) == steps else None


@dataclass(frozen=True)
class CompareSettings:
    """What was asked for, with the framework's defaults filled in.

    Attributes:
        layer: whose curve it is.
        others: layers that are answered beside it.
        axis: the kept axis as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given.
        batch_sizes: those that are answered.
        population: whether the samples are all there are, or stand for a larger set.
        draws: batches that are drawn at most for a size.
        seed: of the draws.
        tolerances: of the recommendation.
        ranks: R processes that train together, each on a batch of its own.
        steps: of the simulated runs; None without any.
        group_by: what the samples were grouped by, as it was given.
        preparation: what voxels go through before the layer gets them.
    """

    layer: Layer
    others: tuple[Layer, ...]
    axis: int
    batch_axis: int | None
    batch_sizes: tuple[int, ...]
    population: Kind
    draws: int
    seed: int
    tolerances: Tolerances
    ranks: int = 1
    steps: int | None = None
    group_by: str | None = None
    preparation: Preparation = UNPREPARED


@dataclass(frozen=True)
class SampleGroup:
    """Samples that belong together, as those of one site; `volumes` are those that patches are of, else None."""

    name: str
    samples: int
    volumes: int | None = None


@dataclass(frozen=True)
class PopulationChannel:
    """How the variance of one channel splits. `between` and `rho` are None where one sample is all there is.

    Where samples are patches, `between` is `between_volumes` + `between_patches`: the variance between volumes of the
    mean of their patches, and that of patch means within a volume, averaged over `volumes`; else these three are None.
    `between_groups` is the part of `between` that lies between the groups, None without groups. `merged_mean` and
    `merged_variance` (biased) are those of all values together, weighted by counts: population statistics, or
    "precise BN".
    """

    channel: int
    samples: int
    mean: float | None
    variance: float | None
    within: float | None
    between: float | None
    rho: float | None
    between_groups: float | None = None
    merged_count: int = 0
    merged_mean: float | None = None
    merged_variance: float | None = None
    volumes: int | None = None
    between_volumes: float | None = None
    between_patches: float | None = None


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
class Simulated:
    """Runs of real batches in sequence from the layer's own start.

    Attributes:
        steps: how many.
        running_mean: the buffer of the first run after the last step.
        running_variance: likewise.
        expected_running_mean: what runs of batches that are drawn independently average to after as many steps.
        expected_running_variance: likewise.
        running_mean_sd: noise of the running mean over the settled steps of all runs; None where none has settled.
        running_variance_sd: likewise of the running variance.
        train_eval_rms: RMS difference between training and evaluation output with the buffers of the first run.
    """

    steps: int
    running_mean: float
    running_variance: float
    expected_running_mean: float
    expected_running_variance: float
    running_mean_sd: float | None
    running_variance_sd: float | None
    train_eval_rms: float | None


@dataclass(frozen=True)
class Runs:
    """Simulated runs: of shuffled epochs, and of batches drawn independently at each step.

    `shuffled` is None for an infinite population, which has no epochs.
    """

    shuffled: Simulated | None
    independent: Simulated


@dataclass(frozen=True)
class LayerChannel:
    """What depends on the layer, for one channel of batches of one size; None where it cannot be known.

    Attributes:
        channel: its index on the kept axis.
        running_mean: what the running mean converges to.
        running_variance: what the running variance converges to, in closed form.
        eval_output_variance: variance of the output over all samples under converged running statistics.
        train_eval_rms: root mean square of training output − evaluation output.
        renorm: batch renorm's corrections.
        running_mean_sd: noise of the running mean once it has settled, for batches drawn independently at each step.
        running_variance_sd: likewise of the running variance, from the spread of drawn batches.
    """

    channel: int
    running_mean: float | None = None
    running_variance: float | None = None
    eval_output_variance: float | None = None
    train_eval_rms: float | None = None
    renorm: Renorm | None = None
    running_mean_sd: float | None = None
    running_variance_sd: float | None = None


@dataclass(frozen=True)
class CurveChannel(LayerChannel):
    """What one channel of batches of one size has; None where it cannot be known.

    Attributes:
        expected_variance: of a batch, in closed form.
        variance_shortfall: what that lacks of the variance of all values, as a share.
        mean_sd: standard deviation of the batch mean.
        mean_noise: the same in standard deviations of the values.
        variance_cv: standard deviation of the batch variance over its expectation, from drawn batches.
        observed: expectations and spread from drawn batches.
        simulated: runs of real batches, where steps were given.
    """

    expected_variance: float | None = None
    variance_shortfall: float | None = None
    mean_sd: float | None = None
    mean_noise: float | None = None
    variance_cv: float | None = None
    observed: Observed | None = None
    simulated: Runs | None = None


@dataclass(frozen=True)
class CurvePoint:
    """One batch size: how many batches were drawn, whether these are all, and whether one takes every sample.

    Attributes:
        batch_size: samples in a batch; of synchronized ranks those of all ranks together.
        composition: "mixed" from all samples, "one_group" each of one group, "synchronized" over all ranks.
        batches_drawn: the most of any channel.
        complete: whether these are all batches there are.
        takes_all: whether a batch has every sample, and no noise for that reason.
        channels: an entry for each.
        one_group: the same size where each batch is of one group; None without groups, or where none is so large.
        synchronized: the ranks' batches taken as one; None without ranks, or where there are fewer samples.
    """

    batch_size: int
    composition: Composition
    batches_drawn: int
    complete: bool
    takes_all: bool
    channels: tuple[CurveChannel, ...]
    one_group: CurvePoint | None = None
    synchronized: CurvePoint | None = None


@dataclass(frozen=True)
class LayerCurve:
    """The part of the curve that depends on the layer, for another layer: a tuple of channels for each batch size."""

    layer: Layer
    channels: tuple[tuple[LayerChannel, ...], ...]


@dataclass(frozen=True)
class Recommendation:
    """The least batch size within the tolerances for a larger set than these samples; None where there is none.

    `least` and `most` are the range over resampled cohorts; `synchronized` is the least size of one rank where the
    ranks are synchronized; `applies_to` is "input" (volumes) or "array".
    """

    batch_size: int | None
    least: int | None
    most: int | None
    applies_to: Literal["input", "array"]
    reason: str
    synchronized: int | None = None


@dataclass(frozen=True)
class Forgetting:
    """After how many training steps the start of a layer's running statistics weighs 1 % or less; None for never."""

    layer: Layer
    steps: int | None


@dataclass(frozen=True)
class Comparison:
    """The answer: the population, a curve over batch sizes, and what to do.

    Attributes:
        settings: what was asked for.
        samples: the rows of the table.
        population: how the variance of each channel splits.
        groups: what the samples were grouped into, if they were.
        batch_sizes: the curve.
        others: what the other layers have of it.
        recommendation: None where nothing could be read.
        forgetting: how long each framework's layer remembers its start, the one asked about first.
        findings: samples that were left out.
        errors: inputs that could not be read.
        notes: how the inputs and settings were taken.
    """

    settings: CompareSettings
    samples: tuple[Sample, ...]
    population: tuple[PopulationChannel, ...]
    groups: tuple[SampleGroup, ...]
    batch_sizes: tuple[CurvePoint, ...]
    others: tuple[LayerCurve, ...]
    recommendation: Recommendation | None
    forgetting: tuple[Forgetting, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels, where all samples agree on them."""
        return names_of(self.samples)

    def title_of(self, channel: int) -> str:
        """What to call a channel in a sentence."""
        return channel_title(channel, self.names)

    @property
    def volumes(self) -> int | None:
        """The volumes that samples are patches of; None where samples are no patches."""
        if self.settings.preparation.patches is None:
            return None
        return len({sample.volume for sample in self.samples})
