"""Numbers and names as text: one way for every format that a person reads."""

from __future__ import annotations

from math import floor, log10

from bnstat.layers.results import Batch, Number
from bnstat.layers.settings import Settings
from bnstat.preprocessing.settings import Preparation
from bnstat.report.finding import Finding
from bnstat.report.inspect import Report
from bnstat.text import by, channel_title, plural

UNDEFINED = "–"


def number(value: Number | None, digits: int = 5) -> str:
    """A number to so many significant digits, with thousands separated, in powers of ten where it is far from 1."""
    if value is None:
        return UNDEFINED
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**9 else f"{value:.{digits}g}"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{max(digits - 3, 1)}e}"
    decimals = digits - 1 - floor(log10(abs(value)))
    return f"{value:,.{max(decimals, 0)}f}"


def share(value: float | None) -> str:
    """A share in percent, never rounded to a bare 0 where it is more."""
    if value is None:
        return UNDEFINED
    if 0 < value < 1e-4:
        return "<0.01%"
    return f"{100 * value:.3g}%"


def variance_of_one(value: float | None) -> str:
    """An output variance: six decimals, since it is read against 1."""
    return UNDEFINED if value is None else f"{value:.6f}"


def printable(name: str) -> str:
    """A name with its control characters and undecodable bytes escaped, safe for a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def inputs_line(report: Report) -> str:
    """What was read: one file with its type and shape, or how many samples from how many."""
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
    """How many patches of how many volumes, and how they were drawn."""
    samples, patching = report.samples, report.settings.preparation.patches
    volumes = list(dict.fromkeys(sample.volume for sample in samples))
    sizes = {sample.patch.size for sample in samples if sample.patch is not None}
    of = " or ".join(by(size) for size in sorted(sizes))
    seed = f"seed {patching.seed}" if patching is not None else "drawn"
    name = printable(samples[0].source if volumes[0][1] is None else f"{samples[0].source}[{volumes[0][1]}]")
    origin = (
        f"{name} ({samples[0].dtype}, {by(samples[0].shape)}; {seed})"
        if len(volumes) == 1
        else f"{len(volumes)} volumes ({len(samples) // len(volumes)} of each, {seed})"
    )
    around = sum(sample.patch.foreground for sample in samples if sample.patch is not None) / len(samples)
    wanted = patching is not None and patching.foreground is not None
    told = f", {share(around)} around foreground" if wanted else ""
    return f"{plural(len(samples), 'patch', 'patches')} of {of} from {origin}{told}"


def settings_line(settings: Settings) -> str:
    """Which layer: framework, ε, momentum and batch size."""
    framework = settings.framework
    layout = "" if framework.channels_axis == -1 else f"; its own layout is {framework.layout}"
    epsilon = "no default ε" if settings.epsilon is None else f"ε {settings.epsilon:g}"
    if settings.kind == "weight-init":
        added = "no ε" if settings.epsilon is None else epsilon
        return f"{settings.layer}: g = 1/σ, b = −μ/σ ({added}), batch of {settings.batch_size}"
    groups = f" ({plural(settings.groups, 'group')})" if settings.groups else ""
    momentum = f", {_momentum(settings)}" if settings.keeps_running else ""
    ranks = f" on each of {settings.ranks} ranks" if settings.ranks > 1 else ""
    return (
        f"{settings.layer}{groups} as in {settings.maker} ({epsilon}{momentum}{layout}), "
        f"batch of {settings.batch_size}{ranks}"
    )


def preparation_lines(preparation: Preparation) -> list[str]:
    """What voxels went through before the layer, in a line; none where that is nothing."""
    said = []
    if preparation.intensity is not None and preparation.intensity != "none":
        said.append(f"values after {printable(preparation.intensity)}, each volume by itself")
    if preparation.mask is not None:
        inside = f"inside mask {printable(preparation.mask)}"
        said.append(inside if said else f"values {inside}")
    return ["; ".join(said)] if said else []


def _momentum(settings: Settings) -> str:
    if settings.cumulative:
        return "momentum none: cumulative mean"
    return "no default momentum" if settings.momentum is None else f"momentum {settings.momentum:g}"


def tensor_line(batches: list[Batch], settings: Settings) -> str:
    """The tensor of some batches of one shape, in words."""
    batch = batches[0]
    shape = f"({', '.join(str(size) for size in batch.input_shape)})"
    axes = ",".join(str(axis) for axis in batch.reduction_axes)
    several = f"{plural(len(batches), 'batch', 'batches')}, each " if len(batches) > 1 else ""
    channels = plural(batch.channel_count, "channel")
    values = _values(batches)
    if not batch.groups:
        kept, of = f"keeps axis {batch.axis} ({channels})", "a channel"
    elif settings.kind == "instance":
        kept, of = f"keeps axes 0 and {batch.axis} ({channels} of each sample)", "a channel of a sample"
    else:
        split = f" in {plural(settings.groups, 'group')}" if settings.groups else ""
        kept, of = f"each sample by itself, {channels} on axis {batch.axis}{split}", "a group"
    return f"{several}input {shape}: {kept}, reduces axes {axes} → {values} {of}"


def _values(batches: list[Batch]) -> str:
    """How many values are reduced together: not as many everywhere where a mask leaves some out."""
    counts = [part.count for batch in batches for part in batch.parts]
    least, most = min(counts), max(counts)
    return plural(least, "value") if least == most else f"{least:,} to {most:,} values"


def tensor_lines(report: Report) -> list[str]:
    """A line for each shape that batches have."""
    shapes: dict[tuple[int, ...], list[Batch]] = {}
    for batch in report.batches:
        shapes.setdefault(batch.input_shape, []).append(batch)
    lines = [tensor_line(batches, report.settings) for batches in shapes.values()]
    return lines if len(lines) <= 4 else [*lines[:3], f"… and {len(lines) - 3} more shapes"]


def synchronized_line(report: Report) -> str:
    """What the second table holds: the batches of all ranks together."""
    batch = report.synchronized[0]
    values = _values([batch])
    size = report.settings.batch_size * report.settings.ranks
    return f"synchronized over {report.settings.ranks} ranks (SyncBN), batch of {size} → {values} a channel"


def running_lines(report: Report, most: int = 4) -> list[str]:
    """The buffers of a layer that normalizes each sample by itself, a line for each of the first batches."""
    several = len(report.batches) > 1
    lines = []
    for batch in report.batches:
        if batch.running:
            named = [
                f"{batch.title_of(one.channel)} {number(one.mean)}, {number(one.variance)}" for one in batch.running
            ]
            more = f"; … ({len(named) - most} more)" if len(named) > most else ""
            where = f" on batch {batch.index}" if several else ""
            lines.append(f"running mean and variance after one step{where}: {'; '.join(named[:most])}{more}")
    return lines if len(lines) <= most else [*lines[:most], f"… and {len(lines) - most} more batches"]


def grouped(findings: tuple[Finding, ...], severities: tuple[str, ...]) -> list[list[Finding]]:
    """Findings of one rule together, the gravest rules first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return sorted(groups.values(), key=lambda group: severities.index(group[0].severity))


def places(findings: list[Finding], report: Report, most: int = 12) -> str:
    """Where else a rule found the same: groups, or channels with their batch where there are several."""
    named = [_place(finding, report) for finding in findings[:most]]
    more = f", … ({len(findings) - most} more)" if len(findings) > most else ""
    return ", ".join(named) + more


def _place(finding: Finding, report: Report) -> str:
    if finding.group is not None and finding.batch is not None:
        return report.batches[finding.batch].groups[finding.group].title
    parts = []
    if finding.channel is not None:
        names = report.names if finding.batch is None else report.batches[finding.batch].names
        parts.append(channel_title(finding.channel, names))
    if finding.batch is not None and (len(report.batches) > 1 or finding.channel is None):
        parts.append(f"batch {finding.batch}")
    return " of ".join(parts)
