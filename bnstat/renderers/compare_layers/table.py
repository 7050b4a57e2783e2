"""Layers beside each other for a person at a terminal: a table, what was found, and what differs in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.renderers.compare_layers import rows
from bnstat.renderers.screen import MOST_ROWS, Screen, fitting, printed
from bnstat.reports.compare_layers import ComparedLayer, LayerComparison, OutputPlace
from bnstat.text import plural

# Spaces between columns where nothing says how many have room.
_GAP = 2


def render(
    comparison: LayerComparison, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the comparison as text.

    Args:
        comparison: the comparison to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every batch, and every channel or group.
        quiet: True to leave out which columns are hidden.
    """
    if not comparison.order:
        return ""
    return printed(lambda screen: _print(comparison, screen, every_row), width=width, color=color, quiet=quiet)


def _print(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    screen.opening(comparison.opening)
    for line in rows.title(comparison):
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
    if comparison.sentences:
        screen.blank()
    for sentence in comparison.sentences:
        screen.say(sentence)
    if comparison.calls:
        screen.blank()
    for call in comparison.calls:
        screen.say(rows.call_line(call, comparison))
        screen.row(f"  {call.call}")


def _print_blocks(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    """Print for each channel or group a row for each layer; layers with the same numbers share one."""
    sets = rows.alike(comparison)
    positions = rows.positions(comparison, every=every_row)
    shown = rows.positions(comparison, every=every_row, most=max(2, MOST_ROWS // len(sets)))
    hidden = _print_aligned(comparison, sets, shown, screen)
    batches = comparison.reference.report.batches
    if line := rows.order_line(comparison, shown):
        screen.remark(line)
    if len(positions) < len(comparison.order):
        screen.remark("Each channel is shown in the batch where outputs differ most (--all shows every batch).")
    if len(positions) > len(shown):
        more = plural(len(positions) - len(shown), "more group" if batches[0].groups else "more channel")
        screen.remark(f"{more} with smaller differences (--all shows all)")
    screen.blank()
    seen = [column for column in rows.differing(comparison) if column.title not in hidden]
    screen.hidden(hidden)
    for line in rows.notes(comparison, sets, seen, screen.width):
        screen.remark(line)


def _print_aligned(
    comparison: LayerComparison,
    sets: Sequence[Sequence[ComparedLayer]],
    positions: Sequence[OutputPlace],
    screen: Screen,
) -> list[str]:
    """Print the header and, for each position, a heading and its rows, aligned through all; return hidden columns."""
    columns = rows.differing(comparison)
    blocks = [rows.block(comparison, sets, columns, position) for position in positions]
    names = [f"  {label}" for label in rows.labels(comparison, sets, screen.width)]
    named = {"epsilons": ["  ε"], "intensities": ["  intensities"]}.get(comparison.by, ["", "ε"])
    headers = [*named, *(column.header for column in columns)]
    ranks = [*(0 for _ in named), *(column.rank for column in columns)]
    cells = [[name, *row] for block in blocks for name, row in zip(names, block.rows, strict=True)]
    kept, gap = fitting(headers, cells, ranks, screen.width)
    lines = iter(_aligned([headers[place] for place in kept], [[row[place] for place in kept] for row in cells], gap))
    for _ in range(max(headers[place].count("\n") for place in kept) + 1):
        screen.row(next(lines), "bold")
    for block in blocks:
        screen.say(block.heading)
        for _ in block.rows:
            screen.row(next(lines))
    return [header.replace("\n", " ") for place, header in enumerate(headers) if place not in kept]


def _print_normalizers(comparison: LayerComparison, screen: Screen, every_row: bool) -> None:
    """Print a column for each normalizer: what it reduces, and then the output that it makes of each channel."""
    positions = rows.positions(comparison, every=every_row)
    shown = rows.positions(comparison, every=every_row, most=MOST_ROWS)
    summary = rows.summary(comparison)
    cells = [*summary, *(rows.outputs(comparison, position) for position in shown)]
    for lines in _side_by_side(["", *(entry.name for entry in comparison.entries)], cells, screen.width):
        for place, line in enumerate(lines):
            if place == len(summary) + 1:
                screen.say(rows.OUTPUTS)
            screen.row(line, "" if place else "bold")
    if line := rows.order_line(comparison, shown):
        screen.remark(line)
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


def _aligned(headers: Sequence[str], cells: Sequence[Sequence[str]], gap: int = _GAP) -> list[str]:
    """Return lines of cells in columns, the first to the left; headers of several lines stand at their lower end."""
    split = [name.split("\n") for name in headers]
    height = max(map(len, split))
    lines = [*zip(*([""] * (height - len(one)) + one for one in split), strict=True), *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        (" " * gap)
        .join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        .rstrip()
        for line in lines
    ]
