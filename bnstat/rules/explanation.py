"""The documentation of a rule: the parts of its module's docstring."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from bnstat.errors import UsageError
from bnstat.reports.explain import Explanation
from bnstat.rules.rule import Rule

# The heading of each part, in order, and its field in `Explanation`.
PARTS = {
    "What it does:": "what",
    "Why it matters:": "why",
    "Example:": "example",
    "What to do:": "advice",
    "Threshold:": "threshold",
    "Sources:": "sources",
}


def explained(rule: Rule[Any]) -> Explanation:
    """Return what a rule means.

    Raises:
        UsageError: if this Python leaves out docstrings.
    """
    text = inspect.getdoc(sys.modules[rule.check.__module__])
    if not text:
        raise UsageError("python -OO leaves out the texts that explain rules; run without -OO, or unset PYTHONOPTIMIZE")
    summary, *paragraphs = text.split("\n\n")
    parts: dict[str, list[str]] = {}
    for paragraph in paragraphs:
        start = next((start for start in PARTS if paragraph.startswith(start)), None)
        if start is not None:
            parts[start] = [paragraph.removeprefix(start)]
        else:
            parts[[*parts][-1]].append(paragraph)
    if list(parts) != list(PARTS):
        raise ValueError(f"{rule.name}: its docstring needs the parts {', '.join(PARTS)} in this order")
    fields = {
        field: _verbatim(parts[start]) if field == "example" else _flowing(parts[start])
        for start, field in PARTS.items()
    }
    return Explanation(rule.code, rule.name, rule.severity, summary, **fields)


def _flowing(paragraphs: list[str]) -> str:
    """Join each paragraph to one line, and begin the first with a capital letter."""
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return text[0].upper() + text[1:] if text[0].isascii() else text


def _verbatim(paragraphs: list[str]) -> str:
    """Return the lines as they are, without their common indent."""
    return inspect.cleandoc("\n" + "\n\n".join(paragraphs).strip("\n"))
