"""The table that a notebook shows of a report: HTML that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bnstat.escapes import referenced
from bnstat.text import number, sentence, with_units

# Rows that are shown at most: a notebook is scrolled, and `to_pandas()` has them all.
MOST_ROWS = 20


def table_of(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    *,
    opening: Sequence[str] = (),
    sentences: Sequence[str] = (),
) -> str:
    """Return a table under its title and the opening; every text is escaped, since names of files are anybody's.

    Args:
        title: what the table is of.
        columns: the names of the columns, in order.
        rows: the values of each row by column; those after the first twenty are counted.
        opening: what is said above the table, a paragraph each.
        sentences: what is said below it.
    """
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    body = "".join(_row(columns, row) for row in rows[:MOST_ROWS])
    left = len(rows) - MOST_ROWS
    more = [f"… and {left:,} more {'row' if left == 1 else 'rows'}; to_pandas() has all of them"] if left > 0 else []
    above, below = _paragraphs(opening), _paragraphs([*more, *sentences])
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return referenced(f"<div><p><strong>{_text(title)}</strong></p>{above}{table}{below}</div>")


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{_text(with_units(text))}</p>" for text in texts)


def _row(columns: Sequence[str], row: Mapping[str, object]) -> str:
    return f"<tr>{''.join(_cell(row.get(name)) for name in columns)}</tr>"


def _cell(value: object) -> str:
    align = "left" if isinstance(value, str) else "right"
    return f'<td style="text-align: {align}">{_text(_shown(value))}</td>'


def _text(text: str) -> str:
    """Return a text for HTML: no part of it is markup, and what is not seen is an escape."""
    return escape(sentence(text))


def _shown(value: object) -> str:
    """Return a value as people read it everywhere, and a dash for what is undefined."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)
