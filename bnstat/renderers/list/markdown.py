"""What would be read, as Markdown."""

from __future__ import annotations

from bnstat.renderers.markdown import escaped, table
from bnstat.reports.listing import Listing


def render(listing: Listing) -> str:
    """Return the listing as a table of Markdown."""
    names = listing.column_names
    rows = [tuple(escaped(str(row[name] or "–")) for name in names) for row in listing.to_rows()]
    return "\n".join([f"**{listing.summary}**", "", *table(names, rows, left=len(names))]) + "\n"
