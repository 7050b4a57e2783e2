"""Sentences on what differs between compared layers: how much, and for which channel it matters most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from bnstat.layers.batch_columns import Indices
from bnstat.layers.columns import Doubles
from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.results import Batch, Channel, Group
from bnstat.reports.compare_layers import ComparedLayer, LayerComparison, OutputPlace
from bnstat.reports.inspect import Report
from bnstat.reports.missing_outputs import Missing, missing_outputs
from bnstat.text import capitalized, joined, number, numbered, plural

# Variances differ notably by more than this share of the greater: the limit at which ε is reported too.
NOTABLE = 0.01
# Output variances below this count as 0: they are read against 1, and tables show six decimals.
NOTHING = 1e-6


def order_of(entries: Sequence[ComparedLayer]) -> tuple[OutputPlace, ...]:
    """Return every place where outputs are compared, as a batch and a place in it, the greatest difference first.

    None is greater than that between a number and NaN, or no output at all.
    """
    places = [(batch, place) for batch, outputs in enumerate(entries[0].outputs) for place in range(len(outputs))]
    known = [entry.numbers for entry in entries if _has_outputs(entry)]
    if not known:
        return tuple(places)
    missing = np.isnan(known)
    # outputs are read against 1, so the difference is absolute
    spread = np.max(known, axis=0) - np.min(known, axis=0)
    spread[missing.any(axis=0)] = inf
    spread[missing.all(axis=0)] = 0.0
    return tuple(places[at] for at in np.argsort(-spread, kind="stable").tolist())


def _has_outputs(entry: ComparedLayer) -> bool:
    return not np.isnan(entry.numbers).all()


def _apart(one: Doubles, other: Doubles) -> Doubles:
    """Return the differences of two numbers each as a share of the greater; 0 where one is unknown."""
    greater = np.maximum(one, other)
    with np.errstate(all="ignore"):
        return np.where(greater > 0, abs(one - other) / greater, 0.0)


def _in_order(comparison: LayerComparison) -> Indices:
    """Return where each place of the order is among all places."""
    numbers = [len(row) for row in comparison.reference.outputs]
    batches, places = np.array(comparison.order, np.intp).T
    return np.asarray((np.cumsum(numbers) - numbers)[batches] + places)


@dataclass(frozen=True)
class Difference:
    """A sentence on what differs, and the place whose numbers it tells; None if it tells those of no single one."""

    sentence: str
    place: OutputPlace | None = None


def with_differences(comparison: LayerComparison) -> LayerComparison:
    """Return the comparison with sentences on what differs, the effect on the output first, as its verdict."""
    if len(comparison.entries) < 2 or not comparison.order:
        return comparison
    missing = list(missing_outputs(comparison, lambda entries, word: _names(entries, comparison, word)))
    running = list(_running(comparison)) if comparison.by in ("frameworks", "intensities") else []
    verdict = [
        *map(Difference, _constants(comparison) if comparison.by == "normalizers" else ()),
        *(Difference(one.sentence, one.place) for one in missing),
        *_outputs(comparison, missing, in_training=bool(running)),
        *running,
    ]
    found = list(verdict)
    if comparison.by == "frameworks":
        found += [*_arithmetic(comparison), *map(Difference, _bessel(comparison))]
    if comparison.by == "normalizers":
        found += map(Difference, _dependence(comparison))
    if comparison.by == "epsilons" and comparison.reference.report.settings.kind == "batch":
        found.append(Difference("ε does not enter the running statistics, so they are the same with every ε."))
    places = dict.fromkeys(one.place for one in found if one.place is not None)
    return replace(
        comparison,
        verdict=tuple(one.sentence for one in verdict),
        differences=tuple(one.sentence for one in found),
        told=tuple(places),
    )


@dataclass(frozen=True)
class _LargestChange:
    """The place where the output of a layer differs most from that of another, and in how many places it differs."""

    entry: ComparedLayer
    place: OutputPlace
    before: float
    after: float
    places: int


def _outputs(comparison: LayerComparison, missing: Sequence[Missing], *, in_training: bool) -> Iterator[Difference]:
    """Say what moving from the first layer to each of the others does to the output.

    Args:
        comparison: the layers.
        missing: the outputs that some layers lack, which other sentences tell.
        in_training: True if the running statistics differ, which the output in evaluation mode depends on.
    """
    known = [entry for entry in comparison.entries if _has_outputs(entry)]
    if len(known) < 2:
        yield Difference("Fewer than two of these layers have a defined output, so there is nothing to compare.")
        return
    first, *others = known
    changes = [_change(first, entry, comparison) for entry in others]
    what, each = _what(comparison)
    if not any(changes):
        between = f" between {_names(known, comparison)}" if len(known) < len(comparison.entries) else ""
        opening = f"{'in training ' if in_training else ''}no {_other(known, missing)}{each}'s {what}"
        yield Difference(f"{capitalized(opening)} differs by more than 1 %{between}.")
        return
    alike: dict[tuple[str, OutputPlace], list[ComparedLayer]] = {}
    for change in changes:
        if change is not None:
            alike.setdefault((_effect(first, change, comparison, what), change.place), []).append(change.entry)
    for (effect, place), entries in alike.items():
        moving = f"Moving from {_name(first, comparison)} to {_names(entries, comparison, 'or')}"
        yield Difference(f"{moving} changes {effect}.", place)
    same = [entry for entry, change in zip(others, changes, strict=True) if change is None]
    if same:
        yield Difference(
            f"With {_names(same, comparison, 'or')} no {_other([first, *same], missing)}{each}'s {what} differs by "
            f"more than 1 % from that with {_name(first, comparison)}."
        )


def _other(entries: Sequence[ComparedLayer], missing: Sequence[Missing]) -> str:
    """Return "other " if some of these layers have an output where others of them have none."""
    split = any(
        0 < sum(entry in one.entries for entry in entries) < len(entries) for one in missing if one.place is not None
    )
    return "other " if split else ""


def _what(comparison: LayerComparison) -> tuple[str, str]:
    """Name what is compared, and what has one such number each."""
    settings = comparison.reference.report.settings
    if comparison.by == "normalizers" or not settings.by_sample:
        return "output variance", "channel"
    return "output mean square" if settings.kind == "rms" else "output variance", "group"


def _change(first: ComparedLayer, entry: ComparedLayer, comparison: LayerComparison) -> _LargestChange | None:
    """Return the greatest change of the output; None if none is notable."""
    order = _in_order(comparison)
    before, after = first.numbers[order], entry.numbers[order]
    notable = np.flatnonzero((_apart(before, after) > NOTABLE) & ~(np.maximum(before, after) < NOTHING))
    if not len(notable):
        return None
    most = int(notable[abs(before - after)[notable].argmax()])
    return _LargestChange(entry, comparison.order[most], float(before[most]), float(after[most]), len(notable))


def _effect(first: ComparedLayer, change: _LargestChange, comparison: LayerComparison, what: str) -> str:
    """Say what changes, as in "channel 1's output variance from 0.83 to 0.998 (ε 0.001 → 1e-05)"."""
    where, of = _where(comparison, change.place)
    reasons = _reasons(first, change, comparison)
    why = f" ({'; '.join(reasons)})" if reasons else ""
    more = f", the largest of {change.places} changes above 1 %" if change.places > 1 else ""
    return f"{where}'s {what}{of} from {number(change.before)} to {number(change.after)}{why}{more}"


def _where(comparison: LayerComparison, place: OutputPlace) -> tuple[str, str]:
    """Name what is there: a channel, with its batch if there are several, or a group."""
    batches = comparison.reference.report.batches
    if comparison.by == "normalizers" or not batches[place[0]].groups:
        return batches[place[0]].title_of(place[1]), f" in batch {place[0]}" if len(batches) > 1 else ""
    return f"the {batches[place[0]].parts[place[1]].title}", ""


def _reasons(first: ComparedLayer, change: _LargestChange, comparison: LayerComparison) -> list[str]:
    one, other = first.report.settings.epsilon, change.entry.report.settings.epsilon
    reasons = []
    if comparison.by == "normalizers":
        groups = change.entry.report.batches[change.place[0]].groups
        holding = next((group for group in groups if change.place[1] in group.channels), None)
        if holding is not None and len(holding.channels) > 1:
            reasons.append(f"channels {holding.span} are normalized together")
    if comparison.by != "epsilons" and one != other and one is not None and other is not None:
        reasons.append(f"ε {one:g} → {other:g}")
    return reasons


def _arithmetic(comparison: LayerComparison) -> Iterator[Difference]:
    """Name the layers whose own sums give a variance that is notably off, and where it is off most."""
    off: dict[tuple[str, OutputPlace], list[ComparedLayer]] = {}
    for entry in comparison.entries:
        parts = entry.report.parts
        found = [
            ((batch.index, part.place), part.prediction.variance, part.variance)
            for batch, part in parts.where(parts.flag("emulated"))
            if part.prediction is not None and part.variance is not None
        ]
        if not found:
            continue
        places, own_ones, exact_ones = zip(*found, strict=True)
        apart = _apart(np.array(own_ones), np.array(exact_ones)).tolist()
        most, place, own, exact = max(zip(apart, places, own_ones, exact_ones, strict=True))
        if most > NOTABLE:
            where, of = _where(comparison, place)
            what = f"{number(own)} for {where}'s variance{of}, which is {number(exact)}"
            off.setdefault((what, place), []).append(entry)
    for (what, place), entries in off.items():
        names = _names(entries, comparison)
        verb = "compute" if " and " in names else "computes"
        yield Difference(f"{capitalized(names)} {verb} {what}: the sums in float32 lose digits.", place)


def _running(comparison: LayerComparison) -> Iterator[Difference]:
    """Say how the running statistics differ: by what one batch weighs in them, and what that does to them."""
    kept = _keeping(comparison)
    weights: dict[float | None, list[ComparedLayer]] = {}
    for entry in kept:
        weights.setdefault(entry.report.settings.batch_weight, []).append(entry)
    known = [f"{weight:g}" for weight in weights if weight is not None]
    if len(weights) > 1 and known:
        listed = "; ".join(
            f"{'unknown' if weight is None else f'{weight:g}'} with {_names(entries, comparison)}"
            for weight, entries in weights.items()
        )
        differ = "The running statistics differ: the weight of a batch in them is"
        unlike = differ if len(known) > 1 else "The weight of a batch in the running statistics is"
        yield Difference(f"{unlike} {listed}.")
    yield from _running_effect(kept, comparison)


def _keeping(comparison: LayerComparison) -> list[ComparedLayer]:
    """Return the layers that train with their ε and keep running statistics."""
    settings = [(entry, entry.report.settings) for entry in comparison.entries]
    return [entry for entry, one in settings if one.keeps_running and one.epsilon_refusal is None]


def _running_effect(kept: Sequence[ComparedLayer], comparison: LayerComparison) -> Iterator[Difference]:
    """Say how much the running variance differs between two layers, where tables show it first."""
    if len(kept) < 2:
        return
    order = _in_order(comparison)
    running = np.array([_running_variances(entry)[order] for entry in kept])
    first = np.isnan(running).argmin(axis=0)  # the first layer in which it is known
    apart = _apart(running[first, np.arange(len(order))], running)
    notable = np.flatnonzero((apart > NOTABLE).any(axis=0))
    if not len(notable):
        return
    at = int(notable[0])
    before, after = int(first[at]), int(apart[:, at].argmax())
    where, of = _where(comparison, comparison.order[at])
    yield Difference(
        f"After one training step, {where}'s running variance{of} is {number(float(running[before, at]))} with "
        f"{_name(kept[before], comparison)} and {number(float(running[after, at]))} with "
        f"{_name(kept[after], comparison)}.",
        comparison.order[at],
    )


def _running_variances(entry: ComparedLayer) -> Doubles:
    """Return the running variance of each place; NaN where there is none, or where all values are equal."""
    parts = entry.report.parts
    return np.where(parts.flag("constant"), np.nan, parts.number("running_variance"))


def _bessel(comparison: LayerComparison) -> Iterator[str]:
    """Name the layers whose running variance is unbiased, and say how much that is here."""
    kept = _keeping(comparison)
    unbiased = [entry for entry in kept if entry.report.settings.framework.unbiased_running_variance]
    biased = [entry for entry in kept if entry not in unbiased]
    least = int(comparison.reference.report.parts.number("count").min())
    if not (biased and unbiased) or least < 2:
        return
    values = plural(least, "value")
    yield (
        f"The running variance of {_names(biased, comparison)} is biased, and that of {_names(unbiased, comparison)} "
        f"is n/(n − 1) times as large, n being the number of values: {number(100 / (least - 1), 2)} % larger "
        f"for {values}."
    )


def _dependence(comparison: LayerComparison) -> Iterator[str]:
    """Say which layers depend on the batch."""
    alone = [entry for entry in comparison.entries if entry.report.settings.by_sample]
    others = [entry for entry in comparison.entries if entry not in alone]
    if alone and others:
        depend = "depends" if len(others) == 1 else "depend"
        normalizes = "normalizes" if len(alone) == 1 else "normalize"
        yield (
            f"{capitalized(_names(others, comparison))} {depend} on which samples share a batch; "
            f"{_names(alone, comparison)} {normalizes} each sample by itself, "
            "so that differences in scale between samples are lost. That is good where they come from the scanner, and "
            "bad where the unit has a meaning, as Hounsfield units of CT have."
        )


def _constants(comparison: LayerComparison) -> Iterator[str]:
    """Say what is constant, with which layers its variance is zero, and which of them hide that."""
    found: dict[str, tuple[_Constants, list[ComparedLayer]]] = {}
    hiding = []
    for entry in comparison.entries:
        constants = _constants_of(entry.report, len(comparison.samples))
        if constants is None:
            hiding.append(entry)
        else:
            found.setdefault(constants.titles, (constants, []))[1].append(entry)
    for constants, entries in found.values():
        are, its = ("are", "their") if constants.number > 1 else ("is", "its")
        with_layers = f"with {_names(entries, comparison)} {its} variance is zero"
        yield f"{capitalized(constants.titles)} {are} constant: {with_layers}."
    if found:
        constants = next(iter(found.values()))[0]
        yield from (_hidden(entry, constants.first, comparison) for entry in hiding)


def _hidden(entry: ComparedLayer, constant: Channel | Group, comparison: LayerComparison) -> str:
    """Say why a layer has no variance of zero where another one has: it takes more values together."""
    place = constant.channel if isinstance(constant, Channel) else constant.channels[0]
    name = _name(entry, comparison)
    for part in entry.report.batches[0].parts:
        if isinstance(part, Group) and place in part.channels and len(part.channels) > 1:
            others = numbered("channel", "channels", (one for one in part.channels if one != place))
            return f"{capitalized(name)} hides that: channel {place} shares a group with {others}."
    return f"With {name} no variance is zero, because other samples of the batch have other values."


@dataclass(frozen=True)
class _Constants:
    """The parts without variance that one layer has: their titles, the first of them and their number."""

    titles: str
    first: Channel | Group
    number: int


def _constants_of(report: Report, samples: int) -> _Constants | None:
    """Name the first part without variance and count the others; None if there is none."""
    found = report.parts.flag("constant").nonzero()[0]
    if not len(found):
        return None
    more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    batch, part = next(report.parts.at(found[:1]))
    return _Constants(_title(batch, part, samples, len(report.batches)) + more, part, len(found))


def _title(batch: Batch, part: Channel | Group, samples: int, batches: int) -> str:
    """Name a part, as briefly as the number of samples and batches allows."""
    if isinstance(part, Channel):
        return part.title + (f" of batch {batch.index}" if batches > 1 else "")
    title = part.title if len(part.channels) == 1 else f"the {part.title}"
    return title if samples > 1 else title.removesuffix(f" of sample {part.sample}")


def _name(entry: ComparedLayer, comparison: LayerComparison) -> str:
    """Return the name of a layer in a sentence."""
    settings = entry.report.settings
    if comparison.by == "epsilons":
        return f"ε {entry.name}"
    if comparison.by == "intensities":
        return entry.name
    if comparison.by == "normalizers":
        return settings.layer + (f" with {plural(settings.groups, 'group')}" if settings.groups else "")
    return settings.maker


def _names(entries: Sequence[ComparedLayer], comparison: LayerComparison, word: str = "and") -> str:
    """Return the names of some layers; all presets of one maker are called by its name."""
    if comparison.by != "frameworks":
        return joined([_name(entry, comparison) for entry in entries], word)
    names = []
    for entry in entries:
        maker = entry.report.settings.framework.maker
        every = [one for one in comparison.entries if one.report.settings.framework.maker == maker]
        whole = len(every) > 1 and all(one in entries for one in every)
        names.append(FRAMEWORKS[maker].title if whole else _name(entry, comparison))
    return joined(list(dict.fromkeys(names)), word)
