"""The layer that is asked about, and how samples become its batches: requests that validate themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict, cast, get_args

from bnstat.errors import UsageError, require_least, text, whole, whole_or_text
from bnstat.layers.frameworks import FRAMEWORKS, framework_named, layer_of, preset_of, require_epsilon
from bnstat.layers.frameworks.framework import Framework
from bnstat.moments.input_type import InputType
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.sample import BatchAxis
from bnstat.text import closest, plural

# Normalizers as they are written on the command line.
KINDS = ("batch", "instance", "layer", "group:G", "rms", "renorm", "weight-init")

# Numbers of groups that a message lists at most.
_MOST_LISTED = 12


@dataclass(frozen=True)
class Batching:
    """The way in which samples become batches.

    Attributes:
        size: samples in a batch; the last may have fewer.
        ranks: computers that share a training step, each with a batch of its own.
        drop_last: True to leave out a last step of fewer samples.
        shuffle: True to permute the samples before they are grouped.
        seed: the seed of the permutation.

    Raises:
        UsageError: if there are no such batches, whatever the data.
    """

    size: int = 1
    ranks: int = 1
    drop_last: bool = False
    shuffle: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require_least("batch_size", self.size, 1)
        require_least("ranks", self.ranks, 1)
        require_least("seed", self.seed, 0)

    @property
    def step(self) -> int:
        """The number of samples that one training step takes on all ranks together."""
        return self.size * self.ranks

    def steps(self, samples: int) -> int:
        """Return the number of training steps that so many samples make.

        Raises:
            UsageError: if they are fewer than one step takes.
        """
        if samples < self.step:
            where = f" on each of {self.ranks} ranks" if self.ranks > 1 else ""
            raise UsageError(
                f"a batch of {self.size}{where} takes more samples than the {samples} given; give more volumes, "
                "lower `batch_size`, or name the axis of the files whose entries are samples with `batch_axis`"
            )
        return samples // self.step if self.drop_last else -(-samples // self.step)

    def of_ranks(self, step: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the batch of each rank: the samples of a step, `size` at a time, in order."""
        return [step[start : start + self.size] for start in range(0, len(step), self.size)]


