"""What stands above a table: what was read, which layer it is, what was done to the voxels, and the tensor."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from bnstat.layers.batch_columns import Counted, counts_of_layouts
from bnstat.layers.results import Batch
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Preparation
from bnstat.renderers.numbers import share
from bnstat.reports.inspect import Report
from bnstat.text import beyond, by, capitalized, plural, printable

# Tensors of different shapes that are described before the rest is counted.
_MOST_SHAPES = 4


def inputs_line(report: Report) -> str:
    """Return what was read: one file with its type and shape, or how many samples from how many files."""
    sample = report.samples[0]
    if sample.patch is not None:
        return _patches_line(report)
    several = f"   {plural(len(sample.files), 'file')}" if sample.files else ""
    one = f"{printable(sample.source)}{several}   {sample.dtype}   {by(sample.shape)}"
    files = {path for sample in report.samples for path in sample.paths}
    if len({sample.source for sample in report.samples}) == 1:
        return one if sample.index is None else f"{one}   {plural(len(report.samples), 'sample')}"
    last = report.samples[-1]
    kinds = {(other.dtype, other.shape) for other in report.samples}
    same = f"each {sample.dtype}, {by(sample.shape)}" if len(kinds) == 1 else "of different types or shapes"
    return (
        f"{plural(len(report.samples), 'sample')} from {plural(len(files), 'file')}, {same}: "
        f"{printable(sample.source)} … {printable(last.source)}"
    )


def _patches_line(report: Report) -> str:
    """Return how many patches of how many volumes there are, and how they were drawn."""
    samples, patching = report.samples, report.settings.preparation.patches
    volumes = list(dict.fromkeys(sample.volume for sample in samples))
    sizes = {sample.patch.size for sample in samples if sample.patch is not None}
    of = " or ".join(by(size) for size in sorted(sizes))
    seed = f"seed {patching.seed}" if patching is not None else "drawn at random"
    name = printable(samples[0].source if volumes[0][1] is None else f"{samples[0].source}[{volumes[0][1]}]")
    origin = (
        f"{name} ({samples[0].dtype}, {by(samples[0].shape)}; {seed})"
        if len(volumes) == 1
        else f"{len(volumes)} volumes ({len(samples) // len(volumes)} from each, {seed})"
    )
    around = sum(sample.patch.foreground for sample in samples if sample.patch is not None) / len(samples)
    wanted = patching is not None and patching.foreground is not None
    told = f", {share(around)} of them around a foreground voxel" if wanted else ""
    return f"{plural(len(samples), 'patch', 'patches')} of {of} from {origin}{told}"


def settings_line(settings: Settings) -> str:
    """Return which layer it is: normalizer, framework, epsilon, momentum and batch size."""
    framework = settings.framework
    shown = ", shown with channels last" if settings.axis == -1 else ""
    layout = "" if framework.channels_axis == -1 else f"; its own layout is {framework.layout}{shown}"
    epsilon = "no default epsilon ε" if settings.epsilon is None else f"epsilon ε = {settings.epsilon:g}"
    if settings.kind == "weight-init":
        added = "no epsilon" if settings.epsilon is None else epsilon
        return (
            f"{settings.layer}: scale g = 1/σ, bias b = −μ/σ from mean μ and standard deviation σ ({added}), "
            f"batch size {settings.batch_size}"
        )
    groups = f" ({plural(settings.groups, 'group')})" if settings.groups else ""
    momentum = f", {_momentum(settings)}" if settings.keeps_running else ""
    ranks = f" on each of {settings.ranks} ranks" if settings.ranks > 1 else ""
    return (
        f"{settings.layer}{groups} as in {settings.maker} ({epsilon}{momentum}{layout}), "
        f"batch size {settings.batch_size}{ranks}"
    )


def _momentum(settings: Settings) -> str:
    if settings.cumulative:
        return "no momentum: cumulative mean"
    return "no default momentum" if settings.momentum is None else f"momentum {settings.momentum:g}"


def preparation_lines(preparation: Preparation) -> list[str]:
    """Return what was done to the voxels before the layer, in one line; no line where nothing was."""
    said = []
    if preparation.intensity is not None and preparation.intensity != "none":
        said.append(f"values after {printable(preparation.intensity)}, each {preparation.intensity_per} by itself")
    if preparation.mask is not None:
        inside = f"inside the mask {printable(preparation.mask)}"
        said.append(inside if said else f"values {inside}")
    return ["; ".join(said)] if said else []


def tensor_lines(report: Report) -> list[str]:
    """Return a line for each shape that batches have."""
    shapes: dict[tuple[int, ...], list[Counted]] = {}
    for one in counts_of_layouts(report.batches):
        shapes.setdefault(one.batch.input_shape, []).append(one)
    lines = [_tensor_line(batches, report.settings) for batches in shapes.values()]
    if len(lines) > _MOST_SHAPES:
        lines = [*lines[: _MOST_SHAPES - 1], f"… and {len(lines) - _MOST_SHAPES + 1} more shapes"]
    return [*lines, _mask_line(report)] if report.settings.preparation.mask is not None else lines


def _mask_line(report: Report) -> str:
    """Say how many values a mask keeps for the statistics, and that a layer keeps all."""
    kept = {
        (count, _size_of(one.batch))
        for one in counts_of_layouts(report.batches)
        for count in dict.fromkeys(one.counts.tolist())
    }
    mask, layer = report.settings.preparation.mask, capitalized(report.settings.layer)
    shares = [count / size for count, size in kept]
    counts = _from_to([f"{one:,}" for one in sorted(count for count, _ in kept)])
    sizes = _from_to([f"{one:,}" for one in sorted(size for _, size in kept)])
    percent = _from_to([_percent(one) for one in sorted(shares)])
    values = "value" if sizes == "1" else "values"
    if min(shares) == 1:
        return f"mask {printable(mask or '')} keeps all {sizes} {values} per {_reduced(report.settings)}"
    of = f"{counts} of {sizes} {values} per {_reduced(report.settings)} ({percent} %)"
    return (
        f"mask {printable(mask or '')} keeps {of} for these statistics. {layer} in a network has no mask: it averages "
        "over all values."
    )


def _percent(kept: float) -> str:
    """Return a share in percent with three digits, and with more where these would make it 0 or 100."""
    return beyond(100 * kept, 100.0, 3)


def _from_to(texts: Sequence[str]) -> str:
    """Return the first of sorted numbers and the last, as a range if they differ."""
    least, most = texts[0], texts[-1]
    return least if least == most else f"{least} to {most}"


def _size_of(batch: Batch) -> int:
    """Return the number of values that the layer itself reduces, without a mask."""
    if batch.groups:  # which are of one size
        return prod(batch.input_shape[1:]) // batch.channel_count * len(batch.groups[0].channels)
    return prod(batch.input_shape) // batch.channel_count


def _tensor_line(layouts: Sequence[Counted], settings: Settings) -> str:
    """Return the input tensor of batches of one shape: what the layer keeps of it, and what it reduces."""
    batch, number = layouts[0].batch, sum(one.number for one in layouts)
    shape = f"({', '.join(str(size) for size in batch.input_shape)})"
    axes = ",".join(str(axis) for axis in batch.reduction_axes)
    several = f"{plural(number, 'batch', 'batches')}, each " if number > 1 else ""
    channels = plural(batch.channel_count, "channel")
    if not batch.groups:
        kept = f"keeps axis {batch.axis} ({channels})"
    elif settings.kind == "instance":
        kept = f"keeps axes 0 and {batch.axis} ({channels} of each sample)"
    else:
        split = f" in {plural(settings.groups, 'group')}" if settings.groups else ""
        kept = f"each sample by itself, {channels} on axis {batch.axis}{split}"
    values = _values(layouts, masked=settings.preparation.mask is not None)
    return f"{several}input {shape}: {kept}, reduces axes {axes}: {values} per {_reduced(settings)}"


def _reduced(settings: Settings) -> str:
    """Name what the layer reduces to one mean."""
    if not settings.by_sample:
        return "channel"
    return "channel of a sample" if settings.kind == "instance" else "group"


def values_of(batches: Sequence[Batch], *, masked: bool) -> str:
    """Return how many values the layer reduces together, also those outside of a mask, as a range if that differs."""
    return _values(counts_of_layouts(batches), masked=masked)


def _values(layouts: Sequence[Counted], *, masked: bool) -> str:
    ends = [[_size_of(one.batch)] if masked else (int(one.counts.min()), int(one.counts.max())) for one in layouts]
    least, most = min(map(min, ends)), max(map(max, ends))
    return plural(least, "value") if least == most else f"{least:,} to {most:,} values"
