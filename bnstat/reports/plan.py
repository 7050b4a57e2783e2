"""The result of `bnstat plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.reports.documents.document import Document, Fields
from bnstat.text import by, capitalized, plural

# How an encoder halves: "conv" rounds up, as a strided convolution with padding does, "pool" down, as max-pooling.
Downsampling = Literal["conv", "pool"]
# What follows the encoder in a classifier: each channel's mean over space, or every value as a feature of its own.
HeadKind = Literal["global-pool", "flatten"]

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
        downsample: How sizes were rounded on the way to this level; None for the patch itself.
    """

    level: int
    shape: tuple[int, ...]
    values_per_sample: int
    values_per_batch: int
    raises: tuple[str, ...]
    bessel: float | None
    downsample: Downsampling | None = None


@dataclass(frozen=True)
class Head:
    """The features after the encoder, of which a sample has one value each: a batch norm there sees one per sample.

    Attributes:
        kind: "global-pool" for the mean of each channel over space, "flatten" for each value as a feature.
        features: The number of features; None if it is not known.
        values_per_batch: The number of values that batch norm reduces for each feature: the batch size.
        raises: The layers that refuse to train here, as `--framework` takes them.
        refusal: The error message of PyTorch's layer; None if it trains.
    """

    kind: HeadKind
    features: int | None
    values_per_batch: int
    raises: tuple[str, ...]
    refusal: str | None

    @property
    def title(self) -> str:
        """The name in a sentence."""
        return "global average pooling" if self.kind == "global-pool" else "flattening"

    @property
    def text(self) -> str:
        """The head as `--head` takes it."""
        return self.kind if self.features is None else f"{self.kind}:{self.features}"


@dataclass(frozen=True, repr=False)
class Plan(Document):
    """The number of values that normalization layers have at each level of an encoder.

    Attributes:
        patch: The size of the input, in file order.
        strides: The factors that each level but the first divides by, one for each axis.
        batch_size: The number of patches in a batch.
        downsample: How sizes are rounded; "mixed" if levels differ, each of which then says it.
        levels: The levels, from the patch down.
        least_batch_size: The smallest batch size with which batch norm trains at every level, and in the head.
        notes: Notes on the settings.
        head: What follows the encoder; None if that was not asked.
    """

    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    downsample: Downsampling | Literal["mixed"]
    levels: tuple[Level, ...]
    least_batch_size: int
    notes: tuple[str, ...] = ()
    head: Head | None = None

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
        if self.head is None:
            return (self._answer(),)
        said = (self._of_head(self.head), self._answer())
        return said if self.head.values_per_batch <= _PAIR else said[::-1]

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.plan/1"

    def _of_head(self, head: Head) -> str:
        """Say what a batch norm behind the encoder has: a value of each sample."""
        where, several = f"After {head.title}", head.values_per_batch
        if several == 1:
            return (
                f"{where} a feature has one value in a batch of 1, so its variance is zero: {_refuse(head.raises)}, "
                f'{_maker(head.raises[0])} with "{head.refusal}". Keras and the other frameworks train, but '
                f"{_CONSTANT}. Use layer norm there, which reduces the features of each sample, or a larger batch."
            )
        if several == _PAIR:
            return (
                f"{where} a feature has 2 values, one of each sample, which batch norm always makes about −1 and 1. "
                "Use layer norm there, which reduces the features of each sample, or a larger batch."
            )
        return f"{where} a feature has {several:,} values for batch norm, one of each sample."

    def _answer(self) -> str:
        """Say where a variance is zero whatever the data are, which layers refuse to train there, and what trains."""
        last = self.levels[-1]
        alone, together = last.values_per_sample, last.values_per_batch
        if alone > _PAIR:
            return (
                "No level leaves a channel with a single value, so no variance is zero for want of values, and no "
                f"layer {self._there}refuses to train: at the deepest level batch norm has {together:,} values per "
                f"channel, and instance norm {alone:,}."
            )
        first = next(level for level in self.levels if level.values_per_sample == alone)
        where = f"at level {first.level}" if first is last else f"from level {first.level} on"
        if alone == _PAIR:
            return self._pair(where, together)
        return f"{self._single(first, capitalized(where), together)} {self._remedy()}"

    @property
    def _there(self) -> str:
        """The words that leave the head out of a sentence on levels."""
        return "" if self.head is None else "of the encoder "

    def _single(self, first: Level, where: str, together: int) -> str:
        """Say what a single value in each sample means, for batch norm and for instance norm."""
        refuse = _refuse(first.raises)
        if together == 1:
            return (
                f"{where} a channel has one value, so its variance is zero: {refuse}; Keras and the other frameworks "
                f"train, but {_CONSTANT}. From batch size {self.least_batch_size} on every batch norm trains, but "
                f"2 different values {_ALWAYS}, and PyTorch's instance norm refuses at any batch size."
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
            return (
                f"No layer {self._there}refuses to train, but {where} a channel has 2 values, which {_ALWAYS}. "
                f"{self._remedy()}"
            )
        return (
            f"No layer {self._there}refuses to train, but {where} a channel has 2 values in each sample, which "
            f"instance norm always makes about −1 and 1. Batch norm has {together:,} values there. {self._remedy()}"
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
        for stride, level in zip(self.strides, self.levels[1:], strict=True):
            up = level.downsample == "conv"
            patch = [-(-size // step) if up else size // step for size, step in zip(patch, stride, strict=True)]
        return prod(patch)

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version."""
        return {
            "settings": {
                "patch": list(self.patch),
                "strides": [list(stride) for stride in self.strides],
                "batch_size": self.batch_size,
                "downsample": self.downsample,
                "head": None if self.head is None else self.head.text,
            },
            "levels": [_level(level) for level in self.levels],
            "head": None if self.head is None else _head(self.head),
            "least_batch_size": self.least_batch_size,
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each level: shapes as in 4x4x2, the layers that raise joined by spaces."""
        rows = [
            {**_level(level), "shape": by(level.shape, "x"), "raises": " ".join(level.raises)} for level in self.levels
        ]
        if self.head is not None:
            several = self.head.values_per_batch
            bessel = several / (several - 1) if several > 1 else None
            own = {"level": self.head.kind, "shape": None, "values_per_sample": 1, "values_per_batch": several}
            raises = {"raises": " ".join(self.head.raises), "downsample": None}
            rows.append({**own, "bessel": bessel, **raises})
        return rows


def _maker(name: str) -> str:
    """Return the name in a sentence of the framework that a layer belongs to."""
    return FRAMEWORKS[FRAMEWORKS[name].maker].title


def _refuse(names: Sequence[str]) -> str:
    """Return that layers refuse to train, with the makers in words and the layers as `--framework` takes them."""
    makers = dict.fromkeys(map(_maker, names))
    verb = "refuses" if len(makers) == 1 else "refuse"
    return f"{' and '.join(makers)} {verb} to train ({', '.join(names)})"


def _level(level: Level) -> Fields:
    return {
        "level": level.level,
        "shape": list(level.shape),
        "values_per_sample": level.values_per_sample,
        "values_per_batch": level.values_per_batch,
        "bessel": level.bessel,
        "raises": list(level.raises),
        "downsample": level.downsample,
    }


def _head(head: Head) -> Fields:
    return {
        "kind": head.kind,
        "features": head.features,
        "values_per_batch": head.values_per_batch,
        "raises": list(head.raises),
        "refusal": head.refusal,
    }