@dataclass(frozen=True)
class Settings:
    """The layer that was asked for, with the framework's defaults filled in.

    Attributes:
        framework: the preset.
        epsilon: ε, which is added to the variance; None if the framework has no default and none was given.
        momentum: of the running statistics, in the framework's own convention; None if there is no default and none was
            given, or for a cumulative average.
        axis: the kept axis of the batched tensor, as it was given.
        batch_axis: the axis of each file whose entries are samples, as it was given; "none" makes an array one sample.
        batch_size: samples in a batch.
        drop_last: True to drop a short last batch.
        shuffle: True to permute the samples before they are grouped.
        seed: the seed of the permutation.
        normalizer: "batch", "instance", "layer", "group:G", "rms", "renorm" or "weight-init".
        ranks: computers that share a training step, each with a batch of its own, their statistics merged.
        dtype: the type of the layer's input.
        threads: threads that the framework computes with, where its sums depend on them; None if unknown.
        emulate: True to repeat, voxel by voxel, the sums that depend on their order.
        preparation: what voxels go through before the layer gets them.

    Raises:
        UsageError: if no layer has these settings, whatever the data.
    """

    framework: Framework
    epsilon: float | None
    momentum: float | None
    axis: int = -1
    batch_axis: BatchAxis = None
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

    def __post_init__(self) -> None:
        _ = self.batching  # which validates itself
        require_epsilon(self.framework, self.epsilon)
        if self.ranks > 1 and self.kind != "batch":
            raise UsageError(
                f"`ranks` merges the batches of batch norm, and {self.normalizer} has none to merge; "
                "leave out `ranks` or `normalizer`"
            )
        if self.axis == 0:
            raise UsageError("`axis` must not be 0, the batch axis, which is always reduced; use -1 for the last axis")
        if self.dtype not in get_args(InputType):
            raise UsageError(f"`dtype` must be one of {', '.join(get_args(InputType))}, and is {self.dtype!r}")
        if self.threads is not None:
            require_least("threads", self.threads, 1)

    @classmethod
    def of(
        cls,
        framework: str = "keras",
        normalizer: str | None = None,
        epsilon: float | None = None,
        momentum: float | str | None = None,
        axis: int = -1,
        batch_axis: BatchAxis = None,
        batch_size: int = 1,
        drop_last: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        ranks: int = 1,
        dtype: str = "float32",
        threads: int | None = None,
        emulate: bool = True,
    ) -> Settings:
        """Return settings with the framework's defaults filled in; the arguments are those of `diagnose`, layer first.

        Raises:
            UsageError: if no layer has these settings, whatever the data.
        """
        own = parse(framework_named(framework).normalizer if normalizer is None else normalizer)
        if own == "weight-init" and momentum is not None:
            raise UsageError("weight-init keeps no running statistics, so it has no momentum; leave out `momentum`")
        preset, own_epsilon, own_momentum = layer_of(framework, epsilon, momentum, own.partition(":")[0])
        return cls(
            framework=preset,
            epsilon=own_epsilon,
            momentum=None if own == "weight-init" else own_momentum,
            axis=whole("axis", axis),
            batch_axis=whole_or_text("batch_axis", batch_axis),
            batch_size=whole("batch_size", batch_size),
            drop_last=drop_last,
            shuffle=shuffle,
            seed=whole("seed", seed),
            normalizer=own,
            ranks=whole("ranks", ranks),
            dtype=cast(InputType, dtype),  # what is none is refused by __post_init__
            threads=threads,
            emulate=emulate,
        )

    @cached_property
    def batching(self) -> Batching:
        """The way in which samples become batches."""
        return Batching(self.batch_size, self.ranks, self.drop_last, self.shuffle, self.seed)

    @property
    def kind(self) -> str:
        """The normalizer without its number of groups."""
        return self.normalizer.partition(":")[0]

    @property
    def groups(self) -> int | None:
        """The number of groups that group norm splits the channels into; None with any other normalizer."""
        return int(self.normalizer.partition(":")[2]) if self.kind == "group" else None

    @property
    def by_sample(self) -> bool:
        """True if each sample is normalized by itself, whatever else is in its batch."""
        return self.kind in ("instance", "layer", "group", "rms")

    @property
    def keeps_running(self) -> bool:
        """True if the layer keeps running statistics; weight norm's start has none in any framework."""
        return self.framework.keeps_running and self.kind != "weight-init"

    @property
    def layer(self) -> str:
        """The name of such a layer in a sentence."""
        known = {"renorm": "batch renorm", "weight-init": "weight norm's data-dependent start"}
        return known.get(self.kind, f"{self.kind} norm" if self.kind != "rms" else "RMS norm")

    @property
    def maker(self) -> str:
        """The maker of the layer in a sentence. A layer that keeps running statistics is named in full.

        So is a layer of one preset alone, as PyTorch's group norm with channels last.
        """
        maker = FRAMEWORKS[self.framework.maker]
        alone = not self.by_sample or preset_of(maker.name, self.kind) is self.framework
        return maker.title if alone and not self.keeps_running else self.framework.title

    @property
    def added(self) -> float | None:
        """The number that the layer adds for this ε, which may be 0 in its type of numbers; None without an ε."""
        return self.epsilon if self.kind == "weight-init" else self.framework.added(self.epsilon)

    @property
    def epsilon_refusal(self) -> str | None:
        """The error that the layer raises in training because of this ε; None if it raises none.

        Synchronized ranks of PyTorch's SyncBatchNorm do not look at ε.
        """
        synchronized = self.framework.name == "torch-syncbn" and self.ranks > 1
        if self.kind == "weight-init" or synchronized:
            return None
        return self.framework.refusal_of(self.epsilon)

    def refuses(self, count: int, samples: int = 1) -> bool:
        """Return True if the layer refuses to train on so few values.

        With a mask nothing is known: the values inside of it are counted, and the layer gets all of them.

        Args:
            count: the values that are normalized together.
            samples: the samples of the batch, in all of which group norm counts the values of a group.
        """
        counted = count * samples if self.kind == "group" else count
        return self.preparation.mask is None and counted < self.framework.least_values

    @property
    def divides_by_zero(self) -> bool:
        """True if the layer returns NaN where the variance is 0: it adds no ε, or one that is 0 for it."""
        trains = self.kind != "weight-init" and self.epsilon_refusal is None
        return trains and self.added == 0.0 and self.framework.zero_divided == "nan"

    @property
    def cumulative(self) -> bool:
        """True if running statistics are the plain mean over batches."""
        return self.momentum is None and self.framework.cumulative

    @property
    def batch_weight(self) -> float | None:
        """The weight of the first batch in the running statistics after it; None if unknown."""
        return self.framework.weight_at(1, self.momentum)

    def require_samples(self, samples: int) -> None:
        """Refuse fewer samples than one training step takes, or fewer steps than the normalizer needs.

        Raises:
            UsageError: if there are fewer.
        """
        if self.batching.steps(samples) < 2 and self.kind == "renorm":
            raise UsageError(
                "batch renorm needs at least two batches: r and d, its corrections, compare a batch with the running "
                "statistics before it; give more volumes, or lower `batch_size`"
            )

    def require_channels(self, channels: int) -> None:
        """Refuse a number of groups that does not divide the channels.

        Raises:
            UsageError: if it does not; the message lists the numbers that do.
        """
        if self.groups is None or channels % self.groups == 0:
            return
        fit = [f"group:{number}" for number in range(1, channels + 1) if channels % number == 0]
        listed = ", ".join(fit[:_MOST_LISTED]) + (", …" if len(fit) > _MOST_LISTED else "")
        raise UsageError(
            f"group:{self.groups} does not divide the {plural(channels, 'channel')} of these data; "
            f"use {'one of ' if len(fit) > 1 else ''}{listed} as `normalizer`"
        )


