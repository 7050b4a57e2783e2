"""Sentences on outputs that only some compared layers have: NaN, undefined, or of a layer that refuses to train."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bnstat.layers.results import Channel, Group, RmsGroup
from bnstat.reports.compare_layers import By, ComparedLayer, LayerComparison, OutputPlace
from bnstat.text import capitalized, joined, number

# Names some layers in a sentence, the last two joined by a word.
Names = Callable[[Sequence[ComparedLayer], str], str]


@dataclass(frozen=True)
class Missing:
    """A sentence on layers that lack outputs, these layers, and the first place where; None for whole layers."""

    sentence: str
    entries: tuple[ComparedLayer, ...]
    place: OutputPlace | None = None


def missing_outputs(comparison: LayerComparison, names: Names) -> Iterator[Missing]:
    """Yield a sentence for each set of layers without an output: those of whole layers first, then those of places."""
    yield from _without_epsilon(comparison, names)
    yield from _refused_epsilons(comparison, names)
    yield from _single_values(comparison, names)
    yield from _places(comparison, names)


def _without_epsilon(comparison: LayerComparison, names: Names) -> Iterator[Missing]:
    """Name the layers whose output is unknown because they have no ε."""
    without = [
        entry
        for entry in comparison.entries
        if entry.report.settings.epsilon is None and entry.report.settings.kind != "weight-init"
    ]
    if without:
        yield Missing(
            f"The output of {names(without, 'and')} is undefined without ε, which has no default there; "
            "--epsilon sets one for all.",
            tuple(without),
        )


def _refused_epsilons(comparison: LayerComparison, names: Names) -> Iterator[Missing]:
    """Name the layers that refuse to train with their ε."""
    refusing = [entry for entry in comparison.entries if entry.report.settings.epsilon_refusal is not None]
    if not refusing:
        return
    if comparison.by in ("epsilons", "intensities"):
        yield Missing(f"With {names(refusing, 'or')} the layer refuses to train.", tuple(refusing))
        return
    epsilons = joined(list(dict.fromkeys(f"ε {entry.report.settings.epsilon or 0.0:g}" for entry in refusing)), "or")
    yield Missing(
        f"{capitalized(names(refusing, 'and'))} {_verb(names, refusing, 'refuse')} to train with {epsilons}.",
        tuple(refusing),
    )


def _single_values(comparison: LayerComparison, names: Names) -> Iterator[Missing]:
    """Name the layers that refuse to train on a single value."""
    from bnstat.layers.batch_columns import first_counts  # noqa: PLC0415  (numpy, as in `Report.parts`)

    refusing = [
        entry
        for entry in comparison.entries
        if any(entry.report.settings.refuses(*one) for one in first_counts(entry.report.batches))
    ]
    others = [entry for entry in comparison.entries if entry not in refusing]
    if refusing:
        train = f"; {names(others, 'and')} would train" if others else ""
        yield Missing(
            f"{capitalized(names(refusing, 'and'))} {_verb(names, refusing, 'refuse')} to train on a single "
            f"value{train}.",
            tuple(refusing),
        )


def _verb(names: Names, entries: Sequence[ComparedLayer], verb: str) -> str:
    return verb if " and " in names(entries, "and") else f"{verb}s"


# --- Places where some layers have a number and others have none --------------------------------------------------


def _places(comparison: LayerComparison, names: Names) -> Iterator[Missing]:
    """Say which layers give NaN or nothing where others give a number, and what that number is."""
    known = [entry for entry in comparison.entries if any(one is not None for row in entry.outputs for one in row)]
    found: dict[tuple[tuple[str, ...], str, str], list[OutputPlace]] = {}
    lacking: dict[tuple[str, ...], list[ComparedLayer]] = {}
    for place in sorted(comparison.order):
        outputs = [entry.outputs[place[0]][place[1]] for entry in known]
        without = [entry for entry, output in zip(known, outputs, strict=True) if output is None]
        if without and len(without) < len(known):
            numbers: dict[str, list[ComparedLayer]] = {}
            for entry, output in zip(known, outputs, strict=True):
                if output is not None:
                    numbers.setdefault(number(output), []).append(entry)
            given = joined([f"with {names(entries, 'and')} it is {one}" for one, entries in numbers.items()])
            key = tuple(entry.name for entry in without)
            lacking[key] = without
            found.setdefault((key, _state(part_at(without[0], place, comparison.by)), given), []).append(place)
    for (key, state, given), places in found.items():
        where = _where(comparison, places)
        yield Missing(
            f"With {names(lacking[key], 'and')} the output of {where} is {state}; {given}.",
            tuple(lacking[key]),
            places[0],
        )


def _state(part: Channel | Group | None) -> str:
    """Say what the layer gives instead of a number, and why."""
    if part is None:
        return "undefined"
    if part.constant:
        divisor = "mean square" if isinstance(part, RmsGroup) else "variance"
        return f"{'NaN' if part.output_nan else 'undefined'}, because its {divisor} is zero"
    if not (part.nan or part.inf):
        return "undefined"
    several = isinstance(part, Group) and len(part.channels) > 1
    return f"undefined, because {'its group holds' if several else 'it has'} values that are NaN or infinite"


def part_at(entry: ComparedLayer, place: OutputPlace, by: By) -> Channel | Group | None:
    """Return the part of a layer's report that an output is of: of several groups the first without an output."""
    batch = entry.report.batches[place[0]]
    if by != "normalizers" or batch.channels:
        return batch.parts[place[1]]
    holding = [group for group in batch.groups if place[1] in group.channels]
    return next((group for group in holding if group.output is None), next(iter(holding), None))


def _where(comparison: LayerComparison, places: Sequence[OutputPlace]) -> str:
    """Name the first place, and how many more there are."""
    batches = comparison.reference.report.batches
    batch, place = places[0]
    if comparison.by == "normalizers" or not batches[batch].groups:
        first = batches[batch].title_of(place) + (f" in batch {batch}" if len(batches) > 1 else "")
    else:
        first = f"the {batches[batch].parts[place].title}"
    return first + (f" and {len(places) - 1:,} more" if len(places) > 1 else "")
