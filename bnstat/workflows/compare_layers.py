"""The story of `compare` for layers: one pass over the files, then what each of several layers computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Unpack, get_args

from bnstat.errors import UsageError
from bnstat.layers.batch_columns import Batches
from bnstat.layers.frameworks import BATCH_NORMS, framework_named, require_epsilon
from bnstat.layers.results import Batch, Channel, Group, RmsGroup
from bnstat.layers.settings import LayerKeywords, Settings, parse
from bnstat.preprocessing.by_channel import step_lists
from bnstat.reading.rows import Rows
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, read_table, read_tables
from bnstat.reading.workers.job import Progress
from bnstat.reports.calls import calls_of
from bnstat.reports.compare_layers import By, ComparedLayer, LayerComparison
from bnstat.reports.differences import order_of, with_differences
from bnstat.reports.inspect import Report
from bnstat.sources.formats.memory import Input
from bnstat.sources.opened import Planned
from bnstat.workflows.failures import require_some
from bnstat.workflows.inspect import ONLY_BOUNDED, as_loaded, report_of, require_admitted
from bnstat.workflows.notes import instruction_notes

# Stands for every preset of a batch norm, among names of frameworks.
ALL = "all"

# A channel of one sample: the number of its values, their mean and their variance.
SampleNumbers = tuple[int, float, float]


def compare_layers(
    paths: Input | Iterable[Input],
    *,
    by: By,
    values: Sequence[str] | Sequence[float],
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
    **settings: Unpack[LayerKeywords],
) -> LayerComparison:
    """Compare what several layers compute on these volumes, from one pass over the files.

    Args:
        paths: as for `diagnose`.
        by: "frameworks", "normalizers", "epsilons" or "intensities": in what the layers differ.
        values: the presets, normalizers, values of ε, or steps on intensities as in `Preparation.intensity`; the others
            are compared with the first. Of frameworks, "all" means every preset of a batch norm. A value that is named
            twice counts once.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.
        settings: `axis`, `batch_axis` and the other settings of `diagnose`, which hold for every layer; not the one in
            which they differ.

    Returns:
        The comparison. Inputs that cannot be read are in its `errors`; the others are answered.

    Raises:
        UsageError: if a setting is wrong, a layer does not fit these data, or the layers cannot be compared.
        InputError: if no input can be read.
    """
    comparison = side_by_side(paths, by, layers_of(by, values, **settings), reading, progress)
    require_some(comparison.samples, comparison.errors)
    return comparison


def layers_of(
    by: By, values: Sequence[str] | Sequence[float], **settings: Unpack[LayerKeywords]
) -> dict[str, Settings]:
    """Return the settings of each layer under its name; the arguments are those of `compare_layers`.

    Raises:
        UsageError: if a setting is wrong, or the layers cannot be compared.
    """
    if by not in get_args(By):
        raise UsageError(f"`by` must be one of {', '.join(get_args(By))}, and is {by!r}")
    named = [values] if isinstance(values, str) else [str(value) for value in values]
    if not named:
        raise UsageError(f"no {by} to compare: name at least one")
    return _LAYERS[by](named, settings)


def side_by_side(
    paths: Input | Iterable[Input],
    by: By,
    several: Mapping[str, Settings],
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> LayerComparison:
    """Return what each of several layers computes; a comparison without samples if no input can be read.

    Args:
        paths: as for `diagnose`.
        by: in what the layers differ.
        several: the settings of each, under its name; they have one `axis` and one `batch_axis`.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.

    Raises:
        UsageError: if a layer does not fit these data.
    """

    def admit(planned: Sequence[Planned]) -> None:
        require_admitted(planned, several.values(), reading.preparation)

    first, *_ = several.values()
    if by == "intensities":
        prepared = [replace(reading.preparation, intensity=name) for name in several]
        reading, others = replace(reading, preparation=prepared[0]), tuple(prepared[1:])
        tables = read_tables(paths, first.axis, first.batch_axis, reading, progress, admit, others)
    else:
        tables = [read_table(paths, first.axis, first.batch_axis, reading, progress, admit)] * len(several)
    named = zip(several.items(), tables, strict=True)
    entries = tuple(_entry(name, report_of(table, one), table, by) for (name, one), table in named)
    found = LayerComparison(
        by=by,
        entries=entries,
        samples=entries[0].report.samples,
        errors=entries[0].report.errors,
        notes=_notes(entries, by),
        order=order_of(entries),
    )
    return replace(with_differences(found), calls=calls_of(found))


def _frameworks(names: Sequence[str], given: LayerKeywords) -> dict[str, Settings]:
    """Return settings under the name of each preset, aliases resolved.

    Raises:
        UsageError: if the presets are of different normalizers, or mean different things by one momentum.
    """
    listed = [one for name in names for one in (BATCH_NORMS if name.lower() == ALL else (framework_named(name).name,))]
    found = {name: Settings.of(**(given | {"framework": name})) for name in listed}
    first_name, first = next(iter(found.items()))
    for name, settings in found.items():
        if settings.normalizer != first.normalizer:
            raise UsageError(
                f"{first_name} is a layer of {first.layer} and {name} one of {settings.layer}; "
                "give one `normalizer` for all frameworks, or compare normalizers"
            )
        weighs = (first.framework.momentum_weighs, settings.framework.momentum_weighs)
        if given.get("momentum") is not None and weighs[0] != weighs[1]:
            raise UsageError(
                f"momentum {given['momentum']} is the weight of the {_weighed(weighs[0])} in {first_name} and of the "
                f"{_weighed(weighs[1])} in {name}; leave out `momentum`, so that each has its own"
            )
    return found


def _weighed(what: str | None) -> str:
    return "old value" if what == "old" else "batch"


def _normalizers(names: Sequence[str], given: LayerKeywords) -> dict[str, Settings]:
    """Return settings under the name of each normalizer; those that keep running statistics have the momentum.

    Raises:
        UsageError: if a momentum is given and none keeps running statistics.
    """
    momentum = given.get("momentum")
    found = {}
    for name in map(parse, names):
        settings = Settings.of(**(given | {"normalizer": name, "momentum": None}))
        found[name] = Settings.of(**(given | {"normalizer": name})) if settings.keeps_running else settings
    if momentum is not None and not any(settings.keeps_running for settings in found.values()):
        raise UsageError(
            "none of these normalizers keeps running statistics, so they have no `momentum`; remove `momentum`"
        )
    return found


def _epsilons(values: Sequence[str], given: LayerKeywords) -> dict[str, Settings]:
    """Return settings under each ε, in the fewest digits that tell it from others."""
    preset = framework_named(given.get("framework", "keras"))
    for value in values:
        require_epsilon(preset, float(value), of="epsilons")
    return {
        str(float(value)).removesuffix(".0"): Settings.of(**(given | {"epsilon": float(value)})) for value in values
    }


def _intensities(values: Sequence[str], given: LayerKeywords) -> dict[str, Settings]:
    """Return settings under each value of `intensity`: one layer, which gets other values.

    Raises:
        UsageError: if a step is not known, or its numbers are wrong.
    """
    for value in values:
        step_lists(value)
    return {value: Settings.of(**given) for value in values}


_LAYERS: dict[By, Callable[[Sequence[str], LayerKeywords], dict[str, Settings]]] = {
    "frameworks": _frameworks,
    "normalizers": _normalizers,
    "epsilons": _epsilons,
    "intensities": _intensities,
}


def _entry(name: str, report: Report, table: Table, by: By) -> ComparedLayer:
    if by == "normalizers":
        return ComparedLayer(name, report, tuple(_channel_outputs(report, as_loaded(table, report.settings))))
    return ComparedLayer(name, report, report.parts.rows("output"))


def _channel_outputs(report: Report, table: Table) -> Iterable[tuple[float | None, ...]]:
    """Return, for each batch, the variance of the normalized values of each channel."""
    if isinstance(report.batches, Batches):
        return report.parts.rows("output_variance")
    cells = _numbers(table.rows) if report.settings.by_sample else []
    return (_outputs_of(batch, cells) for batch in report.batches)


def _outputs_of(batch: Batch, cells: Sequence[Sequence[SampleNumbers]]) -> tuple[float | None, ...]:
    if batch.channels:
        return tuple(_alone(channel) for channel in batch.channels)
    holding: list[list[tuple[Group, SampleNumbers]]] = [[] for _ in range(batch.channel_count)]
    for group in batch.groups:
        for channel in group.channels:
            holding[channel].append((group, cells[group.sample][channel]))
    return tuple(_together(held) for held in holding)


def _numbers(rows: Rows) -> Sequence[Sequence[SampleNumbers]]:
    """Return the moments of each sample as plain numbers, for each channel."""
    found: list[Sequence[SampleNumbers]] = [()] * len(rows)
    for block in rows.blocks:
        columns = (block.moments.finite, block.moments.mean, block.moments.variance)
        for place, *numbers in zip(block.places.tolist(), *(one.tolist() for one in columns), strict=True):
            found[place] = list(zip(*numbers, strict=True))
    return found


def _alone(channel: Channel) -> float | None:
    """Return the output variance of a channel; weight norm's start, which has no ε by default, makes it 1."""
    if channel.start is None or channel.gain is None or channel.variance is None:
        return channel.output_variance
    return channel.variance * channel.gain**2


