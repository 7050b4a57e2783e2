"""The files that a call names: which of them are read, so that no output replaces one, and which are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations

import click

from bnstat.cli.origins import config_of
from bnstat.errors import UsageError
from bnstat.sources.noted import note
from bnstat.writing import is_in_place

# The parameters that name a file to write, or a folder of such files; every other path is read.
_OUTPUTS = {
    "output": "-o",
    "plot": "--plot",
    "save_population": "--save-population",
    "save_statistics": "--save-statistics",
    "save_moments": "--save-moments",
}


def note_inputs(context: click.Context) -> None:
    """Remember the files that are read: those of arguments, options and the settings file."""
    settings = config_of(context).file
    for name in (*_read(context), *([] if settings is None else [str(settings)])):
        note(name)
        note(name.partition("::")[0])  # a part of a file of weights


def _read(context: click.Context) -> Iterator[str]:
    """Yield the paths of arguments and options that name no output."""
    for param in context.command.params:
        if isinstance(param.type, click.Path) and param.name not in _OUTPUTS:
            value = context.params.get(param.name or "")
            yield from map(str, value if isinstance(value, tuple) else () if value is None else (value,))


def refuse_same_outputs(context: click.Context) -> None:
    """Refuse two outputs that would be one file, or one in the folder that another one makes.

    Raises:
        UsageError: if there are such outputs.
    """
    given = [(option, str(file)) for name, option in _OUTPUTS.items() if (file := context.params.get(name)) is not None]
    given = [(option, file) for option, file in given if file not in ("", "-") and "\0" not in file]
    for (one, file), (other, second) in combinations(given, 2):
        if is_in_place(file):
            continue
        if _is_same(file, second):
            raise UsageError(f"{one} and {other} name one file, {file}; give two")
        if other == "--save-moments" and os.path.realpath(os.path.dirname(file)) == os.path.realpath(second):  # noqa: PTH120
            raise UsageError(f"{one} names a file in the folder of {other}, {second}; give a file elsewhere")


def _is_same(file: str, other: str) -> bool:
    """Return True if two names are those of one file, also through links."""
    try:
        return os.path.samefile(file, other)  # noqa: PTH121
    except OSError:  # one does not exist yet
        return os.path.realpath(file) == os.path.realpath(other)
