"""The report as Markdown, without pictures, for pull requests: short enough for a comment on GitHub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from bnstat.renderers.markdown import escaped
from bnstat.renderers.report.blocks import (
    MARKED,
    Block,
    Code,
    Details,
    FindingCard,
    Heading,
    Items,
    Paragraph,
    Pictures,
    Row,
    Section,
    Table,
)
from bnstat.renderers.report.contents import sections_of
from bnstat.renderers.report.plots import Plot
from bnstat.reports.full.full_report import FullReport
from bnstat.text import joined, plural, sentence

# The most characters of a comment on GitHub.
MOST_CHARACTERS = 65_536
# Where what is left out can be seen.
_ELSEWHERE = "the HTML page and `--format json` have all"
_BACKTICKS = re.compile(r"`+")
# What GitHub takes for the name of a person, who would be told of the comment.
_MENTION = re.compile(r"@(?=\w)")


@dataclass(frozen=True)
class _Room:
    """How much of a report is written.

    Attributes:
        rows: Rows of a table, those with findings first.
        items: Items of a list.
        letters: Characters of a text.
        folded: True to write what is folded away.
    """

    rows: int
    items: int
    letters: int
    folded: bool = True


# The whole report as far as a reader goes through it, and ever less of it until it fits.
_ROOMS = (
    _Room(20, 20, 4000),
    _Room(10, 10, 2000),
    _Room(10, 5, 1000, folded=False),
    _Room(5, 3, 300, folded=False),
)


def render(report: FullReport) -> str:
    """Return the sections as Markdown, in fewer characters than a comment on GitHub may have."""
    return document(report.title, sections_of(report), report.summary)


def document(title: str, sections: Sequence[Section], summary: str) -> str:
    """Return sections as Markdown.

    Args:
        title: the heading of the document.
        sections: the sections, in their order.
        summary: what stands below the heading.
    """
    opening = [f"# {_text(title, _ROOMS[-1]) or 'Report'}", _text(summary, _ROOMS[-1])]
    parts: list[str] = []
    for room in _ROOMS:
        parts = [*opening, *(one for section in sections for one in _section(section, room))]
        if _length(parts) <= MOST_CHARACTERS:
            return _joined(parts)
    return _joined(_cut(parts))


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _length(parts: Sequence[str]) -> int:
    return sum(len(part) + 2 for part in parts)


def _cut(parts: Sequence[str]) -> list[str]:
    """Return the first parts, as many as fit, and a sentence that the rest is left out."""
    rest = f"The rest is left out, because a comment has room for {MOST_CHARACTERS:,} characters; {_ELSEWHERE}."
    left, kept = MOST_CHARACTERS - len(rest) - 2, []
    for part in parts:
        left -= len(part) + 2
        if left < 0:
            break
        kept.append(part)
    return [*kept, rest]


# --- Blocks -------------------------------------------------------------------------------------------------------


def _section(section: Section, room: _Room) -> Iterator[str]:
    yield f"## {_text(section.title, room)}"
    yield from _blocks(section.blocks, room)
    pictures = sum(len(block.pictures) for block in _every(section.blocks) if isinstance(block, Pictures))
    if pictures:
        yield f"{plural(pictures, 'picture')} {'is' if pictures == 1 else 'are'} in the HTML page."


def _every(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield from _every(block.blocks) if isinstance(block, Details) else (block,)


def _blocks(blocks: Sequence[Block], room: _Room) -> Iterator[str]:
    for block in blocks:
        yield _block(block, room)


def _block(block: Block, room: _Room) -> str:
    match block:
        case Heading():
            return f"### {_text(block.text, room)}"
        case Paragraph():
            return _paragraph(block, room)
        case Code():
            return _code(block.text)
        case Items():
            return _items(block, room)
        case Table():
            return _table(block, room)
        case FindingCard():
            return _finding(block, room)
        case Plot():
            return f"*{_text(block.title, room)}:* {_text(block.description, room)}"
        case Details():
            return _details(block, room)
        case Pictures():  # which are counted at the end of the section
            return ""


def _paragraph(block: Paragraph, room: _Room) -> str:
    """Return a paragraph; its links are left out unless they are the rest of its sentence."""
    text = _text(block.text, room)
    if text.endswith(":") and block.links:
        text = f"{text} {joined([_text(link.text, room) for link in block.links])}."
    return f"**{text}**" if block.lead and text else text


def _code(text: str) -> str:
    """Return something to type between fences that no backtick in it closes."""
    shown = sentence(text)
    fence = "`" * max([3, *(len(run) + 1 for run in _BACKTICKS.findall(shown))])
    return f"{fence}sh\n{shown}\n{fence}"


def _items(block: Items, room: _Room) -> str:
    shown = block.texts[: room.items]
    lines = [f"{f'{place}.' if block.ordered else '-'} {_text(one, room)}" for place, one in enumerate(shown, 1)]
    left = len(block.texts) - len(shown)
    return "\n".join([*lines, *([f"- … and {left:,} more; {_ELSEWHERE}."] if left else [])])


def _finding(card: FindingCard, room: _Room) -> str:
    """Return a finding as an item of a list: what was found, what it means, and where."""
    lines = [f"- **{card.severity} {card.code} {_text(card.title, room)}:** {_text(card.message, room)}"]
    lines += [f"  {_text(card.meaning, room)}"] if card.meaning else []
    places = [_text(link.text, room) for link in card.places[: room.items]]
    more = [f"{len(card.places) - len(places):,} more"] if len(card.places) > len(places) else []
    lines += [f"  See: {joined([*places, *more])}."] if places else []
    lines += [f"  {_text(card.more, room)}"] if card.more else []
    return "\\\n".join(lines)


def _details(block: Details, room: _Room) -> str:
    """Return blocks that GitHub folds away; nothing where there is no room for them."""
    inside = [one for one in _blocks(block.blocks, room) if one] if room.folded else []
    if not inside:
        return ""
    return "\n\n".join([f"<details>\n<summary>{_summary(block.summary)}</summary>", *inside, "</details>"])


def _summary(text: str) -> str:
    return _MENTION.sub("@<!-- -->", escape(sentence(text)))


# --- Tables -------------------------------------------------------------------------------------------------------


def _table(block: Table, room: _Room) -> str:
    rows = _chosen(block.rows, room)
    lines = [
        _text(block.caption, room),
        "",
        _line(_text(column.title, room) for column in block.columns),
        _line("---:" if column.numeric else "---" for column in block.columns),
        *(_line(_text(cell.text, room) for cell in row.cells) for row in rows),
    ]
    if len(rows) < len(block.rows):
        lines += ["", f"{len(block.rows) - len(rows):,} of {len(block.rows):,} rows are left out; {_ELSEWHERE}."]
    hints = [f"{_text(column.title, room)}: {_text(column.hint, room)}" for column in block.columns if column.hint]
    return "\n".join([*lines, *(["", "; ".join(hints) + "."] if hints else [])])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _chosen(rows: Sequence[Row], room: _Room) -> list[Row]:
    """Return the rows that are shown: all if there is room, else those with findings first."""
    if len(rows) <= room.rows:
        return list(rows)
    return sorted(rows, key=lambda row: not any(cell.tone in MARKED for cell in row.cells))[: room.rows]


# --- Text ---------------------------------------------------------------------------------------------------------


def _text(text: str, room: _Room) -> str:
    """Return a text in which Markdown finds nothing but letters, cut where there is no room for it."""
    words = text.strip()
    words = words if len(words) <= room.letters else f"{words[: room.letters]}…"
    return escaped(words)
