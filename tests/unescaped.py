r"""Texts read back from what the outputs make of them, as those who read these outputs do."""

from __future__ import annotations

import re

# A backslash before punctuation, and the empty comment that keeps a name from being a mention or a number of an issue.
_MARKDOWN = re.compile(r"\\([!-/:-@\[-`{-~])|<!-- -->")


def of_csv(cell: str) -> str:
    """Return the text of a cell, as docs/reference/csv.md says."""
    escape = r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))"
    if not re.search(escape, cell):
        return cell
    return re.sub(rf"\\\\|{escape}", lambda found: chr(int("".join(filter(None, found.groups())) or "5c", 16)), cell)


def of_markdown(line: str) -> str:
    """Return a line of Markdown as a reader sees it."""
    return _MARKDOWN.sub(lambda found: found[1] or "", line)
