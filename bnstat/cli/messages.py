"""Lines on stderr: one for each thing that a user should know."""

from __future__ import annotations

import re
from contextlib import suppress

import click

from bnstat.text import NO_BREAK_SPACE, printable

# Parameters that have another name than their option, by that option without its dashes.
PARAMETERS = {"patch": "size", "patches": "number", "allow-protocol": "protocols"}
_OPTIONS = {parameter: option for option, parameter in PARAMETERS.items()}
# A parameter in a message of the library, with a value or without: `batch_size`, `batch_axis="none"`.
_PARAMETER = re.compile(r"`([a-z][a-z_]*)(?:=([^`]*))?`")


def spelled(message: str) -> str:
    """Return a message of the library with its parameters spelled as options: `batch_size=1` as --batch-size 1."""
    return _PARAMETER.sub(_option, message)


def _option(parameter: re.Match[str]) -> str:
    name, value = parameter.groups()
    option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
    return option if value is None else f"{option} {value.strip(chr(34))}"


def complain(message: str) -> None:
    """Write an error to stderr, as one line."""
    _say(f"bnstat: error: {message}")


def note(message: str) -> None:
    """Write a note to stderr, as one line."""
    _say(f"bnstat: note: {message}")


def _say(message: str) -> None:
    """Write one line. Control characters, which a file name may have, are escaped."""
    line = printable(message.replace(NO_BREAK_SPACE, " "))
    with suppress(OSError):  # if stderr is full or closed, nobody can be told
        click.echo(line, err=True)
