"""What was asked for, checked: from the values that a user gives to the settings of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from bnstat.errors import UsageError
from bnstat.layers.arithmetic.bounds import InputType
from bnstat.layers.frameworks import FRAMEWORKS, framework_named, layer_of
from bnstat.layers.frameworks.framework import Framework
from bnstat.preprocessing.settings import UNPREPARED, Preparation
from bnstat.sources.sample import BatchAxis


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
class Layer:
    """A layer: a preset, with the ε and momentum that it has by default or was given.

    Attributes:
        framework: the preset.
        epsilon: None where the preset has none and none was given.
        momentum: of the running statistics, in the framework's own convention; likewise.
    """

    framework: Framework
    epsilon: float | None
    momentum: float | None

    @property
    def batch_weight(self) -> float | None:
        """Weight of one batch in the settled running statistics; None where it is unknown, or falls with each step."""
        return None if self.momentum is None else self.framework.batch_weight(self.momentum)

    @property
    def remembers(self) -> bool:
        """Whether the start of the running statistics weighs anything after the first step."""
        return self.framework.weight_at(1, self.momentum) != 1.0

    def weights(self, steps: int) -> tuple[float, ...] | None:
        """Weight of the batch of each of so many steps; None where it is unknown."""
        found = [self.framework.weight_at(step, self.momentum) for step in range(1, steps + 1)]
        known = tuple(weight for weight in found if weight is not None)
        return known if len(known) == steps else None


def parse(text: str) -> str:
    """The name of a normalizer as it is kept: "group:2", "batch".

    Raises:
        UsageError: it is none, group norm without a number of groups, or another with one.
    """
    kind, colon, number = text.strip().lower().partition(":")
    known = [one.partition(":")[0] for one in KINDS]
    if kind not in known:
        import difflib  # noqa: PLC0415  (only where a name is wrong)

        near = difflib.get_close_matches(kind, known, n=1)
        hint = (
            f"did you mean {near[0] + ':G' * (near[0] == 'group')!r}?" if near else f"choose one of {', '.join(KINDS)}"
        )
        raise UsageError(f"normalizer {text!r} is not known; {hint}")
    if kind != "group":
        if colon:
            raise UsageError(f"normalizer {text!r} cannot be: only group norm has a number, as in group:2; use {kind}")
        return kind
    if not (number.isdecimal() and int(number)):
        what = f"normalizer {text!r} cannot be: g" if colon else "g"
        raise UsageError(f"{what}roup norm needs its number of groups, 1 or more: --normalizer group:2")
    return f"group:{int(number)}"


# As they are written on the command line.
KINDS = ("batch", "instance", "layer", "group:G", "rms", "renorm", "weight-init")


def settings_of(
    *,
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
    """Settings with the framework's defaults filled in; the arguments are those of `diagnose`.

    Raises:
        UsageError: a setting that cannot be, whatever the data.
    """
    own_normalizer = parse(framework_named(framework).normalizer if normalizer is None else normalizer)
    preset, own_epsilon, own_momentum = layer_of(framework, epsilon, momentum, own_normalizer.split(":")[0])
    if own_normalizer == "weight-init":
        if momentum is not None:
            raise UsageError("weight-init keeps no running statistics, so it has no momentum; leave it out")
        own_momentum = None
    settings = Settings(
        framework=preset,
        epsilon=own_epsilon,
        momentum=own_momentum,
        axis=axis,
        batch_axis=None if batch_axis == "none" else batch_axis,
        batch_size=batch_size,
        drop_last=drop_last,
        shuffle=shuffle,
        seed=seed,
        normalizer=own_normalizer,
        ranks=ranks,
        dtype=_input_type(dtype),
        threads=threads,
        emulate=emulate,
    )
    _refuse_impossible(settings)
    return settings


def _input_type(name: str) -> InputType:
    for known in get_args(InputType):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"dtype {name!r} is not known; choose one of {', '.join(get_args(InputType))}")


def _refuse_impossible(settings: Settings) -> None:
    if settings.ranks < 1:
        raise UsageError(f"{settings.ranks} ranks cannot be: a step is taken by at least 1")
    if settings.ranks > 1 and settings.kind != "batch":
        raise UsageError(
            f"--ranks merges the batches of batch norm, and {settings.normalizer} has nothing to synchronize; "
            "leave --ranks or --normalizer out"
        )
    if settings.batch_size < 1:
        raise UsageError(f"batch size {settings.batch_size} cannot be: a batch has at least 1 sample")
    if settings.axis == 0:
        raise UsageError("axis 0 is the batch axis, which is always reduced; keep another, as -1 for the last")
    if settings.seed < 0:
        raise UsageError(f"seed {settings.seed} cannot be: give a whole number that is 0 or more")
    if settings.threads is not None and settings.threads < 1:
        raise UsageError(f"{settings.threads} threads cannot be: a framework has at least 1")
