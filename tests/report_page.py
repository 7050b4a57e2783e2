"""What is on the page of `bnstat report`: its numbers, each with its place in the document, and the page as a browser
takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import Any

from bnstat import text
from bnstat.renderers import numbers
from bnstat.renderers.report.blocks import (
    Block,
    Cell,
    Code,
    Details,
    FindingCard,
    Heading,
    Items,
    Paragraph,
    Pictures,
    Section,
    Table,
)
from bnstat.renderers.report.plots import Area, Dots, Line, Plot, Rule
from bnstat.reports.layers_words import in_sd, percent

# How people are shown a number: the rule of all tables, and those for shares, settings, counts and rounding.
WRITERS: tuple[Callable[[Any], str], ...] = (
    numbers.number,
    numbers.share,
    numbers.ratio,
    text.short,
    lambda value: text.number(value, 3),
    lambda value: text.short(value, 3),
    lambda value: f"{int(value):,}" if float(value).is_integer() else "",
)
# What a user gave is shown as it was given.
GIVEN = {"epsilon", "momentum", "batch_weight", "threshold", "noise", "shortfall", "gap"}
# What may stand after a number in a cell.
_UNIT = re.compile(r"[ \u00a0](SD|%|s|steps?|samples?|volumes?|patch(es)?|values?|%)$")
# What the page calls the population.
_ALL_OF = re.compile(r"\bof all (volumes|samples|patches)\b")
# What stands in a cell of numbers that has none.
NOTHING = ("", numbers.UNDEFINED)


def blocks_of(sections: Sequence[Section]) -> Iterator[tuple[str, Block]]:
    """Yield every block with the anchor of its section, also those that are folded away."""
    for section in sections:
        for block in _unfolded(section.blocks):
            yield section.anchor, block


def _unfolded(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from _unfolded(block.blocks)


def at(document: Any, path: Sequence[str | int]) -> Any:
    """Return what a document has at a path."""
    found = document
    for step in path:
        found = found[step]
    return found


def _found(document: Any, path: Sequence[str | int]) -> Any:
    """Return what a document has at a path; "nothing" if it has no such place."""
    try:
        return at(document, path)
    except (KeyError, IndexError, TypeError):
        return "nothing"


def written(value: float, name: object = None) -> set[str]:
    """Return the ways in which a number may be written, by the name of its field."""
    given = {numbers.setting(value)} if name in GIVEN else set()
    return {writer(value) for writer in WRITERS} - {""} | given


def cell_problem(cell: Cell, document: Any, *, numeric: bool) -> str | None:
    """Return what is wrong with a cell; None for nothing."""
    if cell.path is None:
        if cell.value is not None:
            return f"{cell.text!r} has the value {cell.value!r} and no place in the document"
        if numeric and cell.text not in NOTHING:
            return f"{cell.text!r} is in a column of numbers and is none"
        return None
    found = _found(document, cell.path)
    if found is None:
        undefined = cell.value is None and cell.text in NOTHING
        return None if undefined else f"{cell.text!r} is undefined in the document, at {cell.path}"
    if isinstance(found, bool) or not isinstance(found, int | float):
        return f"{cell.text!r} is no number in the document: {found!r} at {cell.path}"
    if cell.value != found:
        return f"{cell.text!r} has the value {cell.value!r}, and the document {found!r} at {cell.path}"
    text = cell.text.replace("\u00a0%", "%")
    if not {text, _UNIT.sub("", text)} & written(found, cell.path[-1]):
        return f"{cell.text!r} is not how {found!r} is written ({sorted(written(found))})"
    return None


def table_problems(table: Table, document: Any) -> Iterator[str]:
    """Yield what is wrong with the numbers of a table."""
    for row in table.rows:
        if len(row.cells) != len(table.columns):
            yield f"{table.anchor}: a row has {len(row.cells)} cells for {len(table.columns)} columns"
        for column, cell in zip(table.columns, row.cells, strict=False):
            if problem := cell_problem(cell, document, numeric=column.numeric):
                yield f"{table.anchor}, {column.title}: {problem}"


def plot_problems(plot: Plot, document: Any) -> Iterator[str]:
    """Yield what is wrong with the marks of a plot: each point is drawn at the number that the document has."""
    for mark in plot.marks:
        if isinstance(mark, Area):
            known = {one for one in _leaves(document) if isinstance(one, int | float)}
            outside = [y for line in (mark.lows, mark.highs) for _, y in line if y not in known]
            yield from (f"{plot.anchor}: the document has no {y} of {mark.name}" for y in outside)
        if isinstance(mark, Rule) and mark.path is not None and _found(document, mark.path) != mark.at:
            yield f"{plot.anchor}: the rule {mark.label} at {mark.at} is not at {mark.path}"
        if not isinstance(mark, Line | Dots) or not mark.paths:
            continue
        if len(mark.paths) != len(mark.points):
            yield f"{plot.anchor}: {mark.name} has {len(mark.paths)} places for {len(mark.points)} points"
        for point, path in zip(mark.points, mark.paths, strict=False):
            found = _found(document, path)
            if drawn_for(found, path, document) not in point:
                yield f"{plot.anchor}: {point} is drawn for {found!r} at {path}"


def drawn_for(found: Any, path: Sequence[str | int], document: Any) -> Any:
    """Return what is drawn for a number of the document: of a count of a histogram, its share of all values."""
    if not isinstance(found, int) or path[0] != "histograms" or path[2] not in ("counts", "volumes"):
        return found
    histogram = document["histograms"][path[1]]
    if path[2] == "counts":
        total = sum(histogram["counts"]) + histogram["below"] + histogram["above"]
    else:
        outside = [side[path[3]] for side in (histogram["volumes_below"], histogram["volumes_above"]) if side]
        total = sum(histogram["volumes"][path[3]]) + sum(outside)
    return found / total if total else 0.0


def without_places(sections: Sequence[Section]) -> set[str]:
    """Return the marks of plots that say no place in the document, as "plot: name of the mark"."""
    return {
        f"{block.anchor}: {getattr(mark, 'name', None) or getattr(mark, 'label', None)}"
        for _, block in blocks_of(sections)
        if isinstance(block, Plot)
        for mark in block.marks
        if (isinstance(mark, Line | Dots) and mark.points and not mark.paths)
        or (isinstance(mark, Rule) and mark.path is None and not _between_names(mark, block) and mark.at not in (0, 1))
    }


def _between_names(mark: Rule, plot: Plot) -> bool:
    """Return True for a line between the rows of groups, which shows no number."""
    return mark.along == "y" and plot.y.scale == "category"


def problems(sections: Sequence[Section], document: Any) -> list[str]:
    """Return what is wrong with the numbers of a page, a line each."""
    found: list[str] = []
    for section, block in blocks_of(sections):
        if isinstance(block, Table):
            found += [f"{section}: {one}" for one in table_problems(block, document)]
        elif isinstance(block, Plot):
            found += [f"{section}: {one}" for one in plot_problems(block, document)]
        elif isinstance(block, FindingCard):
            messages = {_as_shown(one["message"]) for one in document["check"]["findings"]}
            if _as_shown(block.message) not in messages:
                found.append(f"{section}: no finding says {block.message!r}")
    return found


def _as_shown(message: str) -> str:
    """Return a message with a capital letter, and with the words that the page has for the population."""
    return text.capitalized(_ALL_OF.sub("of the population", message))


# --- Numbers in sentences ------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
# Numbers that belong to the words of a sentence, as in "from 0 to 1".
IN_WORDS = {"0", "1"}


def sentences_of(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """Yield every text of a page that is no number of a table, with the anchor of its section."""
    for section, block in blocks_of(sections):
        for one in _texts(block):
            yield section, one


def _texts(block: Block) -> Iterator[str]:
    match block:
        case Paragraph():
            yield block.text
            yield from (link.text for link in block.links)
        case Items():
            yield from block.texts
        case Code() | Heading():
            yield block.text
        case FindingCard():
            yield from (block.title, block.message, block.meaning, block.more or "")
            yield from (link.text for link in block.places)
        case Table():
            yield block.caption
            yield from (column.hint or "" for column in block.columns)
            yield from (cell.text for row in block.rows for cell in row.cells if cell.path is None)
            yield from (link.text for row in block.rows for cell in row.cells for link in cell.links)
        case Plot():
            yield from (block.title, block.description, block.caption, block.x.label, block.y.label, *block.y.names)
            for mark in block.marks:
                yield from (getattr(mark, name, None) or "" for name in ("name", "title", "label"))
                yield from (*getattr(mark, "titles", ()), *getattr(mark, "labels", ()))
        case Pictures():
            yield block.caption
            yield from (picture.description for picture in block.pictures)
        case Details():
            yield block.summary


def known_numbers(document: Any) -> set[str]:
    """Return every number that a document has, as text: its values as people are shown them, and those in its texts."""
    found: set[str] = set()
    for value in _leaves(document):
        if isinstance(value, str):
            found |= set(_NUMBER.findall(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            words = {percent(value), in_sd(value)}  # of `bnstat layers`
            found |= {one.removesuffix("SD").rstrip("% ").lstrip("-<") for one in written(value, "epsilon") | words}
    return found


def _leaves(document: Any) -> Iterator[Any]:
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield key
            yield from _leaves(value)
    elif isinstance(document, list | tuple):
        yield len(document)
        for value in document:
            yield from _leaves(value)
    else:
        yield document


def numbers_from_nowhere(sections: Sequence[Section], *documents: Any) -> list[tuple[str, str, str]]:
    """Return the numbers in sentences that no document has: the section, the number and the sentence."""
    known = set().union(*map(known_numbers, documents))
    return [
        (section, number, sentence)
        for section, sentence in sentences_of(sections)
        for number in _NUMBER.findall(sentence)
        if number not in known | IN_WORDS
    ]


# --- The page as a browser takes it --------------------------------------------------------------------------------

_VOID = {"meta", "link", "img", "br", "hr", "input", "wbr", "col", "source"}


@dataclass
class Element:
    """An element of a page.

    Attributes:
        tag: Its name.
        attributes: Its attributes.
        inside: What it has: elements and texts.
    """

    tag: str
    attributes: dict[str, str]
    inside: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text in it, its spaces joined."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for one in self.inside:
            if isinstance(one, str):
                yield one
            else:
                yield from one._texts()

    def all(self, tag: str | None = None) -> Iterator[Element]:
        """Yield the elements in it, at any depth, with a name if one is given."""
        for one in self.inside:
            if isinstance(one, Element):
                if tag in (None, one.tag):
                    yield one
                yield from one.all(tag)


class _Parser(HTMLParser):
    """Make elements of a page, and refuse one whose elements do not close."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


@lru_cache(maxsize=4)
def parsed(page: str) -> Element:
    """Return a page as elements, which tests only read; every one of them must be closed."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.open == [parser.root], f"not closed: {[one.tag for one in parser.open[1:]]}"
    return parser.root


def shape(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the elements of a page in order, each with the names of its attributes; markup would add some."""
    return [(one.tag, tuple(sorted(one.attributes))) for one in parsed(page).all()]


def shown_in(cell: Element) -> str:
    """Return the text of a cell without the mark of its tone, and its words for those who do not see it."""
    parts = (
        one if isinstance(one, str) else one.text
        for one in cell.inside
        if isinstance(one, str) or one.attributes.get("class") not in ("mark", "unseen")
    )
    return " ".join("".join(parts).split())


def islands(page: Element) -> list[Any]:
    """Return the data in a page: what its scripts of a JSON type have."""
    return [
        json.loads("".join(one for one in script.inside if isinstance(one, str)))
        for script in page.all("script")
        if "json" in script.attributes.get("type", "")
    ]
