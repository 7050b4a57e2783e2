"""The facts that people come to `bnstat inspect` for: whether a variance is zero, and whether ε matters.

Two others follow: where enough samples show whether the batch is too small, and where the layer's own arithmetic may
give another variance than the exact one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings
from bnstat.reports.inspect import Report
from bnstat.reports.limits import DEFAULT_LIMITS
from bnstat.text import beyond, capitalized, first_ones, number, numbered, plural, printable

if TYPE_CHECKING:  # numpy, as in `Report.parts`
    from bnstat.layers.batch_columns import Indices
    from bnstat.layers.columns import Doubles

# A channel or a group, and the batch that it is of.
_Placed = tuple[Batch, Channel | Group]

# What findings on a layer's arithmetic say of its variance, by their code, the worst first.
_COMPUTED = {"BN301": "a negative variance", "BN302": "a variance of 0", "BN303": "a wrong variance"}


@dataclass(frozen=True)
class BatchNoise:
    """How far the batch mean of samples that are drawn at random varies, in the channel in which it does most.

    Attributes:
        channel: The index of the channel.
        noise: The standard deviation of the batch mean, in standard deviations of the population: the figure of
            `bnstat compare`.
    """

    channel: int
    noise: float


def verdict(report: Report, noise: BatchNoise | None = None) -> tuple[str, ...]:
    """Return a sentence on zero variances and one on ε, also where neither is a problem; nothing without a batch.

    Where inputs look like label maps, a sentence before these says so. Where a finding says that the layer's own
    variance may be another one, a further sentence says so, and where enough samples show how much the batch mean
    varies, one says whether the batch is too small.
    """
    if not len(report.parts):
        return ()
    judged = () if noise is None else (_on_batch_size(noise, report),)
    labels = filter(None, [report.label_maps.sentence])
    first = (*labels, _on_variance(report), *_on_hidden_channels(report), _on_epsilon(report))
    return (*first, *judged, *_on_arithmetic(report))


# --- Is a variance zero? -----------------------------------------------------------------------------------------


def _on_variance(report: Report) -> str:
    """Say in which channels or groups what the layer divides by is zero or unknown, or that it is in none."""
    name, settings = _divisor(report.settings), report.settings
    parts = report.parts
    divisor = parts.number("divisor")
    varying = divisor >= 0  # False for NaN, which is unknown
    if ((divisor == 0) & (parts.number("count") == 1)).all() and settings.kind != "rms":
        return f"The variance is zero, because each {_noun(settings)} has a single value."
    zero, unknown = list(parts.where(divisor == 0)), list(parts.where(~varying))
    others = (varying & (divisor != 0)).nonzero()[0]
    if not zero and not len(others):
        return f"The {name} is {'; '.join(_unknowns(unknown, report))}."
    clauses = [f"zero in {where}, {why}" for where, why in _zeros(zero, report)]
    if not clauses:
        clauses = [_not_zero(report, others)]
    elif not len(others) and not unknown and len(clauses) == 1:
        clauses = [f"zero{_in_all(report)}: {_why_zero(zero).removeprefix('where ')}"]
    elif len(others):
        clauses.append(f"elsewhere it is {_least(divisor[others])}")
    said = f"The {name} is {'; '.join(clauses)}."
    if not unknown:
        return said
    return f"{said[:-1]}; it is {'; '.join(_unknowns(unknown, report))}."


def _on_hidden_channels(report: Report) -> Iterator[str]:
    """Yield which channels are constant by themselves where the layer merges them with others, as group norm does."""
    if report.settings.kind not in ("group", "layer"):
        return
    merged = {one for batch in report.batches for part in batch.groups if part.divisor for one in _others_of(part)}
    constant = [
        {channel for channel, deviation in enumerate(batch.deviations) if deviation == 0} & merged
        for batch in report.batches
    ]
    found = set().union(*constant)
    if found:
        each = ("itself has", "it") if len(found) == 1 else ("themselves have", "them")
        some = "" if all(one == found for one in constant) else " in some batches"
        named = capitalized(numbered("channel", "channels", found))
        yield (
            f"{named} by {each[0]} a variance of zero{some}; {report.settings.layer} hides that, because it merges "
            f"{each[1]} with other channels."
        )


def _others_of(group: Group) -> tuple[int, ...]:
    """Return the channels that a group merges; nothing of a channel that is a group by itself."""
    return group.channels if len(group.channels) > 1 else ()


def _not_zero(report: Report, others: Indices) -> str:
    """Say that nothing is zero, and how small the smallest is, with its place."""
    divisor = report.parts.number("divisor")[others]
    at = divisor.argmin()
    smallest = number(float(divisor[at]))
    if len(report.parts) == 1:
        return f"not zero: it is {smallest}"
    where = _where(list(report.parts.at(others[[at]])), report)
    return f"not zero in any {_noun(report.settings)}: the smallest is {smallest} ({where})"


def _least(others: Doubles) -> str:
    least = number(float(others.min()))
    return least if len(others) == 1 else f"{least} or more"


def _zeros(zero: Sequence[_Placed], report: Report) -> Iterator[tuple[str, str]]:
    """Yield where it is zero, and why: constant values, or values whose squares float64 cannot hold."""
    for some in (
        [one for one in zero if one[1].constant],
        [one for one in zero if not one[1].constant],
    ):
        if some:
            yield _where(some, report), _why_zero(some)


def _why_zero(zero: Sequence[_Placed]) -> str:
    if not all(part.constant for _, part in zero):
        return "where the values differ too little for float64"
    values = {part.minimum for _, part in zero}
    only = values.pop() if len(values) == 1 else None
    return "where all values are equal" if only is None else f"where all values are {number(only)}"


def _unknowns(unknown: Sequence[_Placed], report: Report) -> Iterator[str]:
    """Yield where what the layer divides by is NaN, infinite or unknown, and why."""
    kinds: dict[str, list[_Placed]] = {}
    for one in unknown:
        kinds.setdefault(_kind_of(one[1], report.settings), []).append(one)
    for kind, some in kinds.items():
        yield f"{kind} in {_where(some, report)}, {_why_unknown([part for _, part in some])}"


def _kind_of(part: Channel | Group, settings: Settings) -> str:
    """Return what becomes of the divisor: IEEE 754 makes a sum with NaN NaN, and the variance of ∞ too."""
    if part.nan or (part.inf and settings.kind != "rms"):
        return "NaN"
    return "infinite" if part.inf else "unknown"


def _why_unknown(parts: Sequence[Channel | Group]) -> str:
    nan, inf = sum(part.nan for part in parts), sum(part.inf for part in parts)
    if not nan and not inf:
        why = "float64 cannot hold their squares" if any(part.count for part in parts) else "there are no values"
        return f"because {why}"
    if len(parts) > 1:
        kinds = [name for name, there in (("NaN", nan), ("infinite values", inf)) if there]
        each = all(part.nan and part.inf for part in parts)
        return f"which contain {(' and ' if each else ' or ').join(kinds)}"
    held = [f"{nan:,} NaN"] if nan else []
    held += [plural(inf, "infinite value")] if inf else []
    return f"which contains {' and '.join(held)} among {plural(parts[0].count, 'value')}"


# --- Does ε matter? ----------------------------------------------------------------------------------------------


def on_epsilon(report: Report, limit: float = DEFAULT_LIMITS.epsilon_share) -> str | None:
    """Return the sentence of the verdict on ε, for a limit of its share; None without a batch."""
    return _on_epsilon(report, limit) if len(report.parts) else None


def _on_epsilon(report: Report, limit: float = DEFAULT_LIMITS.epsilon_share) -> str:
    """Say how much of the output ε takes, for the channel or group in which it takes most."""
    settings, epsilon = report.settings, report.settings.epsilon
    if epsilon is None:
        if settings.kind == "weight-init":
            return "ε does not matter: weight norm's start adds none."
        return f"What ε changes is unknown: {settings.maker} has no default ε; set one with --epsilon."
    name, parts = _divisor(settings), report.parts
    divisor, output = parts.number("divisor"), parts.number("output")
    if settings.added == 0:
        return _without_epsilon(report, epsilon)
    known = ((divisor > 0) & (output >= 0)).nonzero()[0]
    if not len(known):
        if (divisor == 0).any():
            return f"ε decides alone: the layer divides by √ε = {number(sqrt(epsilon))}, because the {name} is zero."
        if ((parts.number("nan") > 0) | ((parts.number("inf") > 0) & (settings.kind != "rms"))).all():
            return f"ε does not matter: the {name} and the output are NaN, whatever ε is."
        return f"What ε changes is unknown, because the {name} is."
    return _effect(known, report, limit)


def _without_epsilon(report: Report, epsilon: float) -> str:
    """Say what an ε of 0, or one that is 0 in the layer's type of numbers, leaves of the output."""
    settings = report.settings
    small = "ε is 0" if not epsilon else f"ε = {epsilon:g} is 0 in the layer's numbers"
    if settings.epsilon_refusal is not None:
        return f"{small}, with which {settings.maker} refuses to train."
    if report.parts.flag("output_nan").any():
        return f"{small}: where the {_divisor(settings)} is zero the layer divides 0 by 0, and the output is NaN."
    return f"{small}, so it changes nothing."


