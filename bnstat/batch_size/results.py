"""The results of a comparison of batch sizes, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.batch_size.settings import PopulationKind, Tolerances
from bnstat.layers.settings import Layer

Composition = Literal["mixed", "one_group", "synchronized"]


@dataclass(frozen=True)
class SampleGroup:
    """Samples that belong together, as those of one site.

    Attributes:
        name: name of the group.
        samples: the number of its samples.
        volumes: the number of volumes that its patches are of; None if samples are volumes.
    """

    name: str
    samples: int
    volumes: int | None = None


@dataclass(frozen=True)
class PopulationChannel:
    """The parts of the variance of one channel, within and between samples, in the unit of the values squared.

    Attributes:
        channel: its index on the kept axis.
        samples: the number of its samples.
        mean: mean of the sample means.
        variance: `within` + `between`.
        within: mean of the samples' variances.
        between: variance of the sample means; None if there is one sample only. Where samples are patches, it is
            `between_volumes` + `between_patches`.
        rho: the share of `between` in `variance`; None if there is one sample only, or all values are equal.
        between_groups: the part of `between` that lies between groups, without what chance adds to it if the samples
            stand for a larger set; None without groups, or if no group of a larger set has two samples.
        merged_count: the number of all values together.
        merged_mean: their mean, in which each sample weighs as much as its count: population statistics ("precise BN").
        merged_variance: their biased variance.
        volumes: the number of volumes; None if samples are volumes.
        between_volumes: variance between volumes of the mean of their patches; None if samples are volumes.
        between_patches: variance of patch means within a volume, averaged over volumes; None if samples are volumes.
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
    """Statistics of drawn batches.

    Attributes:
        variance_mean: mean of the batch variances.
        variance_sd: standard deviation of the batch variances.
        mean_sd: standard deviation of the batch means about the mean of all values.
        eval_output_variance: variance of the output over all samples if the running variance is that of these batches;
            None without an ε.
    """

    variance_mean: float
    variance_sd: float
    mean_sd: float
    eval_output_variance: float | None = None


@dataclass(frozen=True)
class Renorm:
    """Batch renorm's r and d over batches: percentiles, and the share of batches that the paper's limits would clip."""

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
    """Simulated runs of real batches in sequence, from the layer's own start.

    Attributes:
        steps: training steps of a run.
        running_mean: the buffer of the first run after the last step.
        running_variance: the buffer of the first run after the last step.
        expected_running_mean: average after as many steps over runs of batches that are drawn independently.
        expected_running_variance: the same average of the running variance.
        running_mean_sd: noise of the running mean over the settled steps of all runs; None if no step has settled.
        running_variance_sd: the same noise of the running variance.
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
    """Simulated runs of both orders.

    Attributes:
        shuffled: runs of shuffled epochs; None for an infinite population, which has no epochs.
        independent: runs of batches drawn independently at each step.
    """

    shuffled: Simulated | None
    independent: Simulated


@dataclass(frozen=True)
class LayerChannel:
    """The part that depends on the layer, for one channel of batches of one size; None if unknown.

    Attributes:
        channel: its index on the kept axis.
        running_mean: value that the running mean converges to.
        running_variance: value that the running variance converges to, in closed form.
        eval_output_variance: variance of the output over all samples under converged running statistics (closed form).
        train_eval_rms: root mean square of training output − evaluation output, over drawn batches.
        renorm: batch renorm's corrections.
        running_mean_sd: noise of the running mean once it has settled, for batches drawn independently at each step.
        running_variance_sd: the same noise of the running variance, from the spread of drawn batches.
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
    """The statistics of one channel of batches of one size; None if unknown.

    Attributes:
        expected_variance: expected variance of a batch, in closed form.
        variance_shortfall: what the expected variance lacks, as a share of the variance of all values.
        mean_sd: standard deviation of the batch mean.
        mean_noise: the same in standard deviations of the values.
        variance_cv: standard deviation of the batch variance over its expectation, from drawn batches.
        observed: statistics of drawn batches.
        simulated: runs of real batches, if steps were given.
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
    """One batch size.

    Attributes:
        batch_size: samples in a batch; with synchronized ranks those of all ranks together.
        composition: "mixed" from all samples, "one_group" each of one group, "synchronized" over all ranks.
        batches_drawn: the number of drawn batches; the most of any channel.
        complete: True if these are all batches that there are.
        takes_all: True if a batch has every sample, and no noise for that reason.
        channels: an entry for each.
        one_group: the same size where each batch is of one group; None without groups, or if none is so large.
        synchronized: the ranks' batches taken as one; None without ranks, or if there are fewer samples.
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
    """The part of the curve that depends on the layer, for another layer: its channels for each batch size."""

    layer: Layer
    channels: tuple[tuple[LayerChannel, ...], ...]


