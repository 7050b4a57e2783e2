"""Remedies for a framework's arithmetic, by how it sums: the rules that judge it share them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.text import capitalized, short

# What a range is that was not summed again.
BOUNDS = "bounds for rounding in float32; bnstat does not know the number itself"


def rounding(*, certain: bool) -> str:
    """Say where a number comes from: of rounding, or of bounds for it."""
    return "because of rounding in float32" if certain else "by bnstat's bounds for rounding in float32"


# A change is advised if it brings the variance within the limit; if none does, those that halve the error at least.
_HALVED, _SUBTRACT = 0.5, "subtract"
# Fewer values are advised with this margin to the limit, because bounds for cascades do not grow steadily with them.
_MARGIN = 0.5
# The most times that a number of values is halved.
_MOST_HALVINGS = 40


def remedy(evidence: Evidence, batch: Batch, part: Channel | Group) -> str:
    """Return what to do, as sentences: only what narrows the layer's bounds for these values."""
    settings, limit = evidence.settings, evidence.limits.variance_error
    if part.count == 1:
        return "A single value has no variance."  # and what gives it more values is said by BN201
    if not part.variance:
        several = isinstance(part, Group) and len(part.channels) > 1
        what = ("group of channels", "these channels", "they are") if several else ("channel", "the channel", "it is")
        return f"A constant {what[0]} carries no information: leave {what[1]} out, or find out why {what[2]} constant."
    now = deviation(part, settings.added) or 0.0
    changes = [(advice, off) for advice, off in _changes(settings, batch, part) if off <= max(_HALVED * now, limit)]
    better = [(advice, off) for advice, off in changes if off < now]
    within = [advice for advice, off in better if off <= limit]
    fewer = _fewer_values(settings, batch, part, limit)
    opening = ""
    if fewer is not None and not any(advice.startswith(_SUBTRACT) for advice in within):
        if not any(advice.startswith(_SUBTRACT) for advice, _ in better):
            opening = f"The cause is the number of values ({part.count:,}), not their mean. "
        batches = " or a smaller batch" if len(batch.samples) > 1 and not batch.groups else ""
        within.append(f"normalize at most {fewer:,} values together, as with patches{batches}")
    if within:
        return f"{opening}{capitalized(', or '.join(within))}."
    if better:
        advice, off = min(better, key=lambda one: one[1])
        return f"{capitalized(advice)}, which narrows this to {short(100 * off, 3)} %."
    return "Nothing that bnstat knows narrows these bounds: compare with the variance that the layer itself computes."


def _changes(settings: Settings, batch: Batch, part: Channel | Group) -> Iterator[tuple[str, float]]:
    """Yield what a user can do, and how far the variance is off at most after that."""
    from bnstat.layers.predictions import alternatives, judged_after  # noqa: PLC0415  (numpy, not for explaining a rule)

    if settings.dtype != "float32":
        wider = replace(settings, dtype="float32")
        yield from _known("give the layer float32 input", judged_after(part, batch, wider), part)
    for instead in alternatives(batch, settings):
        yield from _known(instead.advice, judged_after(part, batch, settings, instead=instead), part)
    constant = _near_mean(part)
    rounded = part.prediction is not None and part.prediction.rounded
    before = f"the conversion to {settings.dtype}" if rounded or settings.dtype != "float32" else "the layer"
    advice = f"{_SUBTRACT} a constant near the mean ({constant:.15g}) before {before}"
    if constant:
        yield from _known(advice, judged_after(part, batch, settings, subtracted=constant), part)


def _known(advice: str, band: tuple[float, float] | None, part: Channel | Group) -> Iterator[tuple[str, float]]:
    if band is not None and part.variance:
        yield advice, max(abs(end - part.variance) for end in band) / part.variance


def _near_mean(part: Channel | Group) -> float:
    """Return the mean in the fewest digits, four at least, that leave less of it than a standard deviation."""
    mean, deviation = float(part.mean or 0.0), float(part.std or 0.0)
    near = (float(f"{mean:.{digits}g}") for digits in range(4, 17))
    return next((one for one in near if abs(mean - one) <= deviation), mean)


def _fewer_values(settings: Settings, batch: Batch, part: Channel | Group, limit: float) -> int | None:
    """Return a number of values with which the variance is within the limit; None if their number does not matter."""
    from bnstat.layers.predictions import judged_after  # noqa: PLC0415  (numpy, not for explaining a rule)

    for halvings in range(1, _MOST_HALVINGS):
        parts = 1 << halvings
        if part.count // parts < 2:
            return None
        for _, off in _known("", judged_after(part, batch, settings, parts=parts), part):
            if off <= _MARGIN * limit:
                return part.count // parts
    return None


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
