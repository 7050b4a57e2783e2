"""The results of a normalization layer, as frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from bnstat.preprocessing.clipped_values import ClippedValues
from bnstat.text import channel_title


@dataclass(frozen=True)
class Finite:
    """Statistics over the finite values of a channel that holds NaN or Inf.

    Attributes:
        count: the number of finite values.
        mean: their mean.
        variance: their biased variance.
    """

    count: int
    mean: float | None
    variance: float | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The variance that the framework's own arithmetic gives for values that are normalized together.

    Attributes:
        kind: "emulated": mean and variance are the layer's own, to the bit. "accurate": its variance is within 1 % of
            the exact one. "bounded": it lies between low and high.
        mean: the layer's mean if it is emulated, else the exact one.
        variance: the layer's variance if it is emulated, else the exact one; biased.
        low: the least variance that the layer may report; None if it may be anything.
        high: the greatest variance that the layer may report; None if it may be anything.
        nan_possible: True if its output may be NaN: variance + ε may be negative or 0, or values overflow.
        overflows: True if values, squares or the variance are beyond the range of float16.
        running_overflows: True if the variance is beyond that range where a running variance is kept in float16.
        judged: the least and the greatest variance that rules judge; for plain "keras" without TensorFlow's sums.
        processors: the processors for which it holds, where others sum otherwise; None if it holds for all.
        rounded: True if the values may not be exact in the type of the layer's input.
    """

    kind: Literal["accurate", "bounded", "emulated"]
    mean: float
    variance: float
    low: float | None
    high: float | None
    nan_possible: bool = False
    overflows: bool = False
    running_overflows: bool = False
    judged: tuple[float, float] | None = None
    processors: str | None = None
    rounded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The statistics of all values that are normalized together.

    Attributes:
        count: the number of values that are reduced, NaN and Inf among them.
        mean: their mean.
        variance: their biased variance, which normalizes.
        std: its square root.
        minimum: the least finite value.
        maximum: the greatest finite value.
        nan: the number of NaN values.
        inf: the number of infinite values of either sign.
        constant: True if all values are equal and finite.
        gain: the factor of the layer: 1/√(variance + ε).
        output_variance: variance of the normalized values, variance · gain².
        output_std: its square root.
        epsilon_share: ε/(variance + ε).
        condition_number: √(1 + mean²/variance) (Chan, Golub & LeVeque 1983).
        finite: statistics over the finite values; None if all values are finite.
        prediction: the variance by the framework's own arithmetic; None if the layer gives no variance.
        output_nan: True if the layer divides 0 by 0, because it adds no ε to a variance (rms: a mean square) of 0.
        clipped: how many of the values a step of the preprocessing clips; None if no step does.
    """

    count: int
    mean: float | None
    variance: float | None
    std: float | None
    minimum: Number | None
    maximum: Number | None
    nan: int
    inf: int
    constant: bool
    gain: float | None
    output_variance: float | None
    output_std: float | None
    epsilon_share: float | None
    condition_number: float | None
    finite: Finite | None
    prediction: Prediction | None = None
    output_nan: bool = False
    clipped: ClippedValues | None = None

    @property
    def clipped_share(self) -> float | None:
        """The share of the values that a step of the preprocessing clips; None if no step does."""
        return None if self.clipped is None or not self.count else self.clipped.total / self.count

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers by name, to make a channel or a group of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def title(self) -> str:
        """The name in a sentence."""
        raise NotImplementedError

    @property
    def place(self) -> int:
        """The place among the parts of the batch."""
        raise NotImplementedError

    @property
    def divisor(self) -> float | None:
        """The value that ε is added to under the square root."""
        return self.variance

    @property
    def output(self) -> float | None:
        """The layer's output for the divisor: 1 if ε is 0."""
        return self.output_variance


@dataclass(frozen=True, slots=True)
class Correction:
    """Batch renorm's corrections of one channel of one batch (Ioffe 2017), without clipping, as in Keras.

    Attributes:
        r: √(variance + ε) over the running standard deviation before the batch.
        d: mean minus the running mean before the batch, over the same deviation.
        r_clipped: True if r lies outside of [1/3, 3], where the paper's schedule of clipping ends.
        d_clipped: True if |d| is over 5, where it ends too.
    """

    r: float | None
    d: float | None
    r_clipped: bool | None
    d_clipped: bool | None


