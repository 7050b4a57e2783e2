"""Presets: the conventions of real batch-norm layers as data, each with its source."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bnstat.errors import UsageError


@dataclass(frozen=True)
class Framework:
    """The conventions of one framework's batch-norm layer.

    Attributes:
        name: its name on the command line.
        title: its name in a sentence.
        epsilon: the layer's default, added to the variance inside the square root when normalizing.
        momentum: the layer's default, in its own convention.
        momentum_weighs: what `momentum` is the weight of: the "old" running value, or the new "batch".
        unbiased_running_variance: whether Bessel's correction n/(n−1) goes into the running variance.
        channels_axis: the axis that the layer itself keeps.
        layout: that in words.
        least_values: values a channel below which the layer refuses to train.
        least_spatial_values: values of one sample and channel below which its instance-norm layer refuses to train.
        refusal: the words of its batch norm then, with {shape} for the shape of the input; None where it never refuses.
        source: where the values come from.
    """

    name: str
    title: str
    epsilon: float
    momentum: float
    momentum_weighs: Literal["old", "batch"]
    unbiased_running_variance: bool
    channels_axis: int
    layout: str
    least_values: int
    least_spatial_values: int
    refusal: str | None
    source: str

    def batch_weight(self, momentum: float) -> float:
        """The weight of one batch in the running statistics: new = (1 − w)·old + w·batch."""
        return momentum if self.momentum_weighs == "batch" else 1.0 - momentum


# Running statistics start from this mean and variance in every preset.
RUNNING_START = (0.0, 1.0)

FRAMEWORKS = {
    framework.name: framework
    for framework in (
        Framework(
            name="keras",
            title="Keras",
            epsilon=1e-3,
            momentum=0.99,
            momentum_weighs="old",
            unbiased_running_variance=False,
            channels_axis=-1,
            layout="channels last",
            least_values=1,
            least_spatial_values=1,
            refusal=None,
            source="keras.layers.BatchNormalization, Keras 3.15.1 on JAX, PyTorch and TensorFlow",
        ),
        Framework(
            name="torch",
            title="PyTorch",
            epsilon=1e-5,
            momentum=0.1,
            momentum_weighs="batch",
            unbiased_running_variance=True,
            channels_axis=1,
            layout="channels first",
            least_values=2,
            least_spatial_values=2,
            refusal="Expected more than 1 value per channel when training, got input size torch.Size({shape})",
            source="torch.nn.BatchNorm3d, PyTorch 2.13.0 on a CPU",
        ),
    )
}

ALIASES = {"pytorch": "torch"}


def framework_named(name: str) -> Framework:
    """The preset of a name or alias, whatever its case.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    lowered = name.lower()
    key = ALIASES.get(lowered, lowered)
    if key in FRAMEWORKS:
        return FRAMEWORKS[key]
    import difflib  # noqa: PLC0415  (only where a name is wrong)

    near = difflib.get_close_matches(lowered, [*FRAMEWORKS, *ALIASES], n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(FRAMEWORKS)}"
    raise UsageError(f"framework {name!r} is not known; {hint}")


def layer_of(name: str, epsilon: float | None, momentum: float | None) -> tuple[Framework, float, float]:
    """A preset with the ε and momentum of its layer: those given, or its defaults.

    Raises:
        UsageError: the name is not known, ε is below 0 or not finite, or the momentum is not from 0 to 1.
    """
    preset = framework_named(name)
    own_epsilon = preset.epsilon if epsilon is None else float(epsilon)
    own_momentum = preset.momentum if momentum is None else float(momentum)
    if not (own_epsilon >= 0 and math.isfinite(own_epsilon)):
        raise UsageError(f"epsilon {own_epsilon:g} cannot be: give a number that is 0 or more")
    if not 0 <= own_momentum <= 1:
        raise UsageError(f"momentum {own_momentum:g} cannot be: give a number from 0 to 1")
    return preset, own_epsilon, own_momentum


def unlike(epsilon: float) -> Framework:
    """The preset whose default ε differs most from this one, to say what it would give."""
    return max(FRAMEWORKS.values(), key=lambda preset: abs(math.log(preset.epsilon / max(epsilon, 1e-300))))
