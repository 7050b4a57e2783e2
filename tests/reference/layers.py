"""What normalization layers make of moments: the formulas of the frameworks' documentation, and nothing else.

A result is a dict of the fields that JSON has. A value is a `Ball`, or a number or a bool that has to be equal, or None
where the number is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import localcontext
from fractions import Fraction

from reference.balls import CONTEXT, NOTHING, ONE, Ball, average, decimal, whole
from reference.moments import Cell, merge

# The number that JSON should have in a field.
Expected = Ball | int | bool | None
Fields = dict[str, Expected]


@dataclass(frozen=True)
class Preset:
    """The conventions of one layer.

    Attributes:
        epsilon: its ε; None if it has no default.
        momentum: its argument; None without a default.
        weighs: "old" or "batch", what the momentum is the weight of; None if nothing is averaged.
        unbiased: True if n/(n − 1) goes into the running variance.
        refuses: values per channel from which it trains.
        start: mean and variance that the averages start from.
        debiased: True if averages are divided by 1 − d^t.
        positive: True if it does not train with an ε of 0.
    """

    epsilon: float | None
    momentum: float | None = None
    weighs: str | None = None
    unbiased: bool = False
    refuses: int = 1
    start: tuple[int, int] = (0, 1)
    debiased: bool = False
    positive: bool = False

    def added(self, epsilon: float | None) -> float | None:
        """Return the ε that the layer adds: its own if none is given, and None if it does not train with it."""
        used = self.epsilon if epsilon is None else epsilon
        return None if self.positive and not used else used


_KERAS = Preset(1e-3, 0.99, "old")
_TORCH = Preset(1e-5, 0.1, "batch", unbiased=True, refuses=2, positive=True)
PRESETS = {
    **dict.fromkeys(("keras", "keras-jax", "keras-torch", "keras-tensorflow"), _KERAS),
    **dict.fromkeys(("keras-tensorflow-axis1", "keras-tensorflow-sync", "keras2-nonfused"), _KERAS),
    **dict.fromkeys(("torch", "torch-channels-last", "torch-cuda", "torch-syncbn"), _TORCH),
    "tensorflow": Preset(None),
    "tensorflow-fused": Preset(1e-3, 1.0, "batch", unbiased=True),
    "keras2": Preset(1e-3, 0.99, "old", unbiased=True),
    **dict.fromkeys(("flax", "flax-two-pass"), Preset(1e-5, 0.99, "old")),
    "haiku": Preset(1e-5, None, "old", start=(0, 0), debiased=True),
    "onnx": Preset(1e-5, 0.9, "old"),
}
# Layers beside batch norm: their ε.
OTHERS = {
    "torch-instance": 1e-5,
    "torch-instance-track": 1e-5,
    "flax-instance": 1e-6,
    "keras-layer": 1e-3,
    "torch-layer": 1e-5,
    "flax-layer": 1e-6,
    "keras-group": 1e-3,
    "torch-group": 1e-5,
    "flax-group": 1e-6,
    "keras-rms": 1e-6,
    "torch-rms": 2.0**-23,
    "flax-rms": 1e-6,
}


def statistics(cell: Cell, epsilon: float | None, *, rms: bool = False, zero: bool = False) -> Fields:
    """Return the fields that every layer has; `zero` if the layer takes 1/√0 for 0, as PyTorch's instance norm."""
    fields: Fields = {"count": cell.count, "nan": cell.nan, "inf": cell.inf, "constant": cell.constant}
    fields |= {"min": _end(cell, cell.minimum), "max": _end(cell, cell.maximum)}
    names = ("mean", "variance", "std", "condition_number", "gain", "output_variance", "output_std", "epsilon_share")
    fields |= dict.fromkeys(names)
    if rms:
        fields |= {"mean_square": None, "output_mean_square": None}
    if cell.poisoned:
        return fields
    mean, variance = cell.mean_ball(), cell.variance_ball()
    square = variance + mean.squared()
    fields["mean"] = mean
    if variance.too_large:  # squares that float64 does not hold, and so nothing that follows from them
        return fields
    fields |= {"variance": variance, "std": variance.root()}
    if rms and square.too_large:
        return fields
    if cell.varies:
        fields["condition_number"] = (ONE + mean.squared() / variance).root()
    if rms:
        fields["mean_square"] = square
    scale = square if rms else variance
    if zero and not epsilon and not scale.value:
        fields |= {"gain": NOTHING, "output_variance": NOTHING, "output_std": NOTHING}
    elif epsilon is not None and (epsilon or scale.value):
        total = scale + Ball.of(epsilon)
        share = variance / total
        fields |= {"gain": ONE / total.root(), "output_variance": share, "output_std": share.root()}
        fields["epsilon_share"] = Ball.of(epsilon) / total
        if rms:
            fields["output_mean_square"] = square / total
    return fields


def _end(cell: Cell, end: Fraction | None) -> Ball | None:
    """Return the least or the greatest value: as it is stored, or after the two roundings of slope and intercept."""
    if end is None:
        return None
    if not cell.scaled:
        return Ball.of(end)
    return Ball.rounded(Fraction(max(abs(end), cell.size)), 2).at(decimal(end)).widened(decimal(cell.noise))


def finite(cell: Cell) -> dict[str, Expected] | None:
    """Return what is said of the finite values, if others are among them."""
    if not (cell.nan or cell.inf):
        return None
    if not cell.finite:
        return {"count": 0, "mean": None, "variance": None}
    return {"count": cell.finite, "mean": cell.mean_ball(), "variance": cell.variance_ball()}


