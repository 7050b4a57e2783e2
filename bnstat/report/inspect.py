"""What `bnstat inspect` tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bnstat.frameworks import FRAMEWORKS, Framework
from bnstat.report.limits import DEFAULT_LIMITS, Limits
from bnstat.report.preparation import UNPREPARED, Preparation
from bnstat.wording import channel_title

if TYPE_CHECKING:
    from bnstat.report.cells import Cell, Pool, Reference
    from bnstat.report.compare import CurvePoint

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

Number = int | float

# Types that a layer's input has.
InputType = Literal["float32", "float16", "bfloat16"]


@dataclass(frozen=True)
class Settings:
    """What was asked for, with the framework's defaults filled in.

    Attributes:
        framework: the preset.
        epsilon: added to the variance when normalizing; None where the framework has no default and none was given.
        momentum: in the framework's own convention; None likewise, and where the mean is cumulative.
        axis: the kept axis as it was given.
        batch_axis: the axis of the file whose entries are samples, as it was given.
        batch_size: samples in a batch.
        drop_last: whether a short last batch is left out.
        shuffle: whether samples are permuted before they are grouped.
        seed: of the permutation.
        normalizer: "batch", "instance", "layer", "group:G", "rms", "renorm" or "weight-init".
        ranks: how many computers share a training step, each with a batch of its own, their statistics merged.
        dtype: the type of the layer's input.
        threads: how many the framework computes with, where its sums depend on it; None where that is not known.
        emulate: whether sums that depend on their order are done again, voxel by voxel.
        preparation: what voxels go through before the layer gets them.
    """

    framework: Framework
    epsilon: float | None
    momentum: float | None
    axis: int = -1
    batch_axis: int | None = None
    batch_size: int = 1
    drop_last: bool = False
    shuffle: bool = False
    seed: int = 0
    normalizer: str = "batch"
    ranks: int = 1
    dtype: InputType = "float32"
    threads: int | None = None
    emulate: bool = True
    preparation: Preparation = UNPREPARED

    @property
    def kind(self) -> str:
        """The normalizer without its number of groups."""
        return self.normalizer.split(":")[0]

    @property
    def groups(self) -> int | None:
        """The groups that group norm splits the channels into; None with any other normalizer."""
        return int(self.normalizer.split(":")[1]) if self.kind == "group" else None

    @property
    def by_sample(self) -> bool:
        """Whether each sample is normalized by itself, whatever else is in its batch."""
        return self.kind in ("instance", "layer", "group", "rms")

    @property
    def keeps_running(self) -> bool:
        """Whether the layer keeps running statistics: weight norm's start has none, whosever it is."""
        return self.framework.keeps_running and self.kind != "weight-init"

    @property
    def layer(self) -> str:
        """The name of such a layer in a sentence."""
        known = {"renorm": "batch renorm", "weight-init": "weight norm's data-dependent start"}
        return known.get(self.kind, f"{self.kind} norm" if self.kind != "rms" else "RMS norm")

    @property
    def maker(self) -> str:
        """Whose layer it is in a sentence; a layer that keeps running statistics is named in full."""
        return self.framework.title if self.keeps_running else FRAMEWORKS[self.framework.maker].title

    @property
    def cumulative(self) -> bool:
        """Whether running statistics are the plain mean over batches."""
        return self.momentum is None and self.framework.cumulative

    @property
    def batch_weight(self) -> float | None:
        """Weight of the first batch in the running statistics after it; None where it is unknown."""
        return self.framework.weight_at(1, self.momentum)


@dataclass(frozen=True)
class Patch:
    """A part of a volume, as a network is trained on.

    Attributes:
        start: its first voxel on each spatial axis, in file order; below 0 where the volume was padded.
        size: its voxels along each of them.
        foreground: whether it was put around a voxel of the foreground.
    """

    start: tuple[int, ...]
    size: tuple[int, ...]
    foreground: bool = False

    def __str__(self) -> str:
        """As numpy would cut it out, where nothing was padded."""
        return f"[{', '.join(f'{at}:{at + size}' for at, size in zip(self.start, self.size, strict=True))}]"


@dataclass(frozen=True)
class Sample:
    """One entry along the batch axis.

    Attributes:
        source: the file, as the user named it.
        index: its entry on the batch axis of the file; None where the file is one sample.
        shape: the file's own shape.
        dtype: the file's own type.
        repetition: the repetition time in the header where the file's fourth axis is kept and looks like time.
        files: the files of a sample that has several, which `source` then is the name of; else empty.
        channels: names of the channels, where a data set gives them.
        patch: the part of the volume that the sample is; None for the whole.
    """

    source: str
    index: int | None
    shape: tuple[int, ...]
    dtype: str
    repetition: str | None = None
    files: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    patch: Patch | None = None

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        whole = self.source if self.index is None else f"{self.source}[{self.index}]"
        return whole if self.patch is None else f"{whole}{self.patch}"

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that it was read from."""
        return self.files or (self.source,)

    @property
    def volume(self) -> tuple[str, int | None]:
        """What tells its volume from others: patches of one volume are not independent."""
        return self.source, self.index


def names_of(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Names of the channels in which all samples agree; none where they do not, or none are known."""
    named = {sample.channels for sample in samples}
    return next(iter(named)) if len(named) == 1 else ()


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


@dataclass(frozen=True)
class Finding:
    """What a rule reports.

    `source` is None where it is about several samples; `group` is the place of a group in its batch.
    """

    rule: str
    name: str
    severity: Severity
    message: str
    source: str | None = None
    batch: int | None = None
    channel: int | None = None
    value: float | None = None
    threshold: float | None = None
    group: int | None = None

    @property
    def place(self) -> tuple[int | None, int | None]:
        """The batch, and the channel or group in it, that it is about."""
        return self.batch, self.channel if self.group is None else self.group


@dataclass(frozen=True)
class Failure:
    """An input that could not be read; `missing` are the channels of a case whose files are not there."""

    source: str
    message: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """The answer: settings, samples, a batch after the other, findings, inputs that failed, notes, and a sentence.

    With several ranks each of the `batches` is that of one rank, and `synchronized` are those of all ranks together.
    For rules there are also the `limits` that they judge by, the `shapes` that samples have, what `curve` a batch size
    has on these samples taken for some of a larger set (None where it is not known, or there are too few), the
    `steps` of a training (None where these are not known), the `cells` of each sample at any batch size (empty where
    nobody asks for them), the `pools` of each channel, and the `reference` that these are held against.
    """

    settings: Settings
    samples: tuple[Sample, ...]
    batches: tuple[Batch, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str | None = None
    synchronized: tuple[Batch, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    shapes: tuple[tuple[int, ...], ...] = ()
    curve: CurvePoint | None = None
    steps: int | None = None
    cells: tuple[tuple[Cell, ...], ...] = ()
    pools: tuple[Pool, ...] = ()
    reference: Reference | None = None

    @property
    def patched(self) -> bool:
        """Whether samples are patches of volumes."""
        return bool(self.samples) and all(sample.patch is not None for sample in self.samples)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels, where all samples agree on them."""
        return names_of(self.samples)

    def title_of(self, channel: int) -> str:
        """What to call a channel of all samples in a sentence."""
        return channel_title(channel, self.names)

    def source_of(self, batch: Batch, part: Statistics | None = None) -> str | None:
        """The file of a group, or of a batch of one sample; None where there are several."""
        if isinstance(part, Group):
            return self.samples[part.sample].source
        return self.samples[batch.samples[0]].source if len(batch.samples) == 1 else None
