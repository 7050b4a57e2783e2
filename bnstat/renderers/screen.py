"""A terminal's screen as text: what all tables are printed on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bnstat.text import NO_BREAK_SPACE, sentence

# Rows of a table that are shown unless all are asked for.
MOST_ROWS = 20

SEVERITY_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}

# Spaces that stay in their line: between a number and its unit, a sign and its number, an option and its value.
_NO_UNIT = "a|an|and|as|at|between|by|for|from|has|have|in|instead|is|of|on|or|per|than|that|the|to|where|which|with"
_TOGETHER = re.compile(
    rf"(?<=\d) (?=[%×]|(?!(?:{_NO_UNIT})\b)[^\W\d_])"
    r"|(?<=[ερ≤≥<>=×±+−]) (?=[\dε≤≥=])| (?=\+ ε)|epsilon (?=ε)"
    r"|\b(?:axis|batch|channels?|level|sample|size) (?=\d)|--[a-z][a-z-]* (?=\w)"
)
# A short command between backticks, which stays in its line so that it can be copied.
_COMMAND = re.compile(r"`[^`\n]{1,30}`")
# Stands for such a space while lines are broken, since rich breaks them at no-break spaces too. It is of private use.
_GLUE = "\ue000"


class Screen:
    """A terminal of some width, which lines are printed to.

    Names in lines are never read as markup or emoji, and a number is never parted from its unit.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def width(self) -> int:
        """The number of columns."""
        return self._console.width

    def say(self, line: str | Text, style: str = "", indent: int = 0) -> None:
        """Print a text, broken into lines at spaces where it is longer than the screen is wide."""
        for part in self._broken(Text(line) if isinstance(line, str) else line, self.width - indent):
            self._console.print(Text(" " * indent).append_text(part), style=style)

    def definition(self, name: str, meaning: str, column: int) -> None:
        """Print a name, and from a column on what it means, broken into lines there."""
        for place, part in enumerate(self._broken(Text(meaning), self.width - column)):
            self._console.print(Text(("" if place else name).ljust(column)).append_text(part))

    def _broken(self, whole: Text, width: int) -> Iterator[Text]:
        """Yield the lines of a text, none longer than the width unless a single word is."""
        glued = _TOGETHER.sub(lambda found: found[0][:-1] + _GLUE, whole.plain).replace(NO_BREAK_SPACE, _GLUE)
        whole.plain = _COMMAND.sub(lambda found: found[0].replace(" ", _GLUE), glued)
        for part in whole.wrap(self._console, width):
            part.plain = part.plain.replace(_GLUE, " ")
            yield part

    def remark(self, line: str) -> None:
        """Print a line that explains others, such as what a column means."""
        self.say(line, style="dim")

    def row(self, line: str, style: str = "") -> None:
        """Print a line of a table, cut at the screen's edge."""
        self._console.print(Text(line, no_wrap=True, overflow="ellipsis"), style=style)

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def table(self, table: Table) -> None:
        """Print a table."""
        self._console.print(table)

    def finding(self, severity: str, rule: str, message: str, *, beside: str = "", indent: int = 0) -> None:
        """Print a finding: severity, rule and what is beside them in one line, and below it the message."""
        title = Text.assemble((severity, SEVERITY_STYLES[severity]), " ", (rule, "bold"))
        self.say(title.append(f"   {beside}" if beside else ""), indent=indent)
        self.say(sentence(message), indent=indent + 2)


def fitting(
    headers: Sequence[str], rows: Iterable[Sequence[str]], ranks: Sequence[int], width: int
) -> tuple[list[int], int]:
    """Return the columns of a table that fit, by their places, and the gap between them.

    Args:
        headers: the titles, which may have several lines.
        rows: the cells, one for each title.
        ranks: for each column its rank: those of the highest rank are hidden first, and those of rank 0 never.
        width: columns of the terminal.
    """
    cells = zip(*rows, strict=True)
    needed = [max(map(len, (*header.split("\n"), *column))) for header, column in zip(headers, cells, strict=True)]
    for most in range(max(ranks), -1, -1):
        shown = [place for place, rank in enumerate(ranks) if rank <= most]
        for gap in (2, 1):
            if sum(needed[place] for place in shown) + gap * (len(shown) - 1) <= width:
                return shown, gap
    return shown, gap


def hidden_columns(headers: Sequence[str]) -> str:
    """Return the line on columns that the screen has no room for; empty where there is none."""
    return f"hidden: {', '.join(headers)}; widen the terminal (or use --format json)" if headers else ""


def empty_table(columns: Iterable[tuple[str, Literal["left", "right"]]], *, gap: int = 2) -> Table:
    """Return a table without rows and lines, of these headers and sides."""
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header, side in columns:
        table.add_column(header, justify=side, no_wrap=True, vertical="bottom")
    return table


def printed(show: Callable[[Screen], None], *, width: int, color: bool) -> str:
    """Return what a function prints to a terminal of so many columns, without spaces at the ends of lines."""
    file = StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    show(Screen(console))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
