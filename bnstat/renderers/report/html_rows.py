"""Rows of tables, links and marks as HTML, made without templates, which take several times as long for each cell."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from math import isnan

from bnstat.renderers.report.blocks import MARKED, Cell, Row, Table
from bnstat.renderers.report.drawing.shapes import written

# What stands before a text of each tone, and the word for it.
MARKS = {"error": "■", "warning": "▲", "note": "●", "good": "✓"}
WORDS = {"error": "Error", "warning": "Warning", "note": "Note", "good": "In order"}
# Where a long name may be broken: between a slash, a hyphen or an underscore and a letter or digit.
_PARTS = re.compile(r"(?<=\w[/_-])(?=\w)")
# Letters of the longest text of a cell, and of the first cell of a row, that is kept on one line.
_SHORT, _SHORT_NAME = 24, 22


@dataclass(frozen=True)
class Places:
    """The places of a page.

    Attributes:
        prefix: What their identifiers begin with.
        known: The identifiers, without the prefix.
    """

    prefix: str
    known: Set[str]

    def link(self, anchor: str, text: str) -> str:
        """Return a link; its text alone if the page has no such place."""
        words = _broken(text)
        return f'<a href="#{written(self.prefix + anchor)}">{words}</a>' if anchor in self.known else words

    def rows(self, table: Table) -> str:
        """Return the rows of a table, each on a line of its own."""
        numeric = [column.numeric for column in table.columns]
        return "\n".join(self._row(row, numeric) for row in table.rows)

    def _row(self, row: Row, numeric: list[bool]) -> str:
        tones = {cell.tone for cell in row.cells}
        worst = next((tone for tone in MARKED if tone in tones), "")
        anchor = f' id="{written(self.prefix + row.anchor)}"' if row.anchor else ""
        tone = f' data-tone="{worst}"' if worst else ""
        cells = [self._cell(cell, numeric=numeric[at], first=at == 0) for at, cell in enumerate(row.cells)]
        return f"<tr{anchor}{tone}>{''.join(cells)}</tr>"

    def _cell(self, cell: Cell, *, numeric: bool, first: bool) -> str:
        long = bool(cell.links) or len(cell.text) > (_SHORT_NAME if first else _SHORT)
        kinds = ("number" if numeric else "long" if long else "", "" if cell.tone == "plain" else cell.tone)
        of_kinds = f' class="{" ".join(filter(None, kinds))}"' if any(kinds) else ""
        value = "" if cell.value is None else f' data-value="{_sorted_by(cell.value)}"'
        if cell.anchor:
            words = self.link(cell.anchor, cell.text)
        else:
            words = _broken(cell.text) if long and not numeric else written(cell.text)
        links = "".join(f" {self.link(one.anchor, one.text)}" for one in cell.links)
        tag, scope = ("th", ' scope="row"') if first else ("td", "")
        return f"<{tag}{scope}{of_kinds}{value}>{mark(cell.tone)}{words}{links}</{tag}>"


def mark(tone: str) -> str:
    """Return what stands before a text of a tone, with its word for who does not see it; nothing for plain text."""
    if tone not in MARKS:
        return ""
    sign = f'<span class="mark" aria-hidden="true">{MARKS[tone]}</span>'
    return f'{sign}<span class="unseen">{WORDS[tone]}: </span>'


def _broken(name: str) -> str:
    """Return a text in which names of files may be broken after their parts, and not in the middle of one."""
    return _PARTS.sub("<wbr>", written(name))


def _sorted_by(value: float) -> str:
    """Return the number by which a row is sorted, as a script reads it; NaN is sorted as undefined."""
    return "" if isnan(value) else repr(value)