def weight_of(preset: Preset, momentum: float | str | None, step: int = 1) -> Ball | None:
    """Return the weight of a batch at a step; a momentum of "none" is PyTorch's cumulative mean."""
    if momentum == "none":
        return ONE / whole(step)
    given = preset.momentum if momentum is None else momentum
    if preset.weighs is None:
        return None
    if preset.debiased and step == 1:
        return ONE
    if given is None:
        return None
    weight = Ball.of(float(given))
    return weight if preset.weighs == "batch" else ONE - weight


def bessel(count: int) -> Ball:
    """Return n/(n − 1), and 1 for n = 1 as TensorFlow's n/max(n − 1, 1)."""
    return whole(count) / whole(max(count - 1, 1))


def running(cell: Cell, preset: Preset, momentum: float | str | None = None, epsilon: float | None = None) -> Fields:
    """Return the running statistics after one step from the start."""
    weight = weight_of(preset, momentum)
    refused = cell.count < preset.refuses or (preset.positive and epsilon == 0)
    if cell.poisoned or weight is None or refused:
        return {"running_mean": None, "running_variance": None}
    variance = cell.variance_ball()
    if preset.unbiased:
        variance = variance * bessel(cell.count)
    old = ONE - weight
    start_mean, start_variance = preset.start
    return {
        "running_mean": old * whole(start_mean) + weight * cell.mean_ball(),
        "running_variance": old * whole(start_variance) + weight * variance,
    }


def running_of_items(cells: Sequence[Cell], momentum: float) -> Fields:
    """Return the running statistics of PyTorch's instance norm: the mean over items, of their unbiased variances."""
    if any(cell.poisoned or cell.count < 2 for cell in cells):
        return {"running_mean": None, "running_variance": None}
    weight = Ball.of(momentum)
    old = ONE - weight
    mean = average([cell.mean_ball() for cell in cells])
    variance = average([cell.variance_ball() * bessel(cell.count) for cell in cells])
    return {"running_mean": weight * mean, "running_variance": old + weight * variance}


def renorm(batches: Sequence[Cell], epsilon: float, weight: Ball) -> list[Fields]:
    """Return r, d and the running statistics of batches in sequence, as Keras has them: nothing is clipped.

    σ_B = √(v + ε); r = σ_B/max(σ, √ε), d = (μ_B − μ)/max(σ, √ε) with the values from before the update.
    """
    mean, deviation, old = NOTHING, ONE, ONE - weight
    least, added = Ball.of(epsilon).root(), Ball.of(epsilon)
    found: list[Fields] = []
    poisoned = unknown = False
    for cell in batches:
        poisoned = poisoned or cell.poisoned
        unknown = unknown or poisoned or cell.variance_ball().too_large
        fields: Fields = dict.fromkeys(("r", "d", "r_clipped", "d_clipped", "running_mean", "running_variance"))
        found.append(fields)
        if poisoned:
            continue
        divisor, before = (deviation if deviation.value > least.value else least), mean
        mean = old * mean + weight * cell.mean_ball()
        fields["running_mean"] = mean
        if unknown:  # a deviation whose square float64 does not hold
            continue
        own = (cell.variance_ball() + added).root()
        ratio, shift = own / divisor, (cell.mean_ball() - before) / divisor
        deviation = old * deviation + weight * own
        variance = deviation.squared() - added
        fields["running_variance"] = variance if variance.value > 0 else Ball(NOTHING.value, variance.radius)
        fields |= {"r": ratio, "d": shift}
        fields["r_clipped"] = _beyond(ratio, Fraction(1, 3), Fraction(3))
        fields["d_clipped"] = _beyond(shift, Fraction(-5), Fraction(5))
    return found


def _beyond(ball: Ball, low: Fraction, high: Fraction) -> Expected:
    """Return whether a number lies outside of limits; as a ball of 1/2 ± 1/2 where rounding decides."""
    with localcontext(CONTEXT):
        below, above = ball.value - ball.radius, ball.value + ball.radius
        if above < decimal(low) or below > decimal(high):
            return True
        if below >= decimal(low) and above <= decimal(high):
            return False
    return Ball(decimal(Fraction(1, 2)), decimal(Fraction(1, 2)))


def weight_init(cell: Cell, epsilon: float) -> Fields:
    """Return the start of weight norm from one batch: g = 1/σ, b = −μ/σ (Salimans & Kingma 2016)."""
    total = cell.variance_ball() + Ball.of(epsilon) if not cell.poisoned else NOTHING
    if cell.poisoned or not total.value or total.too_large:
        return {"g": None, "b": None}
    gain = ONE / total.root()
    return {"g": gain, "b": NOTHING - cell.mean_ball() * gain}


def levels(patch: Sequence[int], strides: Sequence[int], downsample: str) -> list[list[int]]:
    """Return the sizes at each level of an encoder: a convolution rounds up, pooling down."""
    found = [list(patch)]
    for stride in strides:
        add = stride - 1 if downsample == "conv" else 0
        found.append([(size + add) // stride for size in found[-1]])
    return found


def grouped(sample: Sequence[Cell], groups: int) -> list[tuple[list[int], Cell]]:
    """Return the channels of each group of a sample, and their values together."""
    each = len(sample) // groups
    parts = [list(range(one * each, (one + 1) * each)) for one in range(groups)]
    return [(part, merge([sample[channel] for channel in part])) for part in parts]
