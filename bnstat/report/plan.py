"""What `bnstat plan` tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bnstat.report.documents.document import Document, Fields
from bnstat.text import by

# How an encoder halves: "conv" rounds up, as a strided convolution with padding does, "pool" down, as max-pooling.
Downsampling = Literal["conv", "pool"]


@dataclass(frozen=True)
class Level:
    """One level of an encoder.

    Attributes:
        level: 0 is the patch itself.
        shape: spatial size, in file order.
        values_per_sample: what instance norm reduces over.
        values_per_batch: what batch norm reduces over.
        raises: `framework:normalizer` of the layers that refuse to train here.
        bessel: n/(n − 1) of a batch's values: what an unbiased running variance is multiplied by.
    """

    level: int
    shape: tuple[int, ...]
    values_per_sample: int
    values_per_batch: int
    raises: tuple[str, ...]
    bessel: float | None


@dataclass(frozen=True)
class Plan(Document):
    """What normalization layers have to work with at each level of an encoder.

    Attributes:
        patch: size of the input, in file order.
        strides: what each level but the first divides by, an entry for each axis.
        batch_size: patches in a batch.
        downsample: how sizes are rounded.
        levels: from the patch down.
        least_batch_size: the least with which batch norm trains at every level.
        notes: what else a reader should know.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    downsample: Downsampling
    levels: tuple[Level, ...]
    least_batch_size: int
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.plan/1"

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