@dataclass(frozen=True, slots=True)
class Start:
    """Weight norm's data-dependent start for one channel (Salimans & Kingma 2016).

    Attributes:
        g: 1/σ; None if σ is 0.
        b: −μ/σ; None if σ is 0.
    """

    g: float | None
    b: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Statistics):
    """The results for one channel of one batch.

    Attributes:
        channel: its index on the kept axis.
        running_mean: the layer's buffer after one training step; with batch renorm after the steps up to this batch.
        running_variance: the same buffer of the variance, biased or not as the framework has it.
        correction: r and d of batch renorm; None with other normalizers.
        start: weight norm's start; None with other normalizers.
        name: name of the channel, if all samples of the batch agree on one.
    """

    channel: int
    running_mean: float | None
    running_variance: float | None
    correction: Correction | None = None
    start: Start | None = None
    name: str | None = None

    @property
    def title(self) -> str:
        """The name in a sentence."""
        return f"channel {self.channel}" + (f" ({self.name})" if self.name else "")

    @property
    def place(self) -> int:
        """The place among the channels of the batch."""
        return self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Statistics):
    """The results for some channels of one sample, which are normalized together.

    Attributes:
        group: its place among the groups of the batch.
        sample: the index of its sample in the report.
        channels: their indices on the kept axis.
        name: name of its channel, if it has a single one whose name is known.
    """

    group: int
    sample: int
    channels: tuple[int, ...]
    name: str | None = None

    @property
    def place(self) -> int:
        """The place among the groups of the batch."""
        return self.group

    @property
    def span(self) -> str:
        """The channels, as in "2" or "0–3"."""
        first, last = self.channels[0], self.channels[-1]
        return str(first) if first == last else f"{first}–{last}"

    @property
    def title(self) -> str:
        """The name in a sentence."""
        named = f" ({self.name})" if self.name else ""
        kind = "channel" if len(self.channels) == 1 else "group of channels"
        return f"{kind} {self.span}{named} of sample {self.sample}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RmsGroup(Group):
    """The results of RMS norm for one group; it subtracts no mean, and its gain and share of ε are of the mean square.

    Attributes:
        mean_square: the mean of the squared values, variance + mean².
        output_mean_square: mean square · gain².
    """

    mean_square: float | None
    output_mean_square: float | None

    @property
    def divisor(self) -> float | None:
        """The value that ε is added to under the square root."""
        return self.mean_square

    @property
    def output(self) -> float | None:
        """The layer's output for the divisor: 1 if ε is 0."""
        return self.output_mean_square


@dataclass(frozen=True, slots=True)
class Running:
    """The buffers of one channel after one training step of a layer that normalizes each sample by itself.

    Attributes:
        channel: its index on the kept axis.
        mean: the running mean; None if unknown.
        variance: the running variance; None if unknown.
    """

    channel: int
    mean: float | None
    variance: float | None


@dataclass(frozen=True)
class Batch:
    """One batch: its samples, its tensor, and the results for its channels or groups.

    Attributes:
        index: its place among the batches.
        samples: its samples as indices into those of the report.
        input_shape: shape of the batched tensor.
        axis: the axis of the tensor that holds the channels.
        reduction_axes: the reduced axes; with layer and group norm that of the channels is among them.
        channels: results of a normalizer that reduces over the batch, in the order of the channels.
        groups: results of a normalizer that takes each sample by itself, a sample after the other.
        running: buffers of each channel, if a layer that takes each sample by itself keeps any.
        deviations: the standard deviation of each channel over the batch, whatever the normalizer reduces; None if it
            is undefined.
        names: names of its channels, if all samples agree on them.
    """

    index: int
    samples: tuple[int, ...]
    input_shape: tuple[int, ...]
    axis: int
    reduction_axes: tuple[int, ...]
    channels: tuple[Channel, ...] = ()
    groups: tuple[Group, ...] = ()
    running: tuple[Running, ...] = ()
    deviations: tuple[float | None, ...] = ()
    names: tuple[str, ...] = ()

    def title_of(self, channel: int) -> str:
        """Return the name of a channel in a sentence."""
        return channel_title(channel, self.names)

    @property
    def parts(self) -> Sequence[Channel | Group]:
        """The values with statistics of their own: the channels, or the groups."""
        return self.groups or self.channels

    @property
    def channel_count(self) -> int:
        """The number of channels of the tensor."""
        return self.input_shape[self.axis]


Number = int | float
