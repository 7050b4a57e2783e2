"""Results to stdout or a file, notes and errors to stderr."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Collection, Iterable
from typing import TextIO

from bnstat.cli.messages import complain_of, note
from bnstat.cli.options import Output
from bnstat.errors import OutputError, UsageError
from bnstat.escapes import logged
from bnstat.redaction import redacted
from bnstat.renderers.written import write_text
from bnstat.reports.finding import Failure
from bnstat.version import DOCS, page_of_rule

# Formats that programs read as UTF-8, whatever the terminal's encoding is.
_UTF8 = ("json", "jsonl", "html", "github")
# The code of a rule; what stands before it may be the end of a sequence that sets a color.
_CODE = re.compile(r"(?<![A-Z\d/])BN\d{3}(?![\d-])")
# Formats that one renderer writes for every command.
_FOR_ALL = ("json", "csv")
# Commands with a page of their own; that of any other has its table.
_WITH_PAGE = ("report",)


def tell(failures: Collection[Failure], notes: Iterable[str], quiet: bool) -> None:
    """Write errors, and notes unless quiet, to stderr."""
    complain_of(failures)
    if not quiet:
        for line in notes:
            note(line)


def write(command: str, report: object, to: Output, inputs: Iterable[str]) -> None:
    """Render what a command found and write it to a file or stdout.

    Args:
        command: the folder of renderers to use.
        report: the value that they render.
        to: the format and the place.
        inputs: files that must not be replaced.

    Raises:
        UsageError: if the file is one of the inputs.
        OutputError: if it cannot be written.
    """
    rendered = redacted(_rendered(command, report, to))
    if to.file is None or to.file == "-":
        _write_stdout(rendered, "utf-8" if to.format in _UTF8 else None)
        return
    refuse_input(to.file, inputs, "-o")
    write_text(rendered, to.file, "; give another file with -o")


def refuse_input(file: str, inputs: Iterable[str], option: str) -> None:
    """Raise an error instead of replacing a file that was read.

    Raises:
        UsageError: if the file is one of the inputs.
    """
    if not os.path.lexists(file):
        return
    from bnstat.sources.originals import is_original

    if is_original(file, inputs):
        raise UsageError(f"{file} is one of the inputs and stays as it is; give another file with {option}")


def _write_stdout(rendered: str, encoding: str | None) -> None:
    """Write all of it, in this encoding or that of stdout; an unbuffered stdout may take only a part at a time."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; write to a file with -o FILE")
    try:
        sys.stdout.flush()
        left = memoryview(rendered.encode(encoding or sys.stdout.encoding or "utf-8", "backslashreplace"))
        while left:
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: cannot be written: {error.strerror}") from error


def _rendered(command: str, report: object, to: Output) -> str:
    if to.format == "html" and command not in _WITH_PAGE:
        return _page(command, report, to)
    room = "bnstat.renderers" if to.format in _FOR_ALL else f"bnstat.renderers.{command}"
    render: Callable[..., str] = importlib.import_module(f"{room}.{to.format}").render
    if to.format != "table":
        shown = render(report)
        return shown if to.format == "github" else logged(shown)
    color = _colored(to)
    shown = logged(render(report, width=_width(), color=color, every_row=to.every_row, quiet=to.quiet))
    return _linked(shown) if color and to.file is None and is_terminal(sys.stdout) else shown


def _page(command: str, report: object, to: Output) -> str:
    """Return the page of the table, in colors unless these are switched off."""
    from bnstat.renderers.html import COLUMNS, page

    render: Callable[..., str] = importlib.import_module(f"bnstat.renderers.{command}.table").render
    colored = to.color != "never" and not os.environ.get("NO_COLOR")
    shown = render(report, width=COLUMNS, color=colored, every_row=to.every_row, quiet=to.quiet)
    return logged(page(shown)) if shown else ""


def _colored(to: Output) -> bool:
    """Return True for colors. --color goes first, then NO_COLOR, then FORCE_COLOR; an empty variable does not count."""
    if to.color != "auto":
        return to.color == "always"
    if to.file is not None or os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb")


def _linked(shown: str) -> str:
    """Return a text for a terminal in which the code of each rule links to its page (OSC 8), if there is a site."""
    if "://" not in DOCS:
        return shown
    from bnstat.rules.every_rule import EVERY_RULE

    links = {rule.code: page_of_rule(rule.code, rule.name) for rule in EVERY_RULE}
    return _CODE.sub(
        lambda code: f"\x1b]8;;{links[code[0]]}\x1b\\{code[0]}\x1b]8;;\x1b\\" if code[0] in links else code[0], shown
    )


def is_terminal(stream: TextIO | None) -> bool:
    """Return True for a terminal. A stream that was closed before Python started is None."""
    return stream is not None and stream.isatty()


def _width() -> int:
    """Return the columns of the terminal, or those that COLUMNS says, or 80; at least 40."""
    return max(shutil.get_terminal_size((80, 24)).columns, 40)
