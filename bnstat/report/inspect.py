"""What `bnstat inspect` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.frameworks import Framework

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

Number = int | float


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
        normalizer: "batch".
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

    @property
    def cumulative(self) -> bool:
        """Whether running statistics are the plain mean over batches."""
        return self.momentum is None and self.framework.cumulative

    @property
    def batch_weight(self) -> float | None:
        """Weight of the first batch in the running statistics after it; None where it is unknown."""
        return self.framework.weight_at(1, self.momentum)


@dataclass(frozen=True)
class Sample:
    """One entry along the batch axis.

    Attributes:
        source: the file, as the user named it.
        index: its entry on the batch axis of the file; None where the file is one sample.
        shape: the file's own shape.
        dtype: the file's own type.
        repetition: the repetition time in the header where the file's fourth axis is kept and looks like time.
    """

    source: str
    index: int | None
    shape: tuple[int, ...]
    dtype: str
    repetition: str | None = None

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return self.source if self.index is None else f"{self.source}[{self.index}]"


@dataclass(frozen=True)
class Finite:
    """Statistics over the finite values of a channel that holds NaN or Inf."""

    count: int
    mean: float | None
    variance: float | None


@dataclass(frozen=True, slots=True)
class Channel:
    """What the layer computes for one channel of one batch.

    Attributes:
        channel: its index on the kept axis.
        count: values that are reduced, NaN and Inf among them.
        mean: their mean.
        variance: their biased variance: what normalizes.
        std: its square root.
        minimum: least finite value.
        maximum: greatest finite value.
        nan: NaN values.
        inf: Inf values of either sign.
        constant: whether all values are one finite value.
        gain: 1/√(variance + ε).
        output_variance: variance/(variance + ε): variance of the normalized values.
        output_std: its square root.
        epsilon_share: ε/(variance + ε).
        running_mean: the layer's buffer after one training step.
        running_variance: likewise, biased or not as the framework has it.
        condition_number: √(1 + mean²/variance) (Chan, Golub & LeVeque 1983).
        finite: statistics over the finite values, where others are there.
    """

    channel: int
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
    running_mean: float | None
    running_variance: float | None
    condition_number: float | None
    finite: Finite | None


@dataclass(frozen=True)
class Batch:
    """One batch: its samples as indices into the report's, its tensor, and its channels."""

    index: int
    samples: tuple[int, ...]
    input_shape: tuple[int, ...]
    axis: int
    reduction_axes: tuple[int, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True)
class Finding:
    """What a rule reports. `source` is None where it is about several samples."""

    rule: str
    name: str
    severity: Severity
    message: str
    source: str | None = None
    batch: int | None = None
    channel: int | None = None
    value: float | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Failure:
    """An input that could not be read."""

    source: str
    message: str


@dataclass(frozen=True)
class Report:
    """The answer: settings, samples, a batch after the other, findings, inputs that failed, notes, and a sentence."""

    settings: Settings
    samples: tuple[Sample, ...]
    batches: tuple[Batch, ...]
    findings: tuple[Finding, ...] = ()
    errors: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    answer: str | None = None

    def source_of(self, batch: Batch) -> str | None:
        """The file of a batch of one sample; None where there are several."""
        return self.samples[batch.samples[0]].source if len(batch.samples) == 1 else None
