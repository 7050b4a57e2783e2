"""What would be read, a line for each file: for people, and for programs that cut lines into columns."""

from __future__ import annotations

from bnstat.reports.listing import Listing
from bnstat.text import printable

_GAP = "  "


def render(
    listing: Listing, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the listing as lines of columns, of which none is ever cut or hidden."""
    del width, color, every_row, quiet
    if not listing.cases:
        return ""
    names = [name for name in listing.column_names if name != "labels" or any(case.labels for case in listing.cases)]
    cells = [[printable(str(row[name] or "–")) for name in names] for row in listing.to_rows()]
    widths = [max(len(row[place]) for row in (names, *cells)) for place in range(len(names))]
    lines = [_GAP.join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)) for row in (names, *cells)]
    return "".join(f"{line.rstrip()}\n" for line in lines)
