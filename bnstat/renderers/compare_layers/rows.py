"""Layers beside each other as rows of text: shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bnstat.layers.results import Batch, Channel
from bnstat.renderers import text
from bnstat.renderers.inspect.columns import Column, Part, columns_of
from bnstat.report.compare_layers import ComparedLayer, LayerComparison, OutputPlace
from bnstat.report.finding import SEVERITIES, Finding
from bnstat.text import plural

# The columns of `inspect` in which layers can differ that reduce the same values; the others are the same for all.
_OUTPUT = ("r", "d", "g", "b", "output variance", "output mean square", "ε share")
_OWN = "layer's own variance"
_DIFFERING = {
    "frameworks": (_OWN, *_OUTPUT, "running mean", "running variance"),
    "epsilons": (*_OUTPUT, "gain"),
}


# --- What is compared ------------------------------------------------------------------------------------------


def title(comparison: LayerComparison) -> list[str]:
    """What was read, what is compared, and the tensor where all reduce it alike."""
    report = comparison.reference.report
    settings = report.settings
    number = len(comparison.entries)
    groups = f" ({plural(settings.groups, 'group')})" if settings.groups else ""
    batch = f"batch of {settings.batch_size}" + (f" on each of {settings.ranks} ranks" if settings.ranks > 1 else "")
    prepared = text.preparation_lines(settings.preparation)
    if comparison.by == "normalizers":
        axes = f"{plural(report.batches[0].channel_count, 'channel')} on axis {report.batches[0].axis}"
        return [
            text.inputs_line(report),
            f"{plural(number, 'normalizer')} as in {_maker(comparison)}, {batch}; {axes}",
            *prepared,
        ]
    what = f"{settings.layer}{groups}, {batch}"
    if comparison.by == "epsilons":
        what = f"{settings.layer}{groups} as in {settings.maker}, {batch}: {number} values of ε"
    else:
        what += f": {plural(number, 'framework')}"
    return [text.inputs_line(report), what, *prepared, *text.tensor_lines(report)]


def _maker(comparison: LayerComparison) -> str:
    """Whose layers they are: the preset with running statistics has the full name."""
    named = [entry.report.settings for entry in comparison.entries]
    return next((settings.maker for settings in named if settings.keeps_running), named[0].maker)


# --- Frameworks and values of ε: for each channel or group a row for each layer ---------------------------------


@dataclass(frozen=True)
class Block:
    """A channel of a batch, or a group: what all layers reduce there, and a row of numbers for each."""

    label: str
    heading: str
    mean: str
    variance: str
    rows: list[list[str]]


def differing(comparison: LayerComparison) -> list[Column]:
    """The columns in which these layers may differ."""
    names = _DIFFERING[comparison.by]
    keeps = any(entry.report.settings.keeps_running for entry in comparison.entries)
    known = max((columns_of(entry.report) for entry in comparison.entries), key=len)
    return [
        column for column in known if (name := header(column)) in names and (keeps or not name.startswith("running"))
    ]


def header(column: Column) -> str:
    """The header in one line."""
    return column.header.replace("\n", " ")


def alike(comparison: LayerComparison) -> list[list[ComparedLayer]]:
    """Entries with the same numbers together, each set at the place of its first."""
    found: dict[tuple[object, ...], list[ComparedLayer]] = {}
    own = next((column for column in differing(comparison) if header(column) == _OWN), None)
    for entry in comparison.entries:
        numbers = tuple(_numbers(part, own) for batch in entry.report.batches for part in batch.parts)
        found.setdefault((entry.report.settings.epsilon, numbers), []).append(entry)
    return list(found.values())


def _numbers(part: Part, own: Column | None) -> tuple[object, ...]:
    """All in which layers differ that reduce the same values; the layer's own variance as it is shown, if it is."""
    numbers = (part.output, part.epsilon_share, part.gain, own.cell(part, own.most) if own is not None else None)
    if not isinstance(part, Channel):
        return numbers
    return (*numbers, part.running_mean, part.running_variance, part.correction, part.start)


def labels(sets: Sequence[Sequence[ComparedLayer]]) -> list[str]:
    """What a row for such entries is called: the first, and how many more."""
    return [entries[0].name + (f" +{len(entries) - 1}" if len(entries) > 1 else "") for entries in sets]


def legend(sets: Sequence[Sequence[ComparedLayer]]) -> list[str]:
    """Which the others are."""
    return [
        f"as {entries[0].name}: {', '.join(entry.name for entry in entries[1:])}"
        for entries in sets
        if len(entries) > 1
    ]


def places(comparison: LayerComparison, *, every: bool) -> list[OutputPlace]:
    """Where to show numbers, the greatest difference first: a channel once, in the batch where it differs most."""
    batches = comparison.reference.report.batches
    if every or (batches and batches[0].groups and comparison.by != "normalizers"):
        return list(comparison.order)
    first: dict[int, OutputPlace] = {}
    for place in comparison.order:
        first.setdefault(place[1], place)
    return list(first.values())


