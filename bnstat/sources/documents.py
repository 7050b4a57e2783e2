"""The one way to read a text or a JSON document that a user names, or that is found beside one.

Whatever such a file contains, what is wrong with it is an InputError: it is no regular file, larger than any
description, not UTF-8, not JSON, nested too deeply or has a number of too many digits.
"""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Callable
from typing import Any

from bnstat.errors import InputError
from bnstat.sources.regular import MOST_BYTES, read_regular

# What a document with wrong content can make Python raise where its fields are taken: a wrong type, a field that is
# not there, an infinite number where a whole one is needed, a name that leads round in a circle.
WRONG_FIELDS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def read_text(file: str | os.PathLike[str], instead: str, limit: int = MOST_BYTES) -> str:
    """Return the text of a file of this machine, without the mark of its encoding.

    Args:
        file: the file, as the user named it.
        instead: what to give instead if it is no text, for the message.
        limit: the most bytes that such a file may have.

    Raises:
        InputError: if it cannot be read, is too large, or is not UTF-8.
    """
    name = os.fspath(file)
    try:
        return read_regular(name, limit).decode("utf-8-sig")
    except OSError as error:
        from bnstat.sources.neighbours import unopened

        raise unopened(name, error) from error
    except UnicodeDecodeError as error:
        raise InputError(name, f"the file is not UTF-8 text; {instead}") from error
    except ValueError as error:
        raise InputError(name, f"no file can have this name ({error}); check the path") from error


def read_json(file: str | os.PathLike[str], instead: str) -> object:
    """Return the content of a JSON file of this machine.

    Args:
        file: the file, as the user named it.
        instead: what to give instead if it is not JSON, for the message.

    Raises:
        InputError: if it cannot be read, is too large, or is not JSON.
    """
    return parsed(read_text(file, instead), os.fspath(file), instead)


def parsed(text: str, file: str, instead: str, constant: Callable[[str], Any] | None = None) -> object:
    """Return the content of a JSON text.

    Args:
        text: the text.
        file: the file that it was read from.
        instead: what to give instead if it is not JSON, for the message.
        constant: called with NaN and Infinity, which Python reads and JSON does not have; a ValueError refuses them.

    Raises:
        InputError: if it is not JSON, or Python cannot hold it.
    """
    try:
        return json.loads(text, parse_constant=constant)
    except (ValueError, RecursionError) as error:  # also of nesting, and of numbers of thousands of digits
        raise InputError(file, f"the file is not valid JSON{_where(error)}; {instead}") from error


def in_short(value: object) -> str:
    """Return the beginning of a value of a document, for a message: it may be of any size and depth."""
    return reprlib.repr(value)


def _where(error: Exception) -> str:
    """Return what is said of the place of an error in a text, or of its cause if Python cannot hold the text."""
    if isinstance(error, json.JSONDecodeError):
        return f" (line {error.lineno})"
    return " (it is nested too deeply)" if isinstance(error, RecursionError) else ""
