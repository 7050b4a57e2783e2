"""`--list`: what a command would read, in place of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bnstat.cli import exit_codes
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.reading.settings import Reading

FORMATS = ("table", "json", "csv", "markdown", "html")


def print_list(paths: tuple[str, ...], reading: Reading, given: Mapping[str, Any]) -> int:
    """Print what would be read, and return the exit code.

    Args:
        paths: the inputs.
        reading: how they would be found and read.
        given: the other options of the command.

    Raises:
        UsageError: if the format is one of findings, or the inputs do not tell what is meant.
    """
    from bnstat.cli.file_formats import format_for
    from bnstat.cli.messages import tell_line, with_options
    from bnstat.cli.options import Output
    from bnstat.cli.output import tell, write
    from bnstat.workflows.listing import list_cases

    # the output of `scan` is a moments file, which is not written
    file = given.get("output") if "format" in given else None
    by_default = click.get_current_context().get_parameter_source("format") in (None, ParameterSource.DEFAULT)
    form = "table" if by_default else given["format"]  # whatever the default of the command is
    form = format_for(file, form, FORMATS) if file else form
    if form not in FORMATS:
        raise UsageError(f"--list is written as {', '.join(FORMATS)}, and --format is {form}; choose one of these")
    to = Output(form, every_row=True, file=file, quiet=given["quiet"], color=given.get("color", "auto"))
    found = with_options(list_cases(paths, given["axis"], given["batch_axis"], reading))
    tell(found.errors, found.notes, to.quiet)
    write("list", found, to, [*paths, *(file for case in found.cases for file in case.files)])
    if form == "table" and not to.quiet:  # beside the lines, which a program may count
        tell_line(f"{found.summary}; nothing was read")
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN
