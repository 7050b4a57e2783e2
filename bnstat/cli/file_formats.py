"""The format of a file that is written, by the ending of its name."""

from __future__ import annotations

from collections.abc import Sequence

import click

from bnstat.errors import UsageError

# The format that each ending stands for, and others whose files have that ending too.
_ENDINGS = {
    ".json": ("json", "gitlab", "sarif"),
    ".jsonl": ("jsonl",),
    ".csv": ("csv",),
    ".md": ("markdown", "github"),
    ".markdown": ("markdown", "github"),
    ".html": ("html",),
    ".htm": ("html",),
    ".xml": ("junit",),
    ".sarif": ("sarif",),
}


def format_for(file: str | None, given: str, formats: Sequence[str]) -> str:
    """Return the format in which a command writes a file.

    Args:
        file: the file; None for standard output.
        given: the value of --format, which may be its default.
        formats: the formats of the command.

    Raises:
        UsageError: if the ending of the file stands for a format that the command does not have, or for another one
            than --format says on the command line.
    """
    ending = next((one for one in _ENDINGS if file is not None and file.lower().endswith(one)), None)
    if ending is None:
        return given
    possible = _ENDINGS[ending]
    context = click.get_current_context()
    if context.get_parameter_source("format") is click.core.ParameterSource.COMMANDLINE:
        if given not in possible:
            told = "leave out --format, " if possible[0] in formats else ""
            raise UsageError(
                f"{file} is for {possible[0]} by its ending, and --format is {given}; {told}or give another name"
            )
        return given
    if possible[0] not in formats:
        others = [one for one, named in _ENDINGS.items() if named[0] in formats]
        table = ", or with .txt for the table" if "table" in formats else ""
        raise UsageError(
            f"{file}: {context.command_path} writes no {ending} file; end the name with {', '.join(others)}{table}"
        )
    return given if given in possible else possible[0]
