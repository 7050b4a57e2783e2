"""What was measured of each normalization of a network: frozen values, from which reports are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy, which explaining a rule does without
    from bnstat.networks.network import Framework
    from bnstat.networks.normalization import Kind

# A figure for each channel, in order; None where it is undefined.
PerChannel = tuple[float | None, ...]


def middle(figures: PerChannel) -> float | None:
    """Return the median over the channels whose figure is defined; None if no channel has one."""
    known = [value for value in figures if value is not None]
    return median(known) if known else None


@dataclass(frozen=True)
class BatchSizeResult:
    """Training batches of one size at one layer: real forward passes, never a merge of smaller batches.

    Attributes:
        batch_size: The number of samples in a batch.
        drawn: The number of batches that were run; 0 if the layer refuses them.
        values: The number of values that the layer reduces for each channel.
        mean_noise: How much the batch mean varies from batch to batch, in standard deviations of all values in batches
            of this size. None if the layer has no batch mean, or fewer than two batches reached it.
        shortfall: What the batch variance lacks of the variance of all values, on average, as a share.
        raises: True if the layer refuses to train with such a batch.
        message: The framework's own words if it does.
    """

    batch_size: int
    drawn: int
    values: int
    mean_noise: PerChannel = ()
    shortfall: PerChannel = ()
    raises: bool = False
    message: str | None = None


@dataclass(frozen=True)
class LayerResult:
    """One normalization of a network, measured on samples. docs/layer-figures.md has the formulas.

    Attributes:
        layer: Its name, as in `Normalization`.
        kind: What it normalizes over.
        functional: True for a call of a function, which no module of its own stands for.
        groups: The number of groups of a group normalization.
        shape: The shape of one sample as it enters, in the framework's own order.
        axis: The axis of `shape` that holds the channels.
        dtype: The type in which it enters.
        channels: The number of channels.
        values: The number of values that are reduced for one sample: of a channel, a group, or all channels; of one
            token, if each is normalized by itself. If shapes differ, that of the sample with the fewest.
        epsilon: ε, which is added to the variance.
        momentum: In the framework's own convention; None without running statistics.
        samples: The number of samples that were run.
        rho: ρ in evaluation mode, the share of the variance that lies between samples, of the larger set that these
            stand for. None with one sample, or patches of one volume.
        dead: The channels that are constant over all samples in evaluation mode.
        constant_in_a_sample: The channels that are constant in at least one sample.
        not_finite: The channels with a NaN or Inf in at least one sample.
        largest: The largest magnitude of a finite value of each channel in evaluation mode; None if it has none.
        epsilon_share: ε/(variance + ε) with the variance that normalizes a single sample, its median over samples (and
            over the tokens of one). Layers over groups or all channels have one value for several channels.
        mean_gap: |stored mean − mean of all samples| in standard deviations of all samples; empty without stored ones.
        variance_ratio: The stored variance divided by that of all samples; empty likewise.
        never_updated: True if the stored statistics are those that training starts with: mean 0 and variance 1 in every
            channel.
        eval_output_variance: The variance of the normalized values in evaluation mode, before γ and β.
        output_moved: How much the network's output changes if this layer alone uses each sample's own statistics:
            the share of places whose class changes, or the relative RMS of one output channel. None if not measured.
        batches: Training batches, in the order of the sizes that were asked for; empty if there is no training mode.
    """

    layer: str
    kind: Kind
    functional: bool
    groups: int | None
    shape: tuple[int, ...]
    axis: int
    dtype: str
    channels: int
    values: int
    epsilon: float
    momentum: float | None
    samples: int
    rho: PerChannel = ()
    dead: tuple[int, ...] = ()
    constant_in_a_sample: tuple[int, ...] = ()
    not_finite: tuple[int, ...] = ()
    epsilon_share: PerChannel = ()
    mean_gap: PerChannel = ()
    variance_ratio: PerChannel = ()
    eval_output_variance: PerChannel = ()
    output_moved: float | None = None
    batches: tuple[BatchSizeResult, ...] = ()
    largest: PerChannel = ()
    never_updated: bool = False

    @property
    def stored(self) -> bool:
        """True if the layer normalizes with stored statistics in evaluation mode."""
        return bool(self.variance_ratio)


@dataclass(frozen=True)
class ModelResult:
    """The network that was measured.

    Attributes:
        source: The model, as the user named it.
        weights: The file of its weights; None without one.
        framework: The framework that ran it.
        parameters: The number of its parameters.
        normalizers: The number of normalizations of each kind.
        trains: True if it can be run in training mode and its layers can be switched.
    """

    source: str
    weights: str | None
    framework: Framework
    parameters: int
    normalizers: dict[Kind, int] = field(default_factory=dict)
    trains: bool = True


@dataclass(frozen=True)
class Measured:
    """A network measured on samples.

    Attributes:
        model: The network.
        layers: Its normalizations, in the order in which they run.
        missed: Sentences on normalizations that cannot be seen.
        samples: The number of samples.
        output: "classes" if `output_moved` counts places whose class changes, "values" for a relative RMS, None if no
            layer was switched.
        output_moved: The same with all layers switched at once; None if that was not measured.
        notes: Sentences on what was not measured, and why.
    """

    model: ModelResult
    layers: tuple[LayerResult, ...]
    missed: tuple[str, ...] = ()
    samples: int = 0
    output: str | None = None
    output_moved: float | None = None
    notes: tuple[str, ...] = ()
