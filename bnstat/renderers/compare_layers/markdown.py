"""Layers beside each other as Markdown: every channel or group in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.renderers import text
from bnstat.renderers.compare_layers import rows
from bnstat.report.compare_layers import LayerComparison

# Digits of numbers: more than in a terminal, since nothing limits the width.
_DIGITS = 7


def render(comparison: LayerComparison) -> str:
    """The comparison as Markdown."""
    if not comparison.order:
        return ""
    first, *others = (_escaped(line) for line in rows.title(comparison))
    table = _normalizers if comparison.by == "normalizers" else _blocks
    lines = [f"**{first}**", "", *(f"{line}  " for line in others), "", *table(comparison)]
    found = list(rows.findings(comparison))
    lines += ["", *(f"- **{_escaped(line)}**: {_escaped(message)}" for line, message in found)] if found else []
    for sentence in comparison.differences:
        lines += ["", _escaped(sentence)]
    return "\n".join(lines) + "\n"


def _blocks(comparison: LayerComparison) -> Iterator[str]:
    """A row for each channel or group and each layer; those with the same numbers share one."""
    sets, columns = rows.alike(comparison), rows.differing(comparison)
    named = ["ε"] if comparison.by == "epsilons" else ["framework", "ε"]
    headers = ["where", "mean", "variance", *named, *map(rows.header, columns)]
    cells = []
    for place in rows.places(comparison, every=False):
        block = rows.block(comparison, sets, columns, place, _DIGITS)
        for entries, row in zip(sets, block.rows, strict=True):
            names = ", ".join(entry.name for entry in entries)
            cells.append([_escaped(block.label), block.mean, block.variance, names, *row])
    yield from _table(headers, cells)


def _normalizers(comparison: LayerComparison) -> Iterator[str]:
    """A column for each normalizer."""
    headers = ["", *(entry.name for entry in comparison.entries)]
    yield from _table(headers, rows.summary(comparison, _DIGITS))
    outputs = [rows.outputs(comparison, place) for place in rows.places(comparison, every=False)]
    outputs = [[_escaped(label), *cells] for label, *cells in outputs]
    yield from ("", f"{rows.OUTPUTS[0].upper()}{rows.OUTPUTS[1:]}:", "")
    yield from _table(headers, outputs)


def _table(headers: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    listed = [headers, ["---", *["---:"] * (len(headers) - 1)], *cells]
    yield from (f"| {' | '.join(cell.strip() for cell in row)} |" for row in listed)


def _escaped(line: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{c}" if c in "\\`*_|<>" else c for c in text.printable(line))
