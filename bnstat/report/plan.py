"""The result of `bnstat plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from bnstat.report.documents.document import Document, Fields
from bnstat.text import by, capitalized, plural

# How an encoder halves: "conv" rounds up, as a strided convolution with padding does, "pool" down, as max-pooling.
Downsampling = Literal["conv", "pool"]

# So many values say nothing of the data once they are normalized: (x − mean)/SD of two values is −1 and 1.
_PAIR = 2
_ALWAYS = "always become about −1 and 1"
_CONSTANT = "the output is the constant β (the layer's learned bias, 0 at first)"


@dataclass(frozen=True)
class Level:
    """One level of an encoder.

    Attributes:
        level: The number of the level; 0 is the patch itself.
        shape: The spatial size, in file order.
        values_per_sample: The number of values that instance norm reduces for each channel.
        values_per_batch: The number of values that batch norm reduces for each channel.
        raises: The layers that refuse to train here, as `--framework` takes them.
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
        """Say where a variance is zero whatever the data are, which layers refuse to train there, and what trains."""
        last = self.levels[-1]
        alone, together = last.values_per_sample, last.values_per_batch
        if alone > _PAIR:
            return (
                "No level leaves a channel with a single value, so no variance is zero for want of values, and no "
                f"layer refuses to train: at the deepest level batch norm has {together:,} values per channel, and "
                f"instance norm {alone:,}."
            )
        first = next(level for level in self.levels if level.values_per_sample == alone)
        where = f"at level {first.level}" if first is last else f"from level {first.level} on"
        if alone == _PAIR:
            return self._pair(where, together)
        return f"{self._single(first, capitalized(where), together)} {self._remedy()}"

    def _single(self, first: Level, where: str, together: int) -> str:
        """Say what a single value in each sample means, for batch norm and for instance norm."""
        refuse = f"PyTorch refuses to train ({', '.join(first.raises)})"
        if together == 1:
            return (
                f"{where} a channel has one value, so its variance is zero: {refuse}; Keras and the other frameworks "
                f"train, but {_CONSTANT}. From batch size {self.least_batch_size} on PyTorch's batch norm trains, but "
                f"2 different values {_ALWAYS}, and its instance norm refuses at any batch size."
            )
        batch = f"which {_ALWAYS}" if together == _PAIR else "so it trains"
        return (
            f"{where} a channel has one value in each sample, so for instance norm its variance is zero, whatever the "
            f"batch size: {refuse}; Keras and the other frameworks train, but {_CONSTANT}. Batch norm has "
            f"{together:,} values there, {batch}."
        )

    def _pair(self, where: str, together: int) -> str:
        """Say what two values in each sample mean."""
        if together == _PAIR:
            return f"No layer refuses to train, but {where} a channel has 2 values, which {_ALWAYS}. {self._remedy()}"
        return (
            f"No layer refuses to train, but {where} a channel has 2 values in each sample, which instance norm always "
            f"makes about −1 and 1. Batch norm has {together:,} values there. {self._remedy()}"
        )

    def _remedy(self) -> str:
        """Say how many levels leave more than two values, or which patch does with all levels."""
        enough = sum(level.values_per_sample > _PAIR for level in self.levels)
        fewer = f"{plural(enough, 'level')} or fewer" if enough > 1 else "1 level"
        larger = self.patch
        while self._deepest(larger) <= _PAIR:
            larger = tuple(2 * size for size in larger)
        patch = f"a larger patch, such as {by(larger, 'x')}"
        return f"Use {fewer}, or {patch}." if enough else f"Use {patch}."

    def _deepest(self, patch: Sequence[int]) -> int:
        """Return the values of a channel that a patch of another size leaves in a sample at the deepest level."""
        divisors = [prod(steps) for steps in zip(*self.strides, strict=True)] or [1] * len(patch)
        up = self.downsample == "conv"
        return prod(-(-size // one) if up else size // one for size, one in zip(patch, divisors, strict=True))

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
