"""Lines on stderr: one for each thing that a user should know."""

from __future__ import annotations

import re
from contextlib import suppress

import click

from bnstat.text import NO_BREAK_SPACE, printable

# A parameter in a message of the library, with a value or without: `batch_size`, `batch_axis="none"`.
_PARAMETER = re.compile(r"`([a-z][a-z_]*)(?:=([^`]*))?`")
# Parameters whose option has another name.
_OPTIONS = {"size": "patch", "number": "patches", "protocols": "allow-protocol"}


def spelled(message: str) -> str:
    """Return a message of the library with its parameters spelled as options: `batch_size=1` as --batch-size 1."""
    return _PARAMETER.sub(_option, message)


def _option(parameter: re.Match[str]) -> str:
    name, value = parameter.groups()
    option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
    return option if value is None else f"{option} {value.strip(chr(34))}"


def complain(message: str) -> None:
    """An error, as one line."""
    _say(f"bnstat: error: {message}")


def note(message: str) -> None:
    """Something to know, as one line."""
    _say(f"bnstat: note: {message}")


def _say(message: str) -> None:
    """One line, control characters in it escaped, as a file name may have them."""
    line = printable(message.replace(NO_BREAK_SPACE, " "))
    with suppress(OSError):  # stderr is full or closed: there is nobody to tell
        click.echo(line, err=True)
