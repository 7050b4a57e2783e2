"""Remedies for a framework's arithmetic, by how it sums: the rules that judge it share them."""

from __future__ import annotations

from bnstat.layers.results import Channel, Group, Prediction
from bnstat.layers.settings import Settings


def remedy(settings: Settings, part: Channel | Group) -> str:
    """Return what to do, as a sentence."""
    if part.count == 1:
        return "A single value has no variance."  # and what gives it more values is said by BN201
    if not part.variance:
        several = isinstance(part, Group) and len(part.channels) > 1
        what = ("group of channels", "these channels", "they are") if several else ("channel", "the channel", "it is")
        return f"A constant {what[0]} carries no information: leave {what[1]} out, or find out why {what[2]} constant."
    advice = settings.framework.arithmetic.remedy.format(mean=f"{float(f'{part.mean or 0.0:.4g}'):.15g}")
    if settings.dtype != "float32":
        advice = f"give the layer float32 input, or {advice}"
    return f"{advice[0].upper()}{advice[1:]}."


def layer(settings: Settings) -> str:
    """Name the layer whose arithmetic it is."""
    several = settings.framework.arithmetic.several
    return f"a backend of {settings.maker}" if several else settings.framework.title


def deviation(part: Channel | Group, epsilon: float | None) -> float | None:
    """Return how far the layer's variance is off, or may be, relative to the exact one, or to ε for a constant.

    It is None if nothing is predicted, or if a constant has no ε to be compared with.
    """
    judged = part.prediction.judged if part.prediction is not None else None
    scale = part.variance or epsilon
    if judged is None or part.variance is None or not scale:
        return None
    return max(abs(end - part.variance) for end in judged) / scale


def is_certain(prediction: Prediction) -> bool:
    """Return True if the layer's own number is known, so that a message says "computes" and not "may compute"."""
    return prediction.kind == "emulated"


def is_clamped(settings: Settings) -> bool:
    """Return True if the layer takes a variance below 0 as 0."""
    return settings.framework.arithmetic.negative == "clamped"