def _effect(known: Indices, report: Report, limit: float) -> str:
    """Say what ε does to the output of channels or groups that vary."""
    settings, parts = report.settings, report.parts
    whole = len(known) == len(parts)
    before = " before the correction by r and d" if settings.kind == "renorm" else ""
    outputs = parts.number("output")[known]
    output = f"the output {_divisor(settings)}{before}"
    at = f"at ε = {settings.epsilon:g}"
    worst = outputs.argmin()
    least = number(float(outputs[worst]))
    reshaped = int((parts.number("epsilon_share")[known] > limit).sum())
    if reshaped:
        of = "" if len(known) == 1 and whole else f" of {_where(list(parts.at(known[[worst]])), report)}"
        smallest = f" (the smallest of {reshaped:,} below {1 - limit:g})" if reshaped > 1 else ""
        return f"ε matters: {at} {output}{of} is {least}, not 1{smallest}."
    everywhere = "" if len(known) == 1 and whole else f" in every {_noun(settings)}"
    varying = "" if whole else " whose values vary" if settings.kind != "rms" else " that is not zero"
    more = "" if least == number(float(outputs.max())) else " or more"
    return f"ε matters little: {at} {output} is {least}{more}{everywhere}{varying}."


# --- Does the layer compute this variance? -----------------------------------------------------------------------


