"""Layers beside each other as rows of text, shared by the formats that a person reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bnstat.layers.columns import Doubles
from bnstat.layers.parts import NumberName, Parts
from bnstat.layers.results import Batch, Channel
from bnstat.renderers.findings import by_rule
from bnstat.renderers.headings import inputs_line, preparation_lines, tensor_lines
from bnstat.renderers.inspect.columns import Column, Part, after_one_step, columns_of, gain_of, legend, own_variances
from bnstat.renderers.numbers import NAN, UNDEFINED, least_median_greatest, mean_of, number, setting
from bnstat.reports.compare_layers import ComparedLayer, LayerCall, LayerComparison, OutputPlace
from bnstat.reports.finding import Finding
from bnstat.reports.missing_outputs import part_at
from bnstat.text import plural, printable

# The columns of `inspect` in which layers can differ that reduce the same values; the others are the same for all.
_OUTPUT = ("r", "d", "g", "b", "output variance", "output mean square", "ε share")
_OWN = "layer's own variance"
_DIFFERING = {
    "frameworks": (_OWN, *_OUTPUT, "running mean", "running variance"),
    "epsilons": _OUTPUT,
    "intensities": ("mean", "variance", "min", "max", _OWN, *_OUTPUT, "running mean", "running variance"),
}

# The numbers in which layers may differ, beside their own variance.
_COMPARED: tuple[NumberName, ...] = (
    *("mean", "variance", "minimum", "maximum", "output", "epsilon_share", "gain"),
    *("running_mean", "running_variance"),
)

# The most letters of steps in a table, in a terminal of so many columns.
_MOST_LETTERS, _COLUMNS = 26, 80

NORMALIZERS_LEGEND = "normalized groups: channels, or groups of channels, that have a mean and a variance of their own"


# --- What is compared ------------------------------------------------------------------------------------------


def title(comparison: LayerComparison) -> list[str]:
    """Return what was read, what is compared, and the tensor where all layers reduce it alike."""
    report = comparison.reference.report
    settings = report.settings
    count = len(comparison.entries)
    groups = f" ({plural(settings.groups, 'group')})" if settings.groups else ""
    batch = f"batch size {settings.batch_size}" + (f" on each of {settings.ranks} ranks" if settings.ranks > 1 else "")
    compared = comparison.by == "intensities"
    prepared = preparation_lines(replace(settings.preparation, intensity=None) if compared else settings.preparation)
    if comparison.by == "normalizers":
        axes = f"{plural(report.batches[0].channel_count, 'channel')} on axis {report.batches[0].axis}"
        return [
            inputs_line(report),
            f"{plural(count, 'normalizer')} as in {_maker(comparison)}, {batch}; {axes}",
            *prepared,
        ]
    what = f"{settings.layer}{groups}, {batch}"
    if comparison.by == "epsilons":
        what = f"{settings.layer}{groups} as in {settings.maker}, {batch}: {plural(count, 'value')} of epsilon ε"
    elif compared:
        what = (
            f"{settings.layer}{groups} as in {settings.maker}, {batch}: {plural(count, 'way')} to prepare intensities"
        )
    else:
        what += f": {plural(count, 'framework')}"
    return [inputs_line(report), what, *prepared, *tensor_lines(report)]


def _maker(comparison: LayerComparison) -> str:
    """Return the maker of the layers: the preset with running statistics has the full name."""
    named = [entry.report.settings for entry in comparison.entries]
    return next((settings.maker for settings in named if settings.keeps_running), named[0].maker)


# --- Frameworks and values of ε: for each channel or group a row for each layer ---------------------------------


@dataclass(frozen=True)
class Block:
    """A channel of a batch, or a group: what all layers reduce there, and a row of numbers for each layer."""

    label: str
    heading: str
    mean: str
    variance: str
    rows: list[list[str]]


def differing(comparison: LayerComparison) -> list[Column]:
    """Return the columns in which these layers may differ."""
    names = _DIFFERING[comparison.by]
    keeps = any(entry.report.settings.keeps_running for entry in comparison.entries)
    known = max((columns_of(entry.report) for entry in comparison.entries), key=len)
    gain = [gain_of(comparison.reference.report.settings)] if comparison.by == "epsilons" else []
    kept = [column for column in known if column.title in names and (keeps or not column.title.startswith("running"))]
    return [*(_of_all(column, comparison) for column in kept), *gain]


def _of_all(column: Column, comparison: LayerComparison) -> Column:
    """Return a column whose meaning holds for each layer: they may start elsewhere, and give a batch other weights."""
    steps = {after_one_step(entry.report.settings) for entry in comparison.entries}
    if column.meaning not in steps or len(steps) == 1:
        return column
    return replace(column, meaning=after_one_step(comparison.reference.report.settings, compared=True))


def alike(comparison: LayerComparison) -> list[list[ComparedLayer]]:
    """Return the entries with the same numbers together, each set where its first entry is."""
    found: dict[tuple[object, ...], list[ComparedLayer]] = {}
    own = any(column.title == _OWN for column in differing(comparison))
    for entry in comparison.entries:
        found.setdefault((entry.report.settings.epsilon, *_numbers(entry.report.parts, own=own)), []).append(entry)
    return list(found.values())


def _numbers(parts: Parts, *, own: bool) -> Iterator[object]:
    """Yield all numbers in which layers that reduce the same values may differ; the own variance as it is shown."""
    for name in _COMPARED:
        yield (parts.number(name) + 0.0).tobytes()  # where −0 is 0
    yield own_variances(parts) if own else None
    yield parts.beside


def labels(comparison: LayerComparison, sets: Sequence[Sequence[ComparedLayer]], width: int) -> list[str]:
    """Return the name of a row for each set of entries: the first, and how many more."""
    more = [f" +{len(entries) - 1}" if len(entries) > 1 else "" for entries in sets]
    return [name + added for name, added in zip(_short(comparison, sets, width), more, strict=True)]


def _short(comparison: LayerComparison, sets: Sequence[Sequence[ComparedLayer]], width: int) -> list[str]:
    """Return the first name of each set; steps that are long to write have a number, and stand below the table."""
    names = [entries[0].name for entries in sets]
    if comparison.by != "intensities":
        return names
    most = _MOST_LETTERS if width >= _COLUMNS else width // 5
    return [name if len(name) <= most else f"steps {place + 1}" for place, name in enumerate(names)]


def notes(
    comparison: LayerComparison, sets: Sequence[Sequence[ComparedLayer]], columns: Sequence[Column], width: int
) -> list[str]:
    """Return the lines that explain the table: which entries share a row, and what the columns mean."""
    shared = [
        f"same numbers as {entries[0].name}: {', '.join(entry.name for entry in entries[1:])}"
        for entries in sets
        if len(entries) > 1
    ]
    named = zip(_short(comparison, sets, width), sets, strict=True)
    written = [f"{short}: {printable(entries[0].name)}" for short, entries in named if short != entries[0].name]
    return [*written, *shared, *legend(columns)]


def positions(comparison: LayerComparison, *, every: bool, most: int | None = None) -> list[OutputPlace]:
    """Return where to show numbers, the greatest difference first, and always where sentences tell them.

    Args:
        comparison: the comparison.
        every: True for each channel in every batch; otherwise it is shown in the batch where it differs most.
        most: how many are shown if that is not limited by the sentences; None for all.
    """
    batches = comparison.reference.report.batches
    told = set(comparison.told)
    kept = list(comparison.order)
    if not every and not (batches and batches[0].groups and comparison.by != "normalizers"):
        first: dict[int, OutputPlace] = {}
        for position in (*comparison.told, *comparison.order):
            first.setdefault(position[1], position)
        kept = [position for position in comparison.order if position in told or first[position[1]] == position]
    if most is None or every:
        return kept
    room = max(most - sum(position in told for position in kept), 0)
    others = [position for position in kept if position not in told][:room]
    return [position for position in kept if position in told or position in others]


def block(
    comparison: LayerComparison,
    sets: Sequence[Sequence[ComparedLayer]],
    columns: Sequence[Column],
    position: OutputPlace,
) -> Block:
    """Return the numbers of one position."""
    batch = comparison.reference.report.batches[position[0]]
    part = batch.parts[position[1]]
    rows = []
    for entries in sets:
        own = entries[0].report
        cells = [column.cell(own.batches[position[0]].parts[position[1]]) for column in columns]
        named = [_epsilon(entries[0])] if comparison.by == "frameworks" else []
        rows.append([*named, *cells])
    mean, variance = mean_of(part.mean, part.variance), number(part.variance)
    label = _label(comparison, batch, part)
    compared = comparison.by == "intensities"  # whose rows have the mean and the variance
    values = f"   {plural(part.count, 'value')}" if compared or isinstance(part, Channel) else ""
    numbers = "" if compared else f"   mean {mean}   variance {variance}"
    heading = f"{label}{numbers}{values}"
    return Block(label, heading, mean, variance, rows)


def _label(comparison: LayerComparison, batch: Batch, part: Part) -> str:
    several = len(comparison.reference.report.batches) > 1 and isinstance(part, Channel)
    return part.title + (f" of batch {batch.index}" if several else "")


# --- Normalizers: a column for each ------------------------------------------------------------------------------

# What differs between messages that say the same.
_NUMBER, _OF_SAMPLE = re.compile(r"\d[\d.,]*(?:e[+-]?\d+)?"), re.compile(r" of sample \d+")

# Rules that judge the framework's own arithmetic.
_ON_ARITHMETIC = ("BN301", "BN302", "BN303")

OUTPUTS = "Variance of each channel after the layer:"


def summary(comparison: LayerComparison) -> list[list[str]]:
    """Return what each normalizer reduces: in each row a label, and a text for each normalizer."""
    found = [entry.report for entry in comparison.entries]
    parts = [report.parts for report in found]
    variances = [_range(own.number("variance")) for own in parts]
    outputs = [_range(own.number("output_variance")) for own in parts]
    rows = [
        ["epsilon ε", *(_epsilon(entry) for entry in comparison.entries)],
        ["depends on the batch", *("no" if report.settings.by_sample else "yes" for report in found)],
        ["normalized groups", *(f"{len(own):,}" for own in parts)],
        ["  with zero variance", *(f"{own.flag('constant').sum():,}" for own in parts)],
    ]
    for name, ranges in (("variance", variances), ("output variance", outputs)):
        labels = (f"{name}, least", "  median", "  greatest")
        rows += [[label, *column] for label, column in zip(labels, zip(*ranges, strict=True), strict=True)]
    return rows


def _epsilon(entry: ComparedLayer) -> str:
    return setting(entry.report.settings.epsilon)


def _range(values: Doubles) -> list[str]:
    """Return the least, the median and the greatest value."""
    return [UNDEFINED] * 3 if (three := least_median_greatest(values)) is None else list(map(number, three))


def outputs(comparison: LayerComparison, position: OutputPlace) -> list[str]:
    """Return a channel, and the variance of its values after each normalizer."""
    batches = comparison.reference.report.batches
    batch, channel = position
    label = batches[batch].title_of(channel) + (f" of batch {batch}" if len(batches) > 1 else "")
    return [label, *(_output(entry, position, comparison) for entry in comparison.entries)]


def _output(entry: ComparedLayer, position: OutputPlace, comparison: LayerComparison) -> str:
    part = part_at(entry, position, comparison.by)
    return NAN if part is not None and part.output_nan else number(entry.outputs[position[0]][position[1]])


def order_line(comparison: LayerComparison, shown: Sequence[OutputPlace]) -> str:
    """Return how channels or groups are ordered; empty if they are in their own order."""
    what = "Groups" if comparison.by != "normalizers" and comparison.reference.report.batches[0].groups else "Channels"
    ordered = f"{what} are in the order of their differences, the largest first."
    return ordered if list(shown) != sorted(shown) else ""


# --- Below the table ---------------------------------------------------------------------------------------------


def findings(comparison: LayerComparison) -> Iterator[tuple[Finding, str]]:
    """Yield for each rule its first finding, and which layers it is about.

    Where a layer says something else of the same figure, as that it refuses to train, its own first finding follows.
    So it does for the arithmetic of a framework, whose remedies are its own.
    """
    named = [(entry.name, finding) for entry in comparison.entries for finding in entry.report.findings]
    for first, *_ in by_rule(finding for _, finding in named):
        own = [(name, finding) for name, finding in named if finding.rule == first.rule]
        said: dict[str, tuple[Finding, Counter[str]]] = {}
        of_layer: dict[str, str] = {}
        for name, finding in own:
            if name not in of_layer:
                of_framework = comparison.by == "frameworks" and first.rule in _ON_ARITHMETIC
                of_layer[name] = _words(finding if of_framework or finding.value == first.value else first)
            said.setdefault(of_layer[name], (finding, Counter()))[1][name] += 1
        for finding, layers in said.values():
            yield finding, f"with {_with(layers, comparison)}"


def _words(finding: Finding) -> str:
    """Return what a finding says, whatever its numbers and its place are."""
    return _NUMBER.sub("0", _OF_SAMPLE.sub("", finding.message))


def _with(counts: dict[str, int], comparison: LayerComparison, most: int = 4) -> str:
    """Return layers as in "all layers", or "batch (2 places), instance (3 places)"."""
    same = len(set(counts.values())) == 1
    count = next(iter(counts.values()))
    if same and len(counts) == len(comparison.entries):
        every = "all intensities" if comparison.by == "intensities" else "all layers"
        return every if count == 1 else f"{every}, in {count:,} places each"
    named = [name + (f" ({number:,} places)" if number > 1 else "") for name, number in counts.items()]
    more = f" and {len(named) - most} more" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def call_line(call: LayerCall, comparison: LayerComparison) -> str:
    """Return the sentence before what is to be typed."""
    makers = {entry.name: entry.report.settings.maker for entry in comparison.entries}
    return f"To get the statistics of {makers[call.statistics_of]} with {makers[call.name]}, type:"
