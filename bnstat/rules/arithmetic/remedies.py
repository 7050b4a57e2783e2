"""What to do about a framework's arithmetic, by how it sums: shared by the rules that judge it."""

from __future__ import annotations

from bnstat.layers.results import Channel, Group, Prediction
from bnstat.layers.settings import Settings


def remedy(settings: Settings) -> str:
    """What to do, as a sentence."""
    advice = settings.framework.arithmetic.remedy
    if settings.dtype != "float32":
        advice = f"give the layer float32 input; or {advice}"
    return f"{advice[0].upper()}{advice[1:]}."


def layer(settings: Settings) -> str:
    """Whose arithmetic it is, in a sentence."""
    several = settings.framework.arithmetic.several
    return f"a backend of {settings.maker}" if several else settings.framework.title


def deviation(part: Channel | Group, epsilon: float | None) -> float | None:
    """How far the layer's variance is off, or may be, relative to the exact one; of a constant relative to ε.

    None where nothing is predicted, or a constant has no ε to be measured by.
    """
    judged = part.prediction.judged if part.prediction is not None else None
    scale = part.variance or epsilon
    if judged is None or part.variance is None or not scale:
        return None
    return max(abs(end - part.variance) for end in judged) / scale


def is_certain(prediction: Prediction) -> bool:
    """Whether the layer's own number is known, so that a message says "is" and not "may be"."""
    return prediction.kind == "emulated"


def is_clamped(settings: Settings) -> bool:
    """Whether the layer takes a variance below 0 for 0."""
    return settings.framework.arithmetic.negative == "clamped"
