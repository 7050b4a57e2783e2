"""Layers beside each other for a person at a terminal: a table, what was found, and what differs in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.renderers.compare_layers import rows
from bnstat.renderers.inspect.columns import Column
from bnstat.renderers.screen import MOST_ROWS, Screen, hidden_columns, printed
from bnstat.report.compare_layers import ComparedLayer, LayerComparison, OutputPlace
from bnstat.text import plural

# Digits of numbers, the most first, as far as the width allows.
_DIGITS = (6, 5, 4)
_GAP = 2


def render(comparison: LayerComparison, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """Return the comparison as text.

    Args:
        comparison: the comparison to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every batch, and every channel or group.
    """
    if not comparison.order:
        return ""
    return printed(lambda screen: _print(comparison, screen, every_row), width=width, color=color)


def _print(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    first, *others = rows.title(comparison)
    screen.say(first, style="bold")
    for line in others:
        screen.say(line)
    screen.blank()
    show = _print_normalizers if comparison.by == "normalizers" else _print_blocks
    show(comparison, screen, every_row)
    if comparison.reference.report.synchronized:
        screen.remark(
            "These are statistics of each rank's own batch; --format json also has those of all ranks together."
        )
    found = list(rows.findings(comparison))
    if found:
        screen.blank()
    for finding, layers in found:
        screen.finding(finding.severity, f"{finding.rule} {finding.name}", finding.message, beside=layers)
    if comparison.differences:
        screen.blank()
    for sentence in comparison.differences:
        screen.say(sentence)


def _print_blocks(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    """Print for each channel or group a row for each layer; layers with the same numbers share one."""
    sets = rows.alike(comparison)
    positions = rows.positions(comparison, every=every_row)
    shown = positions if every_row else positions[: max(2, MOST_ROWS // len(sets))]
    columns, lines = _fitting(comparison, sets, shown, screen.width)
    for line, style in lines:
        screen.row(line, style)
    batches = comparison.reference.report.batches
    if len(positions) < len(comparison.order):
        screen.remark("Each channel is shown in the batch where the layers differ most (--all shows every batch).")
    if len(positions) > len(shown):
        hidden = plural(len(positions) - len(shown), "more group" if batches[0].groups else "more channel")
        screen.remark(f"{hidden} with smaller differences (--all shows all)")
    missing = hidden_columns([one.title for one in rows.differing(comparison) if one not in columns])
    screen.blank()
    for line in (missing, *rows.notes(sets, columns)):
        if line:
            screen.remark(line)


def _fitting(
    comparison: LayerComparison, sets: Sequence[Sequence[ComparedLayer]], positions: Sequence[OutputPlace], width: int
) -> tuple[list[Column], list[tuple[str, str]]]:
    """Return the columns and lines that the width has room for: with fewer digits first, then with fewer columns."""
    columns = rows.differing(comparison)
    for rank in sorted({column.rank for column in columns}, reverse=True):
        kept = [column for column in columns if column.rank <= rank]
        for digits in _DIGITS:
            lines = _blocks(comparison, sets, kept, positions, digits)
            if max(len(line) for line, style in lines if style != "heading") <= width:
                break
        else:
            continue
        break
    return kept, [(line, "" if style == "heading" else style) for line, style in lines]


def _blocks(
    comparison: LayerComparison,
    sets: Sequence[Sequence[ComparedLayer]],
    columns: Sequence[Column],
    positions: Sequence[OutputPlace],
    digits: int,
) -> list[tuple[str, str]]:
    """Return the header and, for each position, a heading and its rows, in columns that are aligned through all."""
    blocks = [rows.block(comparison, sets, columns, position, digits) for position in positions]
    names = [f"  {label}" for label in rows.labels(sets)]
    epsilon = comparison.by == "epsilons"
    headers = ["  ε" if epsilon else "", *([] if epsilon else ["ε"]), *(column.header for column in columns)]
    cells = [[name, *row] for block in blocks for name, row in zip(names, block.rows, strict=True)]
    aligned = iter(_aligned(headers, cells))
    head = max(name.count("\n") for name in headers) + 1
    lines = [(next(aligned), "bold") for _ in range(head)]
    for block in blocks:
        lines.append((block.heading, "heading"))
        lines += [(next(aligned), "") for _ in block.rows]
    return lines


def _print_normalizers(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    """Print a column for each normalizer: what it reduces, and then the output that it makes of each channel."""
    positions = rows.positions(comparison, every=every_row)
    shown = positions if every_row else positions[:MOST_ROWS]
    summary = rows.summary(comparison, _DIGITS[0])
    cells = [*summary, *(rows.outputs(comparison, position) for position in shown)]
    for lines in _side_by_side(["", *(entry.name for entry in comparison.entries)], cells, screen.width):
        for place, line in enumerate(lines):
            if place == len(summary) + 1:
                screen.say(rows.OUTPUTS)
            screen.row(line, "" if place else "bold")
    if len(positions) > len(shown):
        hidden = plural(len(positions) - len(shown), "more channel")
        screen.remark(f"{hidden} with smaller differences (--all shows all)")
    screen.blank()
    screen.remark(rows.NORMALIZERS_LEGEND)


def _side_by_side(headers: list[str], cells: Sequence[list[str]], width: int) -> Iterator[list[str]]:
    """Yield lines with as many columns as the width has room for, the others below; the first is a label in each."""
    start = 1
    while start < len(headers):
        end = len(headers)
        while True:
            lines = _aligned([headers[0], *headers[start:end]], [[one[0], *one[start:end]] for one in cells])
            if max(map(len, lines)) <= width or end == start + 1:
                break
            end -= 1
        yield lines
        start = end


def _aligned(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    """Return lines of cells in columns, the first to the left; headers of several lines stand at their lower end."""
    split = [name.split("\n") for name in headers]
    height = max(map(len, split))
    lines = [*zip(*([""] * (height - len(one)) + one for one in split), strict=True), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    gap = " " * _GAP
    return [
        gap.join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
