"""A terminal's screen as text: what all tables are printed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from typing import Literal

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.style import StyleType
from rich.table import Table
from rich.text import Text

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.text import sentence, unbroken

# Rows of a table that are shown unless all are asked for.
MOST_ROWS = 20

SEVERITY_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}

# Stands for a no-break space while lines are broken, since rich breaks them there too. It is of private use.
_GLUE = "\ue000"
# Columns in which every table has room.
_ANY_WIDTH = 10_000


class Screen:
    """A terminal of some width, which lines are printed to.

    Names in lines are never read as markup or emoji, nothing in them steers the terminal, and a number is never parted
    from its unit.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet

    @property
    def width(self) -> int:
        """The number of columns."""
        return self._console.width

    def say(self, line: str | Text, style: str = "", indent: int = 0) -> None:
        """Print a text, broken into lines at spaces where it is longer than the screen is wide."""
        for part in self._broken(_safe(line), self.width - indent):
            self._console.print(Text(" " * indent).append_text(part), style=style)

    def definition(self, name: str, meaning: str, column: int) -> None:
        """Print a name, and from a column on what it means, broken into lines there."""
        for place, part in enumerate(self._broken(_safe(meaning), self.width - column)):
            self._console.print(Text(("" if place else sentence(name)).ljust(column)).append_text(part))

    def _broken(self, whole: Text, width: int) -> Iterator[Text]:
        """Yield the lines of a text, none longer than the width unless a single word is."""
        whole.plain = unbroken(whole.plain, width).replace(NO_BREAK_SPACE, _GLUE)
        for part in whole.wrap(self._console, width):
            part.plain = part.plain.replace(_GLUE, " ").rstrip()
            yield part

    def opening(self, sentences: Iterable[str]) -> None:
        """Print the sentences that a screen opens with, and an empty line below them."""
        told = list(sentences)
        for line in told:
            self.say(line, style="bold")
        if told:
            self.blank()

    def remark(self, line: str) -> None:
        """Print a line that explains others, such as what a column means."""
        self.say(line, style="dim")

    def hidden(self, headers: Sequence[str]) -> None:
        """Print which columns the screen has no room for, if there are any; a quiet screen does not."""
        if headers and not self._quiet:
            self.remark(f"hidden: {', '.join(headers)}; widen the terminal (or use --format json)")

    def row(self, line: str, style: str = "") -> None:
        """Print a line of a table as it is: a number is never cut, even where the screen is too narrow for it."""
        self._console.print(_safe(line), style=style, soft_wrap=True)

    def blank(self) -> None:
        """Print an empty line."""
        self._console.print()

    def table(self, table: Table) -> None:
        """Print a table; one that cannot be as narrow as the screen is wider, so that no number is cut."""
        needed = Measurement.get(self._console, self._console.options.update(width=_ANY_WIDTH), table)
        least = needed.maximum if all(column.no_wrap for column in table.columns) else needed.minimum
        if least > self.width:
            table.width = least
        self._console.print(table, crop=False)

    def finding(self, severity: str, rule: str, message: str, *, beside: str = "", indent: int = 0) -> None:
        """Print a finding: severity, rule and what is beside them in one line, and below it the message."""
        title = Text.assemble((severity, SEVERITY_STYLES[severity]), " ", (sentence(rule), "bold"))
        self.say(title.append(f"   {sentence(beside)}" if beside else ""), indent=indent)
        self.say(message, indent=indent + 2)


class _Rows(Table):
    """A table whose cells are text that nothing in it steers the terminal."""

    def add_row(self, *cells: RenderableType | None, style: StyleType | None = None, end_section: bool = False) -> None:
        """Add a row of texts."""
        shown = (_safe(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, style=style, end_section=end_section)


def _safe(line: str | Text) -> Text:
    """Return a line in which nothing steers a terminal; a text with styles is made of such parts already."""
    return Text(sentence(line)) if isinstance(line, str) else line


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


def empty_table(columns: Iterable[tuple[str, Literal["left", "right"]]], *, gap: int = 2) -> Table:
    """Return a table without rows and lines, of these headers and sides."""
    table = _Rows(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for header, side in columns:
        table.add_column(header, justify=side, no_wrap=True, vertical="bottom")
    return table


def printed(show: Callable[[Screen], None], *, width: int, color: bool, quiet: bool = False) -> str:
    """Return what a function prints to a terminal of so many columns, without spaces at the ends of lines.

    Args:
        show: the function.
        width: columns of the terminal.
        color: True to use ANSI colours.
        quiet: True to leave out which columns are hidden.
    """
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
    show(Screen(console, quiet=quiet))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