class LayerKeywords(TypedDict, total=False):
    """The keywords of `Settings.of`, for functions that pass them on."""

    framework: str
    normalizer: str | None
    epsilon: float | None
    momentum: float | str | None
    axis: int
    batch_axis: BatchAxis
    batch_size: int
    drop_last: bool
    shuffle: bool
    seed: int
    ranks: int
    dtype: str
    threads: int | None
    emulate: bool


@dataclass(frozen=True)
class Layer:
    """A layer: a preset, with the ε and momentum that it has by default or was given.

    Attributes:
        framework: the preset.
        epsilon: ε; None if the preset has none and none was given.
        momentum: of the running statistics, in the framework's own convention; None if the preset has none and none was
            given.
    """

    framework: Framework
    epsilon: float | None
    momentum: float | None

    def __post_init__(self) -> None:
        require_epsilon(self.framework, self.epsilon)

    @classmethod
    def of(cls, framework: str, epsilon: float | None = None, momentum: float | str | None = None) -> Layer:
        """Return the batch norm of a framework, by name or alias, with its own ε and momentum where none are given.

        Raises:
            UsageError: if there is no such framework, or its layer has no such ε or momentum.
        """
        return cls(*layer_of(framework, epsilon, momentum))

    @property
    def added(self) -> float | None:
        """The number that the layer adds for this ε; None without an ε, or if the layer refuses to train with it."""
        return None if self.framework.refusal_of(self.epsilon) is not None else self.framework.added(self.epsilon)

    @property
    def batch_weight(self) -> float | None:
        """The weight of one batch in the settled running statistics; None if it is unknown or falls with each step."""
        return None if self.momentum is None else self.framework.batch_weight(self.momentum)

    @property
    def remembers(self) -> bool:
        """True if the start of the running statistics weighs anything after the first step."""
        return self.framework.weight_at(1, self.momentum) != 1.0

    def weights(self, steps: int) -> tuple[float, ...] | None:
        """Return the weight of the batch of each of so many steps; None if unknown."""
        found = [self.framework.weight_at(step, self.momentum) for step in range(1, steps + 1)]
        known = tuple(weight for weight in found if weight is not None)
        return known if len(known) == steps else None


def parse(name: str) -> str:
    """Return the name of a normalizer as it is kept: "group:2", "batch".

    Raises:
        UsageError: if it is not known, is group norm without a number of groups, or is another with a number.
    """
    kind, colon, number = text("normalizer", name).strip().lower().partition(":")
    known = [one.partition(":")[0] for one in KINDS]
    if kind not in known:
        near = closest(kind, known)
        hint = f"did you mean {_example(near[0])}?" if near else f"choose one of {', '.join(KINDS)}"
        raise UsageError(f"normalizer {name!r} is not known; {hint}")
    if kind != "group":
        if colon:
            raise UsageError(f"normalizer {name!r} has a number, which only group norm has, as in group:2; use {kind}")
        return kind
    if not (number.isdecimal() and int(number)):
        said = f", and not {number!r}" if colon else ""
        raise UsageError(f'group norm needs its number of groups, 1 or more, as in `normalizer="group:2"`{said}')
    return f"group:{int(number)}"


def _example(kind: str) -> str:
    """Return how a normalizer is typed, with an example of the one that has a number."""
    return "'group:G', as in group:2" if kind == "group" else repr(kind)
