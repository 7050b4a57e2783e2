"""Numbers and names as text: one way for every format that a person reads."""

from __future__ import annotations

from math import floor, log10

from bnstat.report import Batch, Finding, Number, Report, Settings
from bnstat.wording import by, plural

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
    one = f"{printable(sample.source)}   {sample.dtype}   {by(sample.shape)}"
    files = {sample.source for sample in report.samples}
    if len(files) == 1:
        return one if sample.index is None else f"{one}   {plural(len(report.samples), 'sample')}"
    last = report.samples[-1]
    kinds = {(other.dtype, other.shape) for other in report.samples}
    same = f"each {sample.dtype}, {by(sample.shape)}" if len(kinds) == 1 else "of different types or shapes"
    return (
        f"{plural(len(report.samples), 'sample')} from {plural(len(files), 'file')}, {same}: "
        f"{printable(sample.source)} … {printable(last.source)}"
    )


def settings_line(settings: Settings) -> str:
    """Which layer: framework, ε, momentum and batch size."""
    framework = settings.framework
    layout = "" if framework.channels_axis == -1 else f"; its own layout is {framework.layout}"
    epsilon = "no default ε" if settings.epsilon is None else f"ε {settings.epsilon:g}"
    return (
        f"batch norm as in {framework.title} ({epsilon}, {_momentum(settings)}{layout}), batch of {settings.batch_size}"
    )


def _momentum(settings: Settings) -> str:
    if settings.cumulative:
        return "momentum none: cumulative mean"
    return "no default momentum" if settings.momentum is None else f"momentum {settings.momentum:g}"


def tensor_line(batches: list[Batch]) -> str:
    """The tensor of some batches of one shape, in words."""
    batch = batches[0]
    shape = f"({', '.join(str(size) for size in batch.input_shape)})"
    axes = ",".join(str(axis) for axis in batch.reduction_axes)
    several = f"{plural(len(batches), 'batch', 'batches')}, each " if len(batches) > 1 else ""
    return (
        f"{several}input {shape}: keeps axis {batch.axis} ({plural(len(batch.channels), 'channel')}), "
        f"reduces axes {axes} → {plural(batch.channels[0].count, 'value')} a channel"
    )


def tensor_lines(report: Report) -> list[str]:
    """A line for each shape that batches have."""
    shapes: dict[tuple[int, ...], list[Batch]] = {}
    for batch in report.batches:
        shapes.setdefault(batch.input_shape, []).append(batch)
    lines = [tensor_line(batches) for batches in shapes.values()]
    return lines if len(lines) <= 4 else [*lines[:3], f"… and {len(lines) - 3} more shapes"]


def grouped(findings: tuple[Finding, ...], severities: tuple[str, ...]) -> list[list[Finding]]:
    """Findings of one rule together, the gravest rules first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule, []).append(finding)
    return sorted(groups.values(), key=lambda group: severities.index(group[0].severity))


def places(findings: list[Finding], several_batches: bool, most: int = 12) -> str:
    """Where else a rule found the same: channels, with their batch where there are several."""
    named = [_place(finding, several_batches) for finding in findings]
    more = f", … ({len(named) - most} more)" if len(named) > most else ""
    return ", ".join(named[:most]) + more


def _place(finding: Finding, several_batches: bool) -> str:
    parts = []
    if finding.channel is not None:
        parts.append(f"channel {finding.channel}")
    if several_batches or finding.channel is None:
        parts.append(f"batch {finding.batch}")
    return " of ".join(parts)
