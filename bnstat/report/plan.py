"""The result of `bnstat plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bnstat.report.documents.document import Document, Fields
from bnstat.text import by, plural

# How an encoder halves: "conv" rounds up, as a strided convolution with padding does, "pool" down, as max-pooling.
Downsampling = Literal["conv", "pool"]


@dataclass(frozen=True)
class Level:
    """One level of an encoder.

    Attributes:
        level: The number of the level; 0 is the patch itself.
        shape: The spatial size, in file order.
        values_per_sample: The number of values that instance norm reduces for each channel.
        values_per_batch: The number of values that batch norm reduces for each channel.
        raises: The layers that refuse to train here, as `framework:normalizer`.
        bessel: n/(n − 1) for the n values of a batch, the factor of an unbiased running variance; None for one value.
    """

    level: int
    shape: tuple[int, ...]
    values_per_sample: int
    values_per_batch: int
    raises: tuple[str, ...]
    bessel: float | None


@dataclass(frozen=True, repr=False)
class Plan(Document):
    """The number of values that normalization layers have at each level of an encoder.

    Attributes:
        patch: The size of the input, in file order.
        strides: The factors that each level but the first divides by, one for each axis.
        batch_size: The number of patches in a batch.
        downsample: How sizes are rounded.
        levels: The levels, from the patch down.
        least_batch_size: The smallest batch size with which batch norm trains at every level.
        notes: Notes on the settings.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    downsample: Downsampling
    levels: tuple[Level, ...]
    least_batch_size: int
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The content of the report in a few words."""
        return (
            f"patch {by(self.patch, 'x')}, {plural(len(self.levels), 'level')}, batch size {self.batch_size}; "
            f"least batch size that trains {self.least_batch_size}"
        )

    @property
    def opening(self) -> Sequence[str]:
        """The sentences that every format for people opens with: where training stops, and what trains."""
        return (self._answer(),)

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.plan/1"

    def _answer(self) -> str:
        last = self.levels[-1]
        stops = [level for level in self.levels if level.raises]
        if not stops:
            return (
                "Nothing refuses to train: at the deepest level a channel of batch norm has "
                f"{last.values_per_batch:,} values and one of instance norm {last.values_per_sample:,}."
            )
        first = stops[0]
        names = " and ".join(first.raises)
        refuse = "refuse" if len(first.raises) > 1 else "refuses"
        least = f"Batch norm trains from batch size {self.least_batch_size} on"
        instance = any(name.endswith(":instance") for level in stops for name in level.raises)
        more = "; instance norm needs a larger patch or fewer levels, whatever the batch" if instance else ""
        return f"At level {first.level} one value per channel is left, and {names} {refuse} to train. {least}{more}."

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "settings": {
                "patch": list(self.patch),
                "strides": [list(stride) for stride in self.strides],
                "batch_size": self.batch_size,
                "downsample": self.downsample,
            },
            "levels": [_level(level) for level in self.levels],
            "least_batch_size": self.least_batch_size,
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each level: shapes as in 4x4x2, the layers that raise joined by spaces."""
        return [
            {**_level(level), "shape": by(level.shape, "x"), "raises": " ".join(level.raises)} for level in self.levels
        ]


def _level(level: Level) -> Fields:
    return {
        "level": level.level,
        "shape": list(level.shape),
        "values_per_sample": level.values_per_sample,
        "values_per_batch": level.values_per_batch,
        "bessel": level.bessel,
        "raises": list(level.raises),
    }
