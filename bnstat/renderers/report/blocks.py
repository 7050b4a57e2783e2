"""What a page is made of: sections of paragraphs, tables, plots and pictures, whatever format writes them.

Texts are plain: no markup, names of files as they are. Each format escapes them in its own way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bnstat.renderers.report.plots import Plot
from bnstat.reports.finding import SEVERITIES

# The tone of a block or a cell: how severe it is, or "good" for what is in order.
Tone = Literal["error", "warning", "note", "good", "plain"]
# The tones of cells that mark a row as one with findings, the worst first.
MARKED: tuple[Tone, ...] = SEVERITIES


@dataclass(frozen=True)
class Link:
    """A link to another place of the page.

    Attributes:
        text: Its text.
        anchor: The `id` of the place.
    """

    text: str
    anchor: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph.

    Attributes:
        text: Its text.
        tone: Its tone; "plain" for running text.
        lead: True for the sentence that answers the question of the section, in larger letters.
        links: What the paragraph links to, after its text.
    """

    text: str
    tone: Tone = "plain"
    lead: bool = False
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Heading:
    """A heading inside of a section, one level below that of the section."""

    text: str


@dataclass(frozen=True)
class Code:
    """Something to type, on a line of its own."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    texts: tuple[str, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        numeric: True if it has numbers, which are set to the right.
        hint: What the heading means, in a sentence; it is shown with the table, not only on hover.
    """

    title: str
    numeric: bool = False
    hint: str | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What is shown.
        value: The number that the text shows, by which rows are sorted; None for text, or an undefined number.
        path: Where the JSON document of the report has this number, as ("check", "findings", 0, "value"); None if it
            is no number of a document.
        anchor: The `id` of the place that the cell links to; None without a link.
        tone: Its tone.
        links: What the cell links to, after its text: for a cell with several links.
    """

    text: str
    value: float | None = None
    path: tuple[str | int, ...] | None = None
    anchor: str | None = None
    tone: Tone = "plain"
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        cells: A cell for each column.
        anchor: The `id` of the row, which other places link to; None without one.
    """

    cells: tuple[Cell, ...]
    anchor: str | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        anchor: Its `id`.
        caption: What it has, in a sentence.
        columns: Its columns.
        rows: Its rows; all of them, however many there are.
        interactive: True if a reader may sort and filter it.
    """

    anchor: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    interactive: bool = False


@dataclass(frozen=True)
class FindingCard:
    """One kind of finding: what was found, what it means, what to do, and where.

    Attributes:
        anchor: Its `id`.
        severity: Its severity.
        code: The code of the rule, as BN101.
        title: The name of the rule in words.
        message: The message of the finding; of the first one if there are several.
        meaning: What such a finding means for a training, for a reader who does not know batch norm.
        places: The volumes and plots that it is about.
        more: How many further findings of this rule there are, and on what; None if there are none.
    """

    anchor: str
    severity: Literal["error", "warning", "note"]
    code: str
    title: str
    message: str
    meaning: str
    places: tuple[Link, ...] = ()
    more: str | None = None


@dataclass(frozen=True)
class Picture:
    """A picture in grey.

    Attributes:
        png: The picture as a PNG file.
        width: Its pixels across.
        height: Its pixels down.
        description: What it shows, for a reader who does not see it.
    """

    png: bytes
    width: int
    height: int
    description: str


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, with one caption.

    Attributes:
        anchor: Their `id`.
        caption: What they show, in a sentence.
        pictures: The pictures.
    """

    anchor: str
    caption: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away until a reader opens them; on paper they are open.

    Attributes:
        summary: The line that is always seen.
        blocks: The blocks.
    """

    summary: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Code | Items | Table | FindingCard | Plot | Pictures | Details


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        anchor: Its `id`, as "batch-size".
        title: Its heading.
        blocks: Its blocks, the answer first.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]


def plots_of(blocks: Sequence[Block]) -> list[Plot]:
    """Return the plots among blocks, also those that are folded away."""
    found: list[Plot] = []
    for block in blocks:
        if isinstance(block, Plot):
            found.append(block)
        elif isinstance(block, Details):
            found += plots_of(block.blocks)
    return found
