"""The story of `compare --batch-sizes`: one pass over the files, then what each batch size does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bnstat.batch_size import curve
from bnstat.batch_size import population as populations
from bnstat.batch_size.recommendation import AppliesTo, recommend
from bnstat.batch_size.results import Forgetting, Recommendation, SampleGroup
from bnstat.batch_size.samples import Grouping, Nesting, cohorts_of, nesting_of, too_large
from bnstat.batch_size.settings import CompareSettings, PopulationKind
from bnstat.errors import UsageError
from bnstat.layers import running
from bnstat.layers.frameworks import BATCH_NORMS
from bnstat.layers.settings import Layer
from bnstat.moments.moments import Moments
from bnstat.reading.rows import Rows
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reading.table import Table, blaming, read_table
from bnstat.reading.workers.job import Progress
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.finding import Finding
from bnstat.reports.label_maps import LabelMapsFound
from bnstat.rules.batch import momentum_convention
from bnstat.rules.layout import label_map_suspected
from bnstat.rules.layout.label_map_suspected import findings_of_files
from bnstat.sources.addresses import is_remote
from bnstat.sources.formats.memory import Input, named_inputs
from bnstat.sources.groups import DIRECTORY, groups_by_source
from bnstat.sources.opened import Planned
from bnstat.sources.sample import BatchAxis, Sample, channel_names_of, volumes_among
from bnstat.text import channel_title, plural
from bnstat.workflows.evidence import distinct_of
from bnstat.workflows.failures import failures_of, require_some
from bnstat.workflows.inspect import require_told_axis
from bnstat.workflows.notes import epsilon_notes, few_files, patch_notes, spacing_notes, zeros_notes


def compare(
    paths: Input | Iterable[Input],
    *,
    batch_sizes: Sequence[int] | None = None,
    axis: int = -1,
    batch_axis: BatchAxis = None,
    framework: str = "keras",
    frameworks: Sequence[str] = (),
    epsilon: float | None = None,
    momentum: float | str | None = None,
    population: PopulationKind = "infinite",
    draws: int | None = None,
    seed: int = 0,
    ranks: int = 1,
    steps: int | None = None,
    group_by: str | None = None,
    tolerance_noise: float = 0.1,
    tolerance_shortfall: float = 0.1,
    tolerance_gap: float = 0.1,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> Comparison:
    """Compare batch sizes, from one pass over the files.

    Args:
        paths: as for `diagnose`; their shapes may differ, their numbers of channels may not.
        batch_sizes: the sizes to compare; by default 1, 2, 4, … up to the number of samples or volumes.
        axis: the kept axis, as for `diagnose`.
        batch_axis: the axis of each file whose entries are samples, as for `diagnose`.
        framework: the preset whose ε and running variance are used.
        frameworks: presets that are answered beside it, in `others`, with their own ε and momentum.
        epsilon: ε; None for that of the framework.
        momentum: in the framework's own convention; None for its default, "none" for PyTorch's cumulative mean.
        population: "infinite" if the samples are a random part of a larger set, "finite" if they are all there are.
        draws: batches that are drawn at most for a size; None for 1,000, and fewer of sizes above 4,096.
        seed: the seed of the draws, and of simulated runs.
        ranks: processes that train together, each on a batch of its own; more than 1 adds synchronized batches.
        steps: training steps of simulated runs, real batches in sequence; None for no runs.
        group_by: "directory" or "FILE.csv:COLUMN", to add batches of one group each. The table may also be in the
            folder of the volumes, and name participants: "participants.tsv:site".
        tolerance_noise: acceptable noise of the batch mean, in standard deviations of the values.
        tolerance_shortfall: acceptable shortfall of the batch variance, as a share of that of all values.
        tolerance_gap: acceptable RMS difference between training and evaluation output.
        reading: how inputs are found, prepared and read.
        progress: callbacks that are called with the files and bytes read so far.

    Returns:
        The comparison. Inputs that cannot be read are in its `errors`; the others are answered.

    Raises:
        UsageError: if a setting is wrong, or does not fit these data.
        InputError: if no input can be read, or the table of groups cannot.
    """
    layers = (framework, frameworks, epsilon, momentum)
    drawn = (population, draws, seed, ranks, steps, group_by)
    tolerances = (tolerance_noise, tolerance_shortfall, tolerance_gap)
    given = (batch_sizes, axis, batch_axis, *layers, *drawn, *tolerances)
    comparison = compare_batch_sizes(paths, CompareSettings.of(*given), reading, progress)
    require_some(comparison.samples, comparison.errors)
    return comparison


def compare_batch_sizes(
    paths: Input | Iterable[Input],
    settings: CompareSettings,
    reading: Reading = FILES_AS_THEY_ARE,
    progress: Progress | None = None,
) -> Comparison:
    """Return what batches of each size have; a comparison without samples if none can be read.

    Raises:
        UsageError: if the settings do not fit these data.
        InputError: if the table of groups cannot be read.
    """
    named: dict[str, str] = {}
    inputs = named_inputs(paths)
    folders = [one for one in inputs if isinstance(one, str) and not is_remote(one)]

    def admit(planned: Sequence[Planned]) -> None:
        require_told_axis(planned, [settings.layer.framework], {settings.axis})
        if settings.group_by is not None and planned:
            named.update(named_groups(planned, settings.group_by, folders))

    return comparison_of(
        read_table(inputs, settings.axis, settings.batch_axis, reading, progress, admit), settings, named
    )


def comparison_of(
    read: Table, settings: CompareSettings, named: Mapping[str, str], also: int | None = None
) -> Comparison:
    """Return what batches of each size have, of samples that were read.

    Args:
        read: the samples.
        settings: what is compared.
        named: the group of each case by its name, from `named_groups`; empty without groups.
        also: a size that is compared beside those by default; None for none.

    Raises:
        UsageError: if the settings do not fit these data.
    """
    settings = replace(settings, preparation=read.preparation)
    rows = read.rows
    with blaming(read.failures):
        nesting = nesting_of(rows.samples, settings.preparation.patches)
        sizes, notes = _answerable(settings, len(rows), nesting, also) if rows else ((), [])
        table = _table(rows)
    kind = _applied_to(read)
    cohorts = cohorts_of(table, nesting) if table is not None else ()
    groups, grouping = _groups(rows, named, nesting)
    points, others = curve.curves(cohorts, sizes, settings, grouping)
    samples = rows.samples
    names = channel_names_of(samples)
    layer = settings.layer  # the only one whose momentum can be given: others have their own
    findings = (*momentum_convention.on_layer(layer.framework, layer.momentum), *_of_samples(rows, table))
    found = recommend(cohorts, sizes, settings, kind, names, few_files(samples)) if sizes else None
    return Comparison(
        settings=settings,
        samples=samples,
        population=populations.split(table, cohorts, settings.population, grouping) if table is not None else (),
        groups=groups,
        batch_sizes=points,
        others=others,
        recommendation=None if found is None or table is None else _after_label_maps(found, findings, samples, table),
        forgetting=_forgetting(settings),
        findings=findings,
        errors=failures_of(read.failures),
        notes=(
            *read.notes,
            *notes,
            *spacing_notes(read),
            *zeros_notes(read),
            *patch_notes(read, read),
            *_forced_notes(nesting, sizes),
            *_shape_notes(rows),
            *(_size_notes(samples, table) if table is not None else ()),
            *epsilon_notes(settings.layer, constant=table is not None and bool(table.constant.any())),
        ),
    )


def _applied_to(read: Table) -> AppliesTo:
    """Return what the layer is applied to."""
    if read.network is not None:
        return "below-batch-norm" if read.network.below_batch_norm else "layer"
    return "array" if read.planned and all(plan.is_array for plan in read.planned) else "input"


def named_groups(planned: Sequence[Planned], group_by: str, folders: Sequence[str]) -> dict[str, str]:
    """Return the group of each case by its name; the table may be in one of these folders.

    Raises:
        UsageError: if a case has no group, or all are in one.
        InputError: if the table of groups cannot be read.
    """
    by_file = group_by == DIRECTORY  # a table may rather know the case than its first file
    files = {plan.case.name: plan.case.files[0] if by_file else plan.case.name for plan in planned}
    groups = groups_by_source(list(files.values()), group_by, folders)
    return {name: groups[file] for name, file in files.items()}


def _answerable(
    settings: CompareSettings, samples: int, nesting: Nesting | None, also: int | None
) -> tuple[tuple[int, ...], list[str]]:
    """Return the batch sizes that these samples admit, and a note on the others.

    If samples are patches, a batch takes some from each of its volumes, so there must be enough volumes.

    Raises:
        UsageError: if they admit none.
    """
    word, there, most, each = "sample", samples, samples, ""
    if nesting is not None:
        word, there, per_volume = "volume", nesting.number, nesting.taking.per_volume
        most, each = there * per_volume, f" with {plural(per_volume, 'patch', 'patches')} of each in a batch"
    by_default = sorted({*(2**k for k in range(most.bit_length())), *(() if also is None else (also,))})
    sizes = tuple(dict.fromkeys(settings.batch_sizes)) or tuple(by_default)
    if settings.population == "infinite":
        return sizes, []
    fitting = tuple(size for size in sizes if size <= most)
    if not fitting:
        raise UsageError(
            f"every batch size needs more {word}s than the {there:,} given{each}; "
            'give more volumes, compare smaller sizes, or use `population="infinite"`'
        )
    left = [str(size) for size in sizes if size > most]
    which = ("batch size", "which needs") if len(left) == 1 else ("batch sizes", "which need")
    skipped = f"skipped {which[0]} {', '.join(left)}, {which[1]} more than these {plural(there, word)}{each}"
    note = f'{skipped}; `population="infinite"` includes it'
    return fitting, [note] if left else []


def _table(rows: Rows) -> Moments | None:
    """Return moments of shape (samples, channels); None if no file can be read.

    Raises:
        UsageError: if two samples have different numbers of channels.
    """
    if not rows:
        return None
    first = rows.tensors[0].channels
    for sample, tensor in zip(rows.samples, rows.tensors, strict=True) if rows.channels is None else ():
        if tensor.channels != first:
            raise UsageError(
                f"{rows.samples[0].title} has {plural(first, 'channel')} and {sample.title} has {tensor.channels}; "
                "compare files with one number of channels, or keep another `axis`"
            )
    return rows.moments


def _groups(rows: Rows, named: Mapping[str, str], nesting: Nesting | None) -> tuple[tuple[SampleGroup, ...], Grouping]:
    """Return the groups, and the number of the group of each sample."""
    if not (named and rows):
        return (), None
    names = [named[sample.source] for sample in rows.samples]
    known, grouping, numbers = np.unique(names, return_inverse=True, return_counts=True)
    volumes: list[int | None] = [None] * len(known)
    if nesting is not None:
        volumes = [len(np.unique(nesting.volumes[grouping == group])) for group in range(len(known))]
    found = zip(known.tolist(), numbers.tolist(), volumes, strict=True)
    return tuple(SampleGroup(*group) for group in found), grouping


def _forgetting(settings: CompareSettings) -> tuple[Forgetting, ...]:
    """Return how long each layer remembers its start: the one asked about, others, and the framework defaults."""
    layers = [settings.layer, *settings.others, *map(Layer.of, BATCH_NORMS)]
    found: dict[tuple[str, float | None], Forgetting] = {}
    for layer in layers:
        weight = layer.batch_weight
        if not layer.remembers:
            found.setdefault((layer.framework.name, weight), Forgetting(layer, 1))
        elif weight is not None:
            found.setdefault((layer.framework.name, weight), Forgetting(layer, running.steps_to_forget(weight)))
    return tuple(found.values())


def _left_out(samples: Sequence[Sample], table: Moments) -> Iterable[Finding]:
    """Return a finding for each volume with samples that a channel skips, because NaN or Inf leave no mean."""
    undefined = table.nan + table.inf
    odd = np.asarray(undefined.any(axis=1))
    for volume in volumes_among(samples) if odd.any() else ():
        places = [*volume]
        if not odd[places].any():
            continue
        for channel in map(int, np.flatnonzero(undefined[places].any(axis=0))):
            for code, name, counts in (("BN104", "nan-voxels", table.nan), ("BN105", "inf-voxels", table.inf)):
                number = int(counts[places, channel].sum())
                if number:
                    kind = name.removesuffix("-voxels").replace("nan", "NaN").replace("inf", "infinite")
                    bad = [samples[place] for place in places if counts[place, channel]]
                    values = f"{number:,} {kind} {'value' if number == 1 else 'values'}"
                    message = f"{_holding(bad, len(places), channel)} {values}, so {_those(bad)} skipped in this "
                    message += "channel. Replace such values before training."
                    yield Finding(code, name, "error", message, bad[0].source, None, channel, float(number), 0.0)


def _of_samples(rows: Rows, table: Moments | None) -> Iterable[Finding]:
    """Yield a finding for each volume with samples that a channel skips, and for each file that looks like labels."""
    if table is not None:
        yield from _left_out(rows.samples, table)
    if distinct := distinct_of(rows.distinct):
        yield from findings_of_files(label_map_suspected.RULE, rows.samples, distinct)


def _after_label_maps(
    found: Recommendation, findings: Sequence[Finding], samples: Sequence[Sample], table: Moments
) -> Recommendation:
    """Return the recommendation with a first sentence on inputs that are label maps and no images, if there are any."""
    first = LabelMapsFound(findings, samples, table.shape[1], channel_names_of(samples)).sentence
    return replace(found, headline=first, reason=f"{first} {found.reason}") if first else found


def _holding(bad: Sequence[Sample], samples: int, channel: int) -> str:
    """Return which of the samples of a volume contain NaN or Inf in a channel."""
    title = channel_title(channel, bad[0].channels)
    if len(bad) == 1:
        return f"{bad[0].title}: {title} contains"
    whole = replace(bad[0], patch=None).title
    return f"{whole}: {title} of {len(bad)} of its {samples} patches, {bad[0].patch} first, contains"


def _those(bad: Sequence[Sample]) -> str:
    if len(bad) > 1:
        return "these are"
    return "this sample is" if bad[0].patch is None else "this patch is"


def _forced_notes(nesting: Nesting | None, sizes: Sequence[int]) -> list[str]:
    """Return a note if slots of a batch must be foreground, or must not, and no patch is."""
    if nesting is None or nesting.taking.forced is None:
        return []
    asked = {bool(kind) for size in sizes for kind in nesting.taking.slots(size).kinds}
    kinds = {True: "around foreground", False: "elsewhere"}
    return [
        f"no patch is {words}, so the slots of a batch that need such patches take others"
        for kind, words in kinds.items()
        if kind in asked and not (nesting.foreground == kind).any()
    ]


def _shape_notes(rows: Rows) -> list[str]:
    shapes = {tensor.sample_shape for tensor in rows.tensors}
    if len(shapes) < 2:
        return []
    return [f"the samples have {len(shapes)} different shapes and count equally; a training crops them to one size"]


def _size_notes(samples: Sequence[Sample], table: Moments) -> list[str]:
    """Return a note on the samples that are skipped because their values are too large."""
    large = np.flatnonzero(too_large(table).any(axis=1)).tolist()
    if not large:
        return []
    more = f" and {len(large) - 1} more" if len(large) > 1 else ""
    return [f"skipped {samples[large[0]].title}{more}: the values are too large to square in float64; divide them"]
