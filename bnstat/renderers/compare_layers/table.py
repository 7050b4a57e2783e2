"""Layers beside each other for a person at a terminal: a table, what was found, and what differs in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bnstat.renderers.compare_layers import rows
from bnstat.renderers.inspect.columns import Column
from bnstat.renderers.screen import printed
from bnstat.report.compare_layers import ComparedLayer, LayerComparison, OutputPlace
from bnstat.text import plural

# Rows that are shown unless all are asked for.
MOST_ROWS = 20
# Digits of numbers, the most first, as far as the width allows.
_DIGITS = (6, 5, 4)
_GAP = 2


def render(comparison: LayerComparison, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """The comparison as text.

    Args:
        comparison: what to say.
        width: columns of the terminal.
        color: whether to use ANSI colours.
        every_row: show every batch, and every channel or group.
    """
    if not comparison.order:
        return ""
    return printed(lambda console: _print(comparison, console, every_row), width=width, color=color)


def _print(comparison: LayerComparison, console: Console, every_row: bool) -> None:
    first, *others = rows.title(comparison)
    console.print(Text(first, style="bold"))
    for line in others:
        console.print(Text(line))
    console.print()
    show = _print_normalizers if comparison.by == "normalizers" else _print_blocks
    show(comparison, console, every_row)
    if comparison.reference.report.synchronized:
        console.print(Text("of the batch of each rank; --format json and csv have those of all ranks too", style="dim"))
    found = list(rows.findings(comparison))
    if found:
        console.print()
    for line, message in found:
        console.print(Text(line, style="bold"))
        console.print(Padding(Text(message), (0, 0, 0, 2)))
    if comparison.differences:
        console.print()
    for sentence in comparison.differences:
        console.print(Text(sentence))


def _print_blocks(comparison: LayerComparison, console: Console, every_row: bool) -> None:
    """For each channel or group a row for each layer; those with the same numbers share one."""
    sets = rows.alike(comparison)
    places = rows.places(comparison, every=every_row)
    shown = places if every_row else places[: max(2, MOST_ROWS // len(sets))]
    columns, lines = _fitting(comparison, sets, shown, console.width)
    for line, style in lines:
        console.print(Text(line, style=style, no_wrap=True, overflow="ellipsis"))
    hidden = len(places) - len(shown)
    if hidden:
        what = "channel" if not comparison.reference.report.batches[0].groups else "group"
        console.print(Text(f"{plural(hidden, f'more {what}')} that differ less (--all shows all)", style="dim"))
    missing = [rows.header(column) for column in rows.differing(comparison) if column not in columns]
    if missing:
        line = f"left out for width: {', '.join(missing)} (COLUMNS=120 or --format json shows all)"
        console.print(Text(line, style="dim"))
    legend = rows.legend(sets)
    if legend:
        console.print()
    for line in legend:
        console.print(Text(line, style="dim"))


def _fitting(
    comparison: LayerComparison, sets: Sequence[Sequence[ComparedLayer]], places: Sequence[OutputPlace], width: int
) -> tuple[list[Column], list[tuple[str, str]]]:
    """The columns and lines that the width has room for: fewer digits first, then fewer columns."""
    columns = rows.differing(comparison)
    for rank in sorted({column.rank for column in columns}, reverse=True):
        kept = [column for column in columns if column.rank <= rank]
        for digits in _DIGITS:
            lines = _blocks(comparison, sets, kept, places, digits)
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
    places: Sequence[OutputPlace],
    digits: int,
) -> list[tuple[str, str]]:
    """The header and, for each place, a heading and its rows, in columns that are aligned through all of them."""
    blocks = [rows.block(comparison, sets, columns, place, digits) for place in places]
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


def _print_normalizers(comparison: LayerComparison, console: Console, every_row: bool) -> None:
    """A column for each normalizer: what it reduces, and then the output that it makes of each channel."""
    places = rows.places(comparison, every=every_row)
    shown = places if every_row else places[:MOST_ROWS]
    summary = rows.summary(comparison, _DIGITS[0])
    cells = [*summary, *(rows.outputs(comparison, place) for place in shown)]
    for lines in _side_by_side(["", *(entry.name for entry in comparison.entries)], cells, console.width):
        for place, line in enumerate(lines):
            if place == len(summary) + 1:
                console.print(Text(rows.OUTPUTS))
            console.print(Text(line, style="" if place else "bold", no_wrap=True, overflow="ellipsis"))
    if len(places) > len(shown):
        hidden = plural(len(places) - len(shown), "more channel")
        console.print(Text(f"{hidden} that differ less (--all shows all)", style="dim"))


def _side_by_side(headers: list[str], cells: Sequence[list[str]], width: int) -> Iterator[list[str]]:
    """Lines with as many columns as the width has room for, and the others below; the first is a label in each."""
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
    """Lines of cells in columns, the first to the left; headers of several lines stand at their lower end."""
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
