"""A terminal's screen as text: what all tables are printed on."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

from rich.console import Console


def printed(show: Callable[[Console], None], *, width: int, color: bool) -> str:
    """What a function prints to a terminal of so many columns, without spaces at the ends of lines.

    Names that are printed are never read as markup or emoji, and nothing is highlighted.
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
    show(console)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"