def block(
    comparison: LayerComparison,
    sets: Sequence[Sequence[ComparedLayer]],
    columns: Sequence[Column],
    place: OutputPlace,
    digits: int,
) -> Block:
    """The numbers of one place."""
    batch = comparison.reference.report.batches[place[0]]
    part = batch.parts[place[1]]
    rows = []
    for entries in sets:
        own = entries[0].report
        cells = [column.shown(own.batches[place[0]].parts[place[1]], digits) for column in columns]
        named = [] if comparison.by == "epsilons" else [_epsilon(entries[0])]
        rows.append([*named, *cells])
    mean, variance = text.number(part.mean, 6), text.number(part.variance, 6)
    label = _label(comparison, batch, part)
    values = f"   {plural(part.count, 'value')}" if isinstance(part, Channel) else ""
    heading = f"{label}   mean {mean}   variance {variance}{values}"
    return Block(label, heading, mean, variance, rows)


def _label(comparison: LayerComparison, batch: Batch, part: Part) -> str:
    several = len(comparison.reference.report.batches) > 1 and isinstance(part, Channel)
    return part.title + (f" of batch {batch.index}" if several else "")


# --- Normalizers: a column for each ------------------------------------------------------------------------------

OUTPUTS = "variance of a channel's values after the layer"


def summary(comparison: LayerComparison, digits: int) -> list[list[str]]:
    """What each normalizer reduces: in each row a label, and a text for each normalizer."""
    found = [entry.report for entry in comparison.entries]
    parts = [[part for batch in report.batches for part in batch.parts] for report in found]
    variances = [_range([part.variance for part in own], lambda one: text.number(one, digits)) for own in parts]
    outputs = [_range([part.output_variance for part in own], _output) for own in parts]
    rows = [
        ["ε", *(_epsilon(entry) for entry in comparison.entries)],
        ["depends on the batch", *("no" if report.settings.by_sample else "yes" for report in found)],
        ["groups", *(f"{len(own):,}" for own in parts)],
        ["groups of zero variance", *(f"{sum(part.constant for part in own):,}" for own in parts)],
    ]
    for name, ranges in (("variance", variances), ("output variance", outputs)):
        labels = (f"{name}, least", "  median", "  greatest")
        rows += [[label, *column] for label, column in zip(labels, zip(*ranges, strict=True), strict=True)]
    return rows


def _epsilon(entry: ComparedLayer) -> str:
    epsilon = entry.report.settings.epsilon
    return text.UNDEFINED if epsilon is None else f"{epsilon:g}"


def _range(values: Sequence[float | None], shown: Callable[[float], str]) -> list[str]:
    """Least, median and greatest."""
    known = sorted(value for value in values if value is not None)
    return [shown(known[at]) if known else text.UNDEFINED for at in (0, len(known) // 2, -1)]


def outputs(comparison: LayerComparison, place: OutputPlace) -> list[str]:
    """A channel, and the variance of its values after each normalizer."""
    batches = comparison.reference.report.batches
    label = batches[place[0]].title_of(place[1]) + (f" of batch {place[0]}" if len(batches) > 1 else "")
    return [label, *(_output(entry.outputs[place[0]][place[1]]) for entry in comparison.entries)]


def _output(value: float | None) -> str:
    if value is None:
        return text.UNDEFINED
    return f"{value:.4f}" if 1e-3 <= value < 1e4 else text.number(value, 4)


# --- Below the table ---------------------------------------------------------------------------------------------


def findings(comparison: LayerComparison) -> Iterator[tuple[str, str]]:
    """For each rule what it reports: a line with whom it is about, and the message of the first."""
    by_rule: dict[str, dict[str, list[Finding]]] = {}
    for entry in comparison.entries:
        for finding in entry.report.findings:
            by_rule.setdefault(finding.rule, {}).setdefault(entry.name, []).append(finding)
    first = {rule: next(iter(found.values()))[0] for rule, found in by_rule.items()}
    for rule in sorted(by_rule, key=lambda rule: SEVERITIES.index(first[rule].severity)):
        numbers = {name: len(found) for name, found in by_rule[rule].items()}
        line = f"{first[rule].severity} {rule} {first[rule].name}   with {_with(numbers, len(comparison.entries))}"
        yield line, text.printable(first[rule].message)


def _with(numbers: dict[str, int], entries: int, most: int = 4) -> str:
    """As in "all", "batch (2 places), instance (3 places)"."""
    same = len(set(numbers.values())) == 1
    count = next(iter(numbers.values()))
    if same and len(numbers) == entries:
        return "all" if count == 1 else f"all, in {count:,} places each"
    named = [name + (f" ({number:,} places)" if number > 1 else "") for name, number in numbers.items()]
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more
