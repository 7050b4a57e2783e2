"""A recorded training in place of volumes or a model: what `compare` and `layers` show of it."""

from __future__ import annotations

from collections.abc import Sequence

import click
from click.core import ParameterSource

from bnstat.cli import exit_codes, options
from bnstat.cli.groups import OUTPUT, group_of
from bnstat.errors import UsageError

# How a recording is named; no other file of this name is read for a look at its first line.
_ENDING = ".jsonl"


def are_meant(paths: Sequence[str]) -> bool:
    """Return True if one of the inputs is a recorded training."""
    named = [path for path in paths if path.lower().endswith(_ENDING)]
    if not named:
        return False
    from bnstat.networks.recordings.reading import is_recording

    return any(map(is_recording, named))


def show(context: click.Context, paths: Sequence[str], to: options.Output) -> int:
    """Show a recorded training, and return the exit code.

    Raises:
        UsageError: if there are further inputs, or options that a recording does not take.
    """
    if len(paths) > 1:
        raise UsageError(
            f"{paths[0]} and {len(paths) - 1} more: one of these is the recording of a training, which is shown by "
            "itself; give it alone"
        )
    for param in context.command.params:
        given = context.get_parameter_source(param.name or "") == ParameterSource.COMMANDLINE
        if given and isinstance(param, click.Option) and group_of(param) != OUTPUT:
            raise UsageError(
                f"{paths[0]} is the recording of a training, on which {param.opts[-1]} has no effect; "
                f"remove {param.opts[-1]}"
            )
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.workflows.recording import recording_of

    found = with_options(recording_of(paths[0]))
    tell((), found.notes, to.quiet)
    write("recording", found, to, paths)
    return exit_codes.CLEAN
