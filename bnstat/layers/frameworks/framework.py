"""A preset: the conventions of one layer of one framework."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bnstat.layers.arithmetic.arithmetics import Arithmetic
from bnstat.layers.arithmetic.float_limits import FLOAT32_TINY

Normalizer = Literal["batch", "instance", "layer", "group", "rms"]
NORMALIZERS: tuple[Normalizer, ...] = get_args(Normalizer)

# Running statistics start from this mean and variance in every preset but Haiku's.
RUNNING_START = (0.0, 1.0)

# The least ε that is not 0 as a float32: where subnormal numbers count as 0, and where they do not (it rounds up then).
FLUSHED = FLOAT32_TINY
SUBNORMAL = 2.0**-150 * (1.0 + 2.0**-52)


@dataclass(frozen=True, kw_only=True)
class Framework:
    """The conventions of one layer of one framework.

    Attributes:
        name: its name on the command line.
        title: its name in a sentence.
        maker: the name of the preset that stands for all presets of this maker.
        normalizer: the kind of layer.
        epsilon: the layer's default, added to the variance (rms: to the mean square) inside the square root when
            normalizing; None if it has none.
        momentum: the layer's default, in its own convention; None if it has none, or keeps no running statistics.
        momentum_weighs: the value that `momentum` is the weight of: the "old" running value, or the new "batch"; None
            if no running statistics are kept.
        running_variance: the variance of a batch that goes into the running one: the "biased", the "unbiased" with
            Bessel's n/(n−1), or "item-unbiased", the mean over items of their unbiased ones; None if none is kept.
        running_start: mean and variance that the buffers start from.
        debiased: True if the average after step t is divided by 1 − d^t, d being the weight of the old value (bias
            correction).
        cumulative: True if a momentum of None means the cumulative mean, in which the batch of step t weighs 1/t.
        renorm: True if the layer can do batch renormalization.
        arithmetic: the way in which the layer computes the variance.
        fused: True if TensorFlow's fused op computes it, for tensors of 4 and 5 axes.
        upcasts: True if the layer computes with a half input in float32, and its result is float32.
        channels_axis: the axis that the layer itself keeps.
        layout: the same in words.
        least_values: values below which the layer refuses to train: of a channel of the batch (batch norm), of a
            channel of one sample (instance norm), of a group in all samples together (group norm).
        refusal: its error message then, with {shape} for the shape of the input; None if it never refuses.
        least_epsilon: the least ε above 0 that the layer can add; a smaller one is 0 in its type of numbers.
        epsilon_refusal: its error message in training if ε is not above 0, with {epsilon} for ε; None if it computes.
        zero_divided: what it makes of a constant if ε is 0, which is 0 divided by 0: "nan", or "zero", as if the
            quotient were 0.
        bias: True if it has a learned bias β by default.
        whole_sample: the call that makes the layer reduce the axes {axes}, if its own default reduces the last axis
            alone; None if there is no such default.
        call: the call that makes the layer, in which fields as {epsilon} stand for what `typed` fills in.
        source: the layer and the versions that the values were measured with.
    """

    name: str
    title: str
    maker: str
    normalizer: Normalizer = "batch"
    epsilon: float | None
    momentum: float | None = None
    momentum_weighs: Literal["old", "batch"] | None = None
    running_variance: Literal["biased", "unbiased", "item-unbiased"] | None = None
    running_start: tuple[float, float] = RUNNING_START
    debiased: bool = False
    cumulative: bool = False
    renorm: bool = False
    arithmetic: Arithmetic
    fused: bool = False
    upcasts: bool = True
    channels_axis: int
    layout: str
    least_values: int = 1
    refusal: str | None = None
    least_epsilon: float = FLUSHED
    epsilon_refusal: str | None = None
    zero_divided: Literal["nan", "zero"] = "nan"
    bias: bool = True
    whole_sample: str | None = None
    call: str
    source: str

    @property
    def keeps_running(self) -> bool:
        """True if the layer keeps running statistics."""
        return self.running_variance is not None

    @property
    def unbiased_running_variance(self) -> bool:
        """True if Bessel's correction goes into the running variance."""
        return self.running_variance in ("unbiased", "item-unbiased")

    @property
    def default_batch_weight(self) -> float | None:
        """The weight of one batch at the default momentum; None if there is no default."""
        return None if self.momentum is None else self.batch_weight(self.momentum)

    def added(self, epsilon: float | None) -> float | None:
        """Return the number that the layer adds for an ε: 0 if that is too small for its type of numbers."""
        return 0.0 if epsilon is not None and epsilon < self.least_epsilon else epsilon

    def refusal_of(self, epsilon: float | None) -> str | None:
        """Return the error that the layer raises in training for an ε; None if it raises none."""
        if self.epsilon_refusal is None or epsilon is None or epsilon > 0:
            return None
        return self.epsilon_refusal.format(epsilon=epsilon)

    def typed(self, shape: Sequence[int], axis: int, **values: float | None) -> str:
        """Return the call that makes the layer, to be typed.

        Args:
            shape: the shape of the batched tensor.
            axis: the axis of the tensor that holds the channels.
            values: `epsilon`, `momentum`, `groups` and `renorm`, as far as the call has them; an argument that is
                None is left out, and so is an axis that is the last.
        """
        channels = shape[axis]
        space = [size for place, size in enumerate(shape) if place not in (0, axis)]
        text, values = self.call, {**values, "axis": None if axis == len(shape) - 1 else axis}
        for name in ("epsilon", "momentum", "groups", "axis", "renorm"):
            if values.get(name) is None:
                text = re.sub(rf"\w+=\{{{name}\}}(, )?", "", text).replace(", )", ")")
        return text.format(
            channels=channels,
            spatial=len(space),
            sample=", ".join(str(size) for size in (channels, *space)),
            axes=", ".join(str(place) for place in range(1, len(shape))),
            **{name: _argument(value) for name, value in values.items() if value is not None},
        )

    def bessel(self, count: int) -> float:
        """Return the factor of the biased variance of so many values on its way into the running variance.

        It is n/max(n − 1, 1) if that is unbiased, else 1. A layer that trains on one value keeps its variance of 0.
        """
        return count / max(count - 1, 1) if self.unbiased_running_variance else 1.0

    def batch_weight(self, momentum: float) -> float:
        """Return the weight w of one batch in the running statistics: new = (1 − w)·old + w·batch.

        With bias correction this is the w of the average before it is divided.
        """
        return momentum if self.momentum_weighs == "batch" else 1.0 - momentum

    def weight_at(self, step: int, momentum: float | None) -> float | None:
        """Return the weight w of the batch of one training step: new = (1 − w)·old + w·batch.

        An average with bias correction is of that form too, with w = (1 − d)/(1 − d^t). After the first step it is the
        statistic of the batch for any d below 1, known or not.

        Args:
            step: t, 1 for the first.
            momentum: momentum in the layer's own convention; None if it is unknown, or cumulative.

        Returns:
            The weight; None if it is unknown or undefined, or no running statistics are kept.
        """
        if not self.keeps_running:
            return None
        if momentum is None:
            first = self.debiased and step == 1
            return 1.0 / step if self.cumulative or first else None
        weight = self.batch_weight(momentum)
        if not self.debiased:
            return weight
        if weight == 0.0:
            return None  # 0/0: nothing was ever added
        return 1.0 if step == 1 else weight / (1.0 - (1.0 - weight) ** step)


def _argument(value: float) -> str:
    """Return a number as it is typed, without what a subtraction has left of float64's rounding."""
    return repr(value) if isinstance(value, int) or value == 2.0**-23 else repr(float(f"{value:.12g}"))
