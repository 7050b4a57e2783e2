"""Remedies for a framework's arithmetic, by how it sums: the rules that judge it share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from math import isnan, nan
from typing import TYPE_CHECKING

from bnstat.layers.results import Batch, Channel, Group, Prediction
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence
from bnstat.text import capitalized, short

if TYPE_CHECKING:
    from bnstat.layers.changes import LikeParts

# A channel or a group, and the batch that it is of.
PlacedPart = tuple[Batch, Channel | Group]

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
# Channels or groups whose changes are computed at once.
_AT_ONCE = 4096


def advised(evidence: Evidence, placed: Iterable[PlacedPart]) -> Iterator[tuple[Batch, Channel | Group, str]]:
    """Yield channels or groups with what to do about each, as sentences: only what narrows the layer's bounds for them.

    Args:
        evidence: what the rules judge.
        placed: channels or groups that have a prediction, each with its batch.
    """
    placed = iter(placed)
    while some := [*islice(placed, _AT_ONCE)]:
        for (batch, part), advice in zip(some, _advice(evidence, some), strict=True):
            yield batch, part, advice


def _advice(evidence: Evidence, placed: Sequence[PlacedPart]) -> Iterator[str]:
    """Yield what to do about each of some channels or groups; what changes would do is computed for all at once."""
    from bnstat.layers.changes import like_parts  # noqa: PLC0415  (numpy, not for explaining a rule)

    settings, limit = evidence.settings, evidence.limits.variance_error
    # for each of them, what a user can do and how far the variance is off at most after that, and a number of values
    changes: list[list[tuple[str, float]]] = [[] for _ in placed]
    fewer = [0] * len(placed)
    for like in like_parts(placed):
        places = like.places.tolist()
        for several, off in _changes(settings, like, [placed[place][1] for place in places]):
            for place, advice, share in zip(places, several, off, strict=True):
                if not isnan(share):
                    changes[place].append((advice, share))
        numbers = like.fewest_halvings(settings, _MARGIN * limit, _MOST_HALVINGS)
        for place, number in zip(places, numbers.tolist(), strict=True):
            fewer[place] = number
    for (batch, part), own, number in zip(placed, changes, fewer, strict=True):
        yield _sentences(evidence, batch, part, own, number)


def _sentences(
    evidence: Evidence, batch: Batch, part: Channel | Group, changes: Sequence[tuple[str, float]], fewer: int
) -> str:
    """Return what to do.

    Args:
        evidence: what the rules judge.
        batch: the batch of the channel or group.
        part: the channel or group.
        changes: what a user can do, and how far the variance is off at most after that.
        fewer: a number of values with which the variance is within the limit; 0 if their number does not matter.
    """
    settings, limit = evidence.settings, evidence.limits.variance_error
    if part.count == 1:
        return "A single value has no variance."  # and what gives it more values is said by BN201
    if not part.variance:
        several = isinstance(part, Group) and len(part.channels) > 1
        what = ("group of channels", "these channels", "they are") if several else ("channel", "the channel", "it is")
        return f"A constant {what[0]} carries no information: leave {what[1]} out, or find out why {what[2]} constant."
    now = deviation(part, settings.added) or 0.0
    better = [(advice, off) for advice, off in changes if off <= max(_HALVED * now, limit) and off < now]
    within = [advice for advice, off in better if off <= limit]
    opening = ""
    if fewer and not any(advice.startswith(_SUBTRACT) for advice in within):
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


def _changes(
    settings: Settings, like: LikeParts, parts: Sequence[Channel | Group]
) -> Iterator[tuple[Sequence[str], Sequence[float]]]:
    """Yield what a user can do about each, and how far its variance is off at most after that; NaN if it is unknown."""
    if settings.dtype != "float32":
        wider = replace(settings, dtype="float32")
        yield ["give the layer float32 input"] * len(parts), like.off_after(wider).tolist()
    for instead in like.alternatives(settings):
        yield [instead.advice] * len(parts), like.off_after(settings, instead=instead).tolist()
    constants = [_near_mean(part) for part in parts]
    off = like.off_after(settings, subtracted=constants).tolist()
    advice = [_subtract(settings, part, constant) for part, constant in zip(parts, constants, strict=True)]
    yield advice, [one if constant else nan for one, constant in zip(off, constants, strict=True)]


def _subtract(settings: Settings, part: Channel | Group, constant: float) -> str:
    rounded = part.prediction is not None and part.prediction.rounded
    before = f"the conversion to {settings.dtype}" if rounded or settings.dtype != "float32" else "the layer"
    return f"{_SUBTRACT} a constant near the mean ({constant:.15g}) before {before}"


def _near_mean(part: Channel | Group) -> float:
    """Return the mean in the fewest digits, four at least, that leave less of it than a standard deviation."""
    mean, deviation = float(part.mean or 0.0), float(part.std or 0.0)
    near = (float(f"{mean:.{digits}g}") for digits in range(4, 17))
    return next((one for one in near if abs(mean - one) <= deviation), mean)


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