@dataclass(frozen=True)
class NeededSize:
    """The batch size from which figures are within their limits, with what is known of it from these samples.

    Attributes:
        estimate: the size for the figures as these samples have them; None if no size is enough.
        least: the lower end of the range in which the size lies; None if no size is enough.
        most: its upper end, which is enough with the stated confidence; None if no size is known to be.
    """

    estimate: int | None
    least: int | None
    most: int | None


@dataclass(frozen=True)
class ChannelFigures:
    """The figures of one channel at one batch size.

    Attributes:
        batch_size: samples in a batch.
        channel: its index on the kept axis.
        noise: standard deviation of the batch mean, in standard deviations of all values.
        shortfall: what the batch variance lacks, as a share of the variance of all values.
        gap: root mean square difference between training and evaluation output; None without an ε.
    """

    batch_size: int
    channel: int
    noise: float
    shortfall: float
    gap: float | None


@dataclass(frozen=True)
class Unjudged:
    """A channel that the recommendation does not speak of.

    Attributes:
        channel: its index on the kept axis.
        samples: the number of its usable samples, or volumes if samples are patches.
        reason: why nothing is said of it, as a part of a sentence.
    """

    channel: int
    samples: int
    reason: str


@dataclass(frozen=True)
class Recommendation:
    """The least compared batch size within the limits, for the population that is shown, and the size that is needed.

    Attributes:
        batch_size: the least compared size that is enough with this confidence; None if none is, or nothing is known.
        least: the lower end of the 90 % range of the size that is needed; None if nothing is known.
        most: the upper end of that range; None if no size is known to be enough.
        applies_to: what the layer is applied to: the "input" of a network (volumes), a saved "array", or what enters a
            "layer" of a network; "below-batch-norm" if training batches there are no merge of these samples.
        headline: the first sentence of `reason`.
        reason: the verdict, in sentences.
        synchronized: the least size of one rank where ranks are synchronized; None without ranks, or if none is enough.
        population: "finite" if the verdict is for exactly these samples, "infinite" if for a larger set.
        samples: the number of usable samples, or volumes if samples are patches, of the channel with the fewest that is
            judged; 0 if none is.
        confidence: the confidence with which `batch_size` and `most` are enough; None if nothing is estimated, as for
            exactly these samples.
        estimate: the size that these samples say is needed; None if nothing is known or no size is enough.
        mean_and_variance: the size needed for the noise of the batch mean and the shortfall of the batch variance.
        gap: the size needed for the train/eval gap; None without an ε.
        channel: the channel that needs the largest size; None if no channel is judged.
        smallest: the figures of that channel at the smallest compared size.
        recommended: its figures at `batch_size`; None if no size is enough.
        limits: the limits of the figures.
        unjudged: the channels that this does not speak of.
    """

    batch_size: int | None
    least: int | None
    most: int | None
    applies_to: Literal["input", "array", "layer", "below-batch-norm"]
    headline: str
    reason: str
    synchronized: int | None
    population: PopulationKind
    samples: int
    confidence: float | None
    estimate: int | None
    mean_and_variance: NeededSize | None
    gap: NeededSize | None
    channel: int | None
    smallest: ChannelFigures | None
    recommended: ChannelFigures | None
    limits: Tolerances
    unjudged: tuple[Unjudged, ...]


@dataclass(frozen=True)
class Forgetting:
    """The number of steps for which a layer's running statistics remember their start.

    Attributes:
        layer: the layer.
        steps: training steps after which the start weighs 1 % or less; None for never.
    """

    layer: Layer
    steps: int | None
