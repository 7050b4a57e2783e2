"""Markdown: tables, and text that a reader sees as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnstat.text import sentence, with_units


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 0) -> list[str]:
    """Return the lines of a table whose first columns stand to the left, and all others to the right."""
    rule = ["---" if place < left else "---:" for place in range(len(headers))]
    return [f"| {' | '.join(cell.strip() for cell in row)} |" for row in (headers, rule, *rows)]


def opening(sentences: Iterable[str]) -> list[str]:
    """Return the lines of the sentences that a text opens with, and an empty line below them."""
    lines = [f"**{escaped(sentence)}**  " for sentence in sentences]
    return [*lines, ""] if lines else []


def finding(title: str, message: str) -> str:
    """Return a finding as an item of a list."""
    return f"- **{escaped(title)}**: {escaped(message)}"


def escaped(line: str) -> str:
    """Return a line in which Markdown finds no markup and no link."""
    shown = "".join(f"\\{c}" if c in "\\`*_|<>" else c for c in sentence(with_units(line)))
    return shown.replace("](", "]\\(")
