r"""Text of strangers in each kind of output: what a program would obey, or would lose, is written as an escape.

Names of files, fields of headers and messages of other packages may contain anything. Here is one function for each
kind of output, and every writer of that kind uses it. Two things are never written as they are:

- characters that are not seen: control characters, which steer a terminal and end a line or a field, marks that turn
  the direction of writing, separators of lines, and halves of characters (a byte of a name that is not UTF-8);
- the starts of commands that the logs of CI services obey: `##[` and `##vso[` anywhere, and `::` that begins a line.
"""

from __future__ import annotations

import re

# A space at which no line is broken, as between a number and its unit. Python does not count it as printable.
NO_BREAK_SPACE = "\u00a0"

# Expressions are compiled at their first use, since most runs need few of them.
# The start of a command in the logs of Azure Pipelines, of GitHub Actions (its older form) and of TeamCity. The runners
# look for it anywhere in a line.
_COMMAND = r"#(?=#\w*\[)"
# The start of a command of GitHub Actions, which begins a line, after spaces and what sets a color.
_LINE_COMMAND = r"(?m)^((?:[^\S\n]|\x1b\[[\d;]*m)*):(?=:)"
# What may need an escape in JSON: runs of what is neither printable ASCII nor the end of a line.
_RARE = r"[^\n -~]+"
# The start of a formula where a spreadsheet begins a cell, also one that takes semicolons for the ends of cells, and
# that of a command in a line's first cell.
_FORMULA = r"(?:^|(?<=;))[=+\-@\uff1d\uff0b\uff0d\uff20]|^\s*:(?=:)"
# What any of these need: most cells have none of it.
_SUSPECT = r"^[\s=+\-@\uff1d\uff0b\uff0d\uff20:]|[;#\\]"
# What ends a line for Python.
_LINE_ENDS = ("\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
# What reads as an escape in a cell.
_ESCAPE = r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"


def backslashed(text: str) -> str:
    r"""Return a text for a terminal or a log: what is not seen as \x1b, and the start of a command as \x23#[."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return re.sub(_COMMAND, r"\\x23", text) if "##" in text else text


def in_one_line(text: str) -> str:
    r"""Return a text with what ends a line as \n, \r or \u2028."""
    if len(text.splitlines()) <= 1 and not text.endswith(_LINE_ENDS):
        return text
    return "".join(c.encode("unicode_escape").decode() if c in _LINE_ENDS else c for c in text)


def logged(lines: str) -> str:
    """Return lines for a log, none of which begins a command of GitHub Actions; what is in them is escaped already."""
    return re.sub(_LINE_COMMAND, r"\1\\x3a", lines) if "::" in lines else lines


def json_text(document: str) -> str:
    r"""Return a JSON document with what is not seen, and the starts of commands, as \uXXXX: it reads back to the same.

    JSON itself only requires that of characters below 0x20. A reader that splits lines at U+2028 would lose a record.
    """
    if not document.replace("\n", "").replace(NO_BREAK_SPACE, "").isprintable():
        document = re.sub(_RARE, lambda run: run[0] if run[0].isprintable() else "".join(map(_json, run[0])), document)
    return re.sub(_COMMAND, r"\\u0023", document) if "##" in document else document


def csv_cell(text: str) -> str:
    r"""Return the text of a cell in which nothing is a control character, or a formula for a spreadsheet.

    Such characters are written as \xNN, \uNNNN or \UNNNNNNNN, and in a cell with escapes a backslash as two. A cell
    without escapes is the text itself, so that every text can be read back.
    """
    if text.isprintable() and re.search(_SUSPECT, text) is None:
        return text
    spots = {found.end() - 1 for marks in (_FORMULA, _COMMAND) for found in re.finditer(marks, text)}
    seen = text.isprintable() or text.replace(NO_BREAK_SPACE, "").isprintable()
    if seen and not spots and re.search(_ESCAPE, text) is None:
        return text
    return "".join(_cell(letter, place in spots) for place, letter in enumerate(text))


def referenced(markup: str) -> str:
    """Return HTML or XML whose text no log takes for a command: one character of each start is a reference."""
    if "##" in markup:
        markup = re.sub(_COMMAND, "&#35;", markup)
    return re.sub(_LINE_COMMAND, r"\1&#58;", markup) if "::" in markup else markup


def _json(letter: str) -> str:
    if letter.isprintable() or letter == NO_BREAK_SPACE:
        return letter
    code = ord(letter)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _cell(letter: str, spot: bool) -> str:
    code = ord(letter)
    if spot or not (letter.isprintable() or letter == NO_BREAK_SPACE):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return "\\\\" if letter == "\\" else letter
