"""A page of what a command shows on a terminal, with its colors: for a report that is read in a browser."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

from bnstat.escapes import referenced

# The columns of a page: enough for all columns of every table.
COLUMNS = 160

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<title>bnstat</title>
</head>
<body style="color: {foreground}; background-color: {background}">
<pre style="font-family: Menlo, Consolas, 'DejaVu Sans Mono', monospace; line-height: 1.3">{code}</pre>
</body>
</html>
"""


def page(shown: str) -> str:
    """Return the page of a text with the ANSI colors of a terminal."""
    console = Console(record=True, file=StringIO(), width=COLUMNS, highlight=False, markup=False, emoji=False)
    console.print(Text.from_ansi(shown), soft_wrap=True)
    return referenced(console.export_html(theme=DEFAULT_TERMINAL_THEME, code_format=_PAGE, inline_styles=True))
