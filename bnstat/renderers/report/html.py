"""The report as one page of HTML that needs nothing else. Here jinja2 is imported: it is optional."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from bnstat import text
from bnstat.escapes import referenced
from bnstat.renderers.report.blocks import Block, Details, Section, Table
from bnstat.renderers.report.contents import sections_of
from bnstat.renderers.report.drawing.data import data_of
from bnstat.renderers.report.drawing.figure import narrow_svg, svg
from bnstat.renderers.report.drawing.lettering import shown
from bnstat.renderers.report.html_rows import MARKS, WORDS, Places, mark
from bnstat.reports.full.full_report import FullReport
from bnstat.version import __version__

# What a sentence tells to type. Other text between backticks may be a part of a name, and stays as it is.
_TYPED = re.compile(r"`((?:bnstat |pip |python |--)[^`\n]*)`")
# What is never broken into lines: an option, or a name in what is typed, and a number such as 9.8e-07.
_WHOLE = re.compile(r"(?<![^\s])\S*-\S*(?![^\s])")
_POWER = re.compile(r"(?<![\w.])[−-]?\d[\d.,]*e[+-]?\d+\b|(?<![\w-])--[a-z][a-z-]*")
# Letters of the longest word that is kept on one line.
_LONGEST_WORD = 28


def render(report: FullReport) -> str:
    """Return the page."""
    return page(report.title, sections_of(report), _about(report))


def fragment(report: FullReport) -> str:
    """Return the body of the page for a notebook: its style reaches nothing else, and it has no script."""
    return body(report.title, sections_of(report), _about(report))


def page(title: str, sections: Sequence[Section], about: Sequence[str] = ()) -> str:
    """Return a page of sections.

    Args:
        title: the heading of the page.
        sections: the sections, in their order.
        about: short facts that stand below the heading.
    """
    script = _file("page.js")
    return _filled(
        "page.html",
        sections,
        "",
        title=title,
        about=about,
        version=__version__,
        style=Markup(_file("style.css")),
        page_style=Markup(_file("page.css")),
        script=Markup(script),
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def body(title: str, sections: Sequence[Section], about: Sequence[str] = ()) -> str:
    """Return the sections of a page as a part of another one, whose identifiers they do not repeat."""
    prefix = "bnstat-" + sha256(repr((title, sections)).encode(errors="replace")).hexdigest()[:10] + "-"
    return _filled("notebook.html", sections, prefix, title=title, about=about, style=Markup(_file("style.css")))


def _about(report: FullReport) -> tuple[str, ...]:
    """Return the facts below the heading: how many volumes, how many channels, and the day."""
    volumes, channels = text.plural(len(report.volumes), "volume"), text.plural(report.channels, "channel")
    return tuple(filter(None, (volumes, channels, report.made.date)))


def _filled(template: str, sections: Sequence[Section], prefix: str, **values: object) -> str:
    known = {anchor for section in sections for anchor in (section.anchor, *_anchors(section.blocks))}
    places = Places(prefix, known)
    of_page: dict[str, Callable[..., Any]] = {
        "id_of": lambda anchor: prefix + anchor,
        "link": lambda to: Markup(places.link(to.anchor, to.text)),
        "rows": lambda table: Markup(places.rows(table)),
        "svg": lambda plot: Markup(svg(plot, prefix, known) + narrow_svg(plot, prefix)),
        "data": lambda plot: Markup(data_of(plot)),
    }
    with_data = not prefix
    page = _environment().get_template(template).render(sections=sections, with_data=with_data, **of_page, **values)
    return referenced(page)


def _anchors(blocks: Sequence[Block]) -> Iterator[str]:
    """Yield the identifiers of blocks and of what is in them."""
    for block in blocks:
        if isinstance(block, Details):
            yield from _anchors(block.blocks)
        elif anchor := getattr(block, "anchor", None):
            yield anchor
        if isinstance(block, Table):
            yield from (row.anchor for row in block.rows if row.anchor is not None)


@cache
def _environment() -> Environment:
    """Return the templates: every text is escaped, and characters that a browser obeys are shown instead."""
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_file),
        undefined=StrictUndefined,
        finalize=lambda value: shown(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"mark": lambda tone: Markup(mark(tone)), "marks": MARKS, "words": WORDS}
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["base64"] = lambda content: b64encode(content).decode()
    environment.filters["worded"] = _worded
    environment.filters["typed"] = _typed
    return environment


def _worded(sentence: str) -> Markup:
    """Return a sentence in which what is to be typed stands out: commands and options between backticks."""
    parts = _TYPED.split(str(escape(shown(sentence))))
    parts[::2] = [_POWER.sub(r'<span class="whole">\g<0></span>', part) for part in parts[::2]]
    parts[1::2] = [f"<code>{_kept(part)}</code>" for part in parts[1::2]]
    return Markup("".join(parts))


def _typed(command: str) -> Markup:
    """Return a command whose words are not broken at their hyphens."""
    return Markup(_kept(str(escape(shown(command)))))


def _kept(command: str) -> str:
    """Return what is typed, already escaped, with each word that has a hyphen on one line, unless it is long."""

    def whole(found: re.Match[str]) -> str:
        word = found.group()
        return word if len(word) > _LONGEST_WORD else f'<span class="whole">{word}</span>'

    return _WHOLE.sub(whole, command)


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