def _on_arithmetic(report: Report) -> Iterator[str]:
    """Yield what the worst finding on the layer's arithmetic says, and of which channels or groups; often nothing."""
    for code, computed in _COMPUTED.items():
        places = {finding.place for finding in report.findings if finding.rule == code}
        told = [(batch, place) for batch, place in places if batch is not None and place is not None]
        if told:
            found = list(report.parts.at(report.parts.places_of(told)))
            certain = all(part.prediction is not None and part.prediction.kind == "emulated" for _, part in found)
            verb = "computes" if certain else "may compute"
            yield f"In its own arithmetic the layer {verb} {computed} in {_where(found, report)} ({code})."
            return


# --- Is the batch too small? -------------------------------------------------------------------------------------


def _on_batch_size(found: BatchNoise, report: Report) -> str:
    """Say whether the batch mean varies by more than its limit, and where to learn which size is enough."""
    size, limit = f"Batch size {report.settings.batch_size:,}", DEFAULT_LIMITS.noise
    where = f" of {report.title_of(found.channel)}" if report.batches[0].channel_count > 1 else ""
    varies = (
        f"the batch mean{where} varies by {beyond(found.noise, limit, 3)} SD (standard deviations of the population, "
        f"limit {limit:g})"
    )
    if found.noise > limit:
        return f"{size} is too small: {varies}; `bnstat compare PATH` tells which size is enough."
    return f"{size} is enough for the mean: {varies}; `bnstat compare PATH` judges the train/eval gap too."


# --- Names -------------------------------------------------------------------------------------------------------


def _divisor(settings: Settings) -> str:
    """Name what ε is added to."""
    return "mean square" if settings.kind == "rms" else "variance"


def _noun(settings: Settings) -> str:
    """Name what has statistics of its own."""
    if not settings.by_sample:
        return "channel"
    return {"instance": "channel of a sample", "group": "group of channels"}.get(settings.kind, "sample")


def _in_all(report: Report) -> str:
    return "" if len(report.parts) == 1 else f" in every {_noun(report.settings)}"


def _where(placed: Sequence[_Placed], report: Report) -> str:
    """Name channels or groups, with their batches or samples if there are several: "channels 0–2 of batch 1"."""
    if _noun(report.settings) == "sample":
        return numbered("sample", "samples", (_holder(batch, part) for batch, part in placed))
    every = _every_holder(report) if len(placed) > 1 else Counter()
    # channels or groups that are in the same batches or samples together
    alike: dict[tuple[str, tuple[int, ...], bool], list[str]] = {}
    for (kind, label), holders in _holders_of(placed).items():
        whole = len(holders) > 1 and len(holders) == every[kind, label]
        alike.setdefault((kind, tuple(holders), whole), []).append(label)
    named = [_labelled(kind, labels) + _of(holders, report, whole) for (kind, holders, whole), labels in alike.items()]
    return " and ".join(named) if len(named) < 3 else first_ones("", named).lstrip()


def _every_holder(report: Report) -> Counter[tuple[str, str]]:
    """Return in how many batches or samples each channel or group is."""
    from bnstat.layers.batch_columns import alike  # noqa: PLC0415  (numpy, as in `Report.parts`)

    found: Counter[tuple[str, str]] = Counter()
    for batch, times in alike(report.batches):
        for part in batch.parts:
            found[_label(part)] += times
    return found


def _holders_of(placed: Sequence[_Placed]) -> dict[tuple[str, str], list[int]]:
    """Return in which batches or samples each channel or group is."""
    found: dict[tuple[str, str], list[int]] = {}
    for batch, part in placed:
        found.setdefault(_label(part), []).append(_holder(batch, part))
    return found


def _labelled(kind: str, labels: Sequence[str]) -> str:
    several = "channels" if kind == "channel" else "the groups of channels"
    if all(label.isdecimal() for label in labels):
        return numbered(kind, several, map(int, labels))
    return first_ones(kind if len(labels) == 1 else several, labels)


def _label(part: Channel | Group) -> tuple[str, str]:
    named = f" ({printable(part.name)})" if part.name else ""
    if isinstance(part, Channel):
        return "channel", f"{part.channel}{named}"
    return "channel" if len(part.channels) == 1 else "the group of channels", f"{part.span}{named}"


def _holder(batch: Batch, part: Channel | Group) -> int:
    return part.sample if isinstance(part, Group) else batch.index


def _of(holders: Sequence[int], report: Report, whole: bool) -> str:
    by_sample = report.settings.by_sample
    one, several = ("sample", "samples") if by_sample else ("batch", "batches")
    if len(report.samples if by_sample else report.batches) == 1:
        return ""
    return f" of every {one}" if whole else f" of {numbered(one, several, holders)}"
