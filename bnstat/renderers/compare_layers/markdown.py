"""Layers beside each other as Markdown: every channel or group in it."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.renderers.compare_layers import rows
from bnstat.renderers.findings import title
from bnstat.renderers.inspect.columns import legend
from bnstat.renderers.markdown import escaped, finding, opening, table
from bnstat.reports.compare_layers import LayerComparison


def render(comparison: LayerComparison) -> str:
    """Return the comparison as Markdown."""
    if not comparison.order:
        return ""
    numbers = _normalizers if comparison.by == "normalizers" else _blocks
    lines = [
        *opening(comparison.opening),
        *(f"{escaped(line)}  " for line in rows.title(comparison)),
        "",
        *numbers(comparison),
    ]
    found = [finding(f"{title(one)} {layers}", one.message) for one, layers in rows.findings(comparison)]
    lines += ["", *found] if found else []
    for sentence in comparison.sentences:
        lines += ["", escaped(sentence)]
    for call in comparison.calls:
        lines += ["", f"{escaped(rows.call_line(call, comparison))} `{call.call}`"]
    return "\n".join(lines) + "\n"


def _blocks(comparison: LayerComparison) -> Iterator[str]:
    """Yield a row for each channel or group and each layer; layers with the same numbers share one."""
    sets, columns = rows.alike(comparison), rows.differing(comparison)
    of_values = [] if comparison.by == "intensities" else ["mean", "variance"]
    named = {"epsilons": ["ε"], "intensities": ["intensities"]}.get(comparison.by, ["framework", "ε"])
    headers = ["where", *of_values, *named, *(column.title for column in columns)]
    cells = []
    positions = rows.positions(comparison, every=False)
    for position in positions:
        block = rows.block(comparison, sets, columns, position)
        for entries, row in zip(sets, block.rows, strict=True):
            names = ", ".join(entry.name for entry in entries)
            values = [block.mean, block.variance] if of_values else []
            cells.append([escaped(block.label), *values, escaped(names), *row])
    ordered = rows.order_line(comparison, positions)
    order = [ordered, ""] if ordered else []
    yield from (*table(headers, cells, left=1), "", *order, *(f"{escaped(line)}  " for line in legend(columns)))


def _normalizers(comparison: LayerComparison) -> Iterator[str]:
    """Yield a column for each normalizer."""
    headers = ["", *(entry.name for entry in comparison.entries)]
    yield from (*table(headers, rows.summary(comparison), left=1), "", rows.NORMALIZERS_LEGEND)
    positions = rows.positions(comparison, every=False)
    outputs = [rows.outputs(comparison, position) for position in positions]
    yield from ("", rows.OUTPUTS, "")
    yield from table(headers, [[escaped(label), *cells] for label, *cells in outputs], left=1)
    if line := rows.order_line(comparison, positions):
        yield from ("", line)
