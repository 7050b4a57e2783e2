"""The inputs that could not be read, in the sections "Volumes" and "How this was made"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.renderers.report.blocks import Block, Details, Items, Paragraph
from bnstat.reports.finding import Failure
from bnstat.text import plural, printable, sentence

# Inputs that are seen at once; the others are folded away.
_MOST_SEEN = 10


def unread(errors: Sequence[Failure]) -> Iterator[Block]:
    """Yield the inputs that could not be read, with the reasons; nothing if there are none."""
    if not errors:
        return
    verb = "is" if len(errors) == 1 else "are"
    yield Paragraph(f"{plural(len(errors), 'input')} could not be read, and {verb} in no number here:", "error")
    texts = tuple(f"{printable(one.source)}: {sentence(one.message)}" for one in errors)
    yield Items(texts[:_MOST_SEEN])
    more = texts[_MOST_SEEN:]
    if more:
        yield Details(f"{plural(len(more), 'more input')} that could not be read", (Items(more),))
