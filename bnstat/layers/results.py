"""What a normalization layer computes, as frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from bnstat.text import channel_title


@dataclass(frozen=True)
class Finite:
    """Statistics over the finite values of a channel that holds NaN or Inf."""

    count: int
    mean: float | None
    variance: float | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the framework's own arithmetic makes of the variance of values that are normalized together.

    Attributes:
        kind: "emulated": mean and variance are the layer's own, to the bit. "accurate": its variance is within 1 % of
            the exact one. "bounded": it lies between low and high.
        mean: the layer's where it is emulated, else the exact one.
        variance: likewise.
        low: the least variance that the layer may report; None where it may be anything.
        high: the greatest.
        nan_possible: whether its output may be NaN: variance + ε may be negative, or values overflow.
        overflows: whether values, squares or the variance are beyond the range of float16.
        running_overflows: whether the variance is beyond it where a running variance is kept in float16.
        judged: the least and the greatest variance that rules judge: without the sums of TensorFlow for plain "keras".
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The numbers of all values that are normalized together.

    Attributes:
        count: values that are reduced, NaN and Inf among them.
        mean: their mean.
        variance: their biased variance: what normalizes.
        std: its square root.
        minimum: least finite value.
        maximum: greatest finite value.
        nan: NaN values.
        inf: Inf values of either sign.
        constant: whether all values are one finite value.
        gain: what the layer multiplies by: 1/√(variance + ε).
        output_variance: variance of the normalized values, variance · gain².
        output_std: its square root.
        epsilon_share: ε/(variance + ε).
        condition_number: √(1 + mean²/variance) (Chan, Golub & LeVeque 1983).
        finite: statistics over the finite values, where others are there.
        prediction: what the framework's own arithmetic makes of it; None where the layer gives no variance.
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

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers by name, to make a channel or a group of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def title(self) -> str:
        """What to call them in a sentence."""
        raise NotImplementedError

    @property
    def place(self) -> int:
        """Its place among the parts of its batch."""
        raise NotImplementedError

    @property
    def divisor(self) -> float | None:
        """What ε is added to under the square root."""
        return self.variance

    @property
    def output(self) -> float | None:
        """What the layer makes of the divisor: 1 where ε is 0."""
        return self.output_variance


@dataclass(frozen=True, slots=True)
class Correction:
    """Batch renorm's corrections of one channel of one batch (Ioffe 2017), without clipping, as in Keras.

    Attributes:
        r: √(variance + ε) over the running standard deviation before the batch.
        d: mean minus the running mean before the batch, over the same.
        r_clipped: whether r lies outside of [1/3, 3], where the paper's schedule ends.
        d_clipped: whether |d| is over 5, likewise.
    """

    r: float | None
    d: float | None
    r_clipped: bool | None
    d_clipped: bool | None


@dataclass(frozen=True, slots=True)
class Start:
    """Weight norm's data-dependent start for one channel (Salimans & Kingma 2016).

    Attributes:
        g: 1/σ; None where σ is 0.
        b: −μ/σ; likewise.
    """

    g: float | None
    b: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Statistics):
    """What the layer computes for one channel of one batch.

    Attributes:
        channel: its index on the kept axis.
        running_mean: the layer's buffer after one training step; with batch renorm after the steps up to this batch.
        running_variance: likewise, biased or not as the framework has it.
        correction: of batch renorm alone.
        start: of weight norm's start alone.
        name: of the channel, where all samples of the batch agree on one.
    """

    channel: int
    running_mean: float | None
    running_variance: float | None
    correction: Correction | None = None
    start: Start | None = None
    name: str | None = None

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return f"channel {self.channel}" + (f" ({self.name})" if self.name else "")

    @property
    def place(self) -> int:
        """Its place among the channels of its batch."""
        return self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Statistics):
    """What the layer computes for some channels of one sample, which it normalizes together.

    Attributes:
        group: its place among the groups of the batch.
        sample: the index of its sample in the report.
        channels: their indices on the kept axis.
        name: of its channel, where it has a single one whose name is known.
    """

    group: int
    sample: int
    channels: tuple[int, ...]
    name: str | None = None

    @property
    def place(self) -> int:
        """Its place among the groups of its batch."""
        return self.group

    @property
    def span(self) -> str:
        """Its channels as in "2" or "0–3"."""
        first, last = self.channels[0], self.channels[-1]
        return str(first) if first == last else f"{first}–{last}"

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        named = f" ({self.name})" if self.name else ""
        kind = "channel" if len(self.channels) == 1 else "group of channels"
        return f"{kind} {self.span}{named} of sample {self.sample}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RmsGroup(Group):
    """A group of RMS norm, which subtracts no mean: its gain and its share of ε are of the mean square.

    Attributes:
        mean_square: the mean of the squared values, variance + mean².
        output_mean_square: mean square · gain².
    """

    mean_square: float | None
    output_mean_square: float | None

    @property
    def divisor(self) -> float | None:
        """What ε is added to under the square root."""
        return self.mean_square

    @property
    def output(self) -> float | None:
        """What the layer makes of the divisor: 1 where ε is 0."""
        return self.output_mean_square


@dataclass(frozen=True, slots=True)
class Running:
    """The buffers of one channel after one training step of a layer that normalizes each sample by itself."""

    channel: int
    mean: float | None
    variance: float | None


@dataclass(frozen=True)
class Batch:
    """One batch: its samples as indices into the report's, its tensor, and what is normalized together.

    Attributes:
        index: its place among the batches.
        samples: as indices into those of the report.
        input_shape: of the batched tensor.
        axis: of the tensor that holds the channels.
        reduction_axes: those that are reduced; with layer and group norm the channels' is among them.
        channels: with a normalizer that reduces over the batch, in their order.
        groups: with one that takes each sample by itself, a sample after the other.
        running: buffers of a channel each, where such a layer keeps any.
        deviations: the standard deviation of each channel over the batch, whatever the normalizer reduces; None where
            it is undefined.
        names: of its channels, where all samples agree on them.
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
        """What to call a channel in a sentence."""
        return channel_title(channel, self.names)

    @property
    def parts(self) -> Sequence[Channel | Group]:
        """What is normalized by statistics of its own: the channels, or the groups."""
        return self.groups or self.channels

    @property
    def channel_count(self) -> int:
        """Channels of the tensor."""
        return self.input_shape[self.axis]


Number = int | float
