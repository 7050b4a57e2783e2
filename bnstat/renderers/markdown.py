"""Markdown: tables, and text that a reader sees as it was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bnstat.text import sentence, with_units

# What is markup wherever it stands.
_MARKUP = re.compile(r"[\\`*_|<>~&]")
# What begins a heading, a list, a fence, a rule, the definition of a link, or a command of a log; but for digits, the
# first character of it.
_START = re.compile(r"(?=#{1,6}(?:\s|$)|[-+=](?:\s|$)|[-=~]{2,}|\[|::)|\d{1,9}(?=[.)](?:\s|$))")
# What GitHub and GitLab make a link of without any markup: an address, the name of a person, who would be told, and the
# number of an issue.
_ADDRESS = re.compile(r"(?<=:)//|(?<=\bwww)\.", re.IGNORECASE)
_MENTION = re.compile(r"@(?=\w)|[#!](?=\d)")


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
    """Return a line in which Markdown finds no markup, no picture and no link, also where it begins one of the text."""
    shown = _MARKUP.sub(r"\\\g<0>", sentence(with_units(line)))
    shown = _ADDRESS.sub(r"\\\g<0>", shown.replace("](", "]\\("))
    shown = _MENTION.sub(r"\g<0><!-- -->", shown)
    begun = _START.match(shown)
    return shown if begun is None else f"{begun[0]}\\{shown[begun.end() :]}"
