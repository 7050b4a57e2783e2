"""What each framework would make of these data: its conventions, and how far its own variance may be off."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bnstat.reports.documents.document import Fields

# How a framework gets on with the data, from the best to the worst.
Outcome = Literal["accurate", "unknown", "may_be_off", "off", "nan_possible", "refuses"]


@dataclass(frozen=True)
class WorstPart:
    """The channel of a batch, or the group, in which a framework's own variance is, or may be, furthest off.

    Attributes:
        batch: The place of the batch among those that were checked.
        part: The place of the channel or the group in it.
        variance: The exact variance.
        low: The least variance that the framework may compute.
        high: The greatest one.
        off: How far the worse of both is away, as a share of the exact variance; of ε if that is 0.
    """

    batch: int
    part: int
    variance: float
    low: float
    high: float
    off: float


@dataclass(frozen=True)
class FrameworkOnData:
    """One framework, with its defaults, on the batches that were checked.

    Attributes:
        name: The name of its preset.
        title: Its name in a sentence.
        maker: The preset that stands for all of its maker's.
        in_use: True if it is the framework of the report, which has the ε and the momentum of the report.
        epsilon: Its ε; None if it has no default.
        momentum: Its momentum, in its own convention; None if it has no default, or keeps no running statistics.
        momentum_weighs: What the momentum is the weight of: the "old" running value, or the new "batch".
        batch_weight: The weight of a batch in the running statistics; None if it is unknown.
        running_variance: The variance of a batch that goes into the running one: "biased", "unbiased", or
            "item-unbiased"; None if none is kept.
        outcome: How it gets on with the worst channel: "accurate" if its variance is within the limit, "off" if it
            is not, "may_be_off" if its bounds are not, "nan_possible" if its output may be NaN, "refuses" if it
            raises an error, "unknown" if its arithmetic was not measured or no channel has a variance.
        repeated: True if its sums were repeated, so that its own variance is known to the bit.
        refusal: The error that it raises; None if it trains.
        worst: The channel or group in which its variance is furthest off; None if it is not known.
    """

    name: str
    title: str
    maker: str
    in_use: bool
    epsilon: float | None
    momentum: float | None
    momentum_weighs: Literal["old", "batch"] | None
    batch_weight: float | None
    running_variance: str | None
    outcome: Outcome
    repeated: bool = False
    refusal: str | None = None
    worst: WorstPart | None = None


@dataclass(frozen=True)
class FrameworksOnData:
    """The frameworks that have such a layer, on the same batches.

    Attributes:
        rows: The frameworks.
        limit: The greatest share by which a variance may be off and still counts as accurate.
        parts: The number of channels of batches, or of groups, that there are.
        looked_at: The number of those for which the variance of each framework is bounded. They are fewer where there
            are many: for each channel those in which float32 is worst, and the one in the middle.
    """

    rows: tuple[FrameworkOnData, ...]
    limit: float
    parts: int
    looked_at: int

    @property
    def in_use(self) -> FrameworkOnData:
        """The framework of the report."""
        return next(row for row in self.rows if row.in_use)

    @property
    def every_part(self) -> bool:
        """True if no channel or group is left out."""
        return self.looked_at == self.parts

    def to_fields(self) -> Fields:
        """Return the fields of the document."""
        fields: dict[str, Any] = asdict(self)
        return {**fields, "rows": [asdict(row) for row in self.rows]}