def _together(held: Sequence[tuple[Group, SampleNumbers]]) -> float | None:
    """Return the output variance of a channel, within and between samples that normalize it in groups of their own.

    Args:
        held: for each sample of a batch, the group that the channel is in, and the channel's own values.
    """
    first = held[0][0]
    if len(held) == 1 and len(first.channels) == 1 and not isinstance(first, RmsGroup):
        return first.output_variance
    counts, means, variances = [], [], []
    for group, (count, mean, variance) in held:
        if group.gain is None or group.mean is None:
            return None
        counts.append(count)
        means.append((mean - (0.0 if isinstance(group, RmsGroup) else group.mean)) * group.gain)
        variances.append(variance * group.gain**2)
    total = sum(counts)
    away = [mean - means[0] for mean in means]  # 0 where all are one number, whatever is rounded
    middle = sum(count * mean for count, mean in zip(counts, away, strict=True)) / total
    spread = (variance + (mean - middle) ** 2 for mean, variance in zip(away, variances, strict=True))
    return sum(count * one for count, one in zip(counts, spread, strict=True)) / total


def _notes(entries: Sequence[ComparedLayer], by: By) -> tuple[str, ...]:
    """Return each note once: presets of one maker say the same in other words, so those of the first are kept."""
    if by == "intensities":
        return tuple(dict.fromkeys(note for entry in entries for note in entry.report.notes))
    first: dict[tuple[str, str], ComparedLayer] = {}
    for entry in entries:
        first.setdefault((entry.report.settings.framework.maker, entry.report.settings.normalizer), entry)
    spoken = [note for entry in first.values() for note in entry.report.notes]
    others = [note for entry in entries for note in entry.report.notes if note == ONLY_BOUNDED]
    others += [note for entry in entries for note in instruction_notes(entry.report.batches, entry.report.settings)]
    return tuple(dict.fromkeys((*spoken, *others)))
