"""What a batch size does, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.layers.settings import Layer

Composition = Literal["mixed", "one_group", "synchronized"]


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
