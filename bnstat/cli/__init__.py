"""The command line: one file for each command. click is used here alone."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from bnstat import stopping
from bnstat.cli import exit_codes, unused_cycles
from bnstat.cli.messages import as_typed, complain, complain_of, of_input, refused_value
from bnstat.cli.shared import DEBUG, TYPED
from bnstat.errors import BnstatError, InputError, OutputError, UsageError
from bnstat.redaction import redacted
from bnstat.text import closest, printable
from bnstat.version import __version__, where_docs

REPORT_TO = "the project's issue tracker"

# The errors of writing to stdout if a disk is full or failing.
_FULL = {getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EIO", "EDQUOT") if hasattr(errno, name)}

# The commands in the order of --help, with what it says of each: a module each, which is imported when it is used.
_COMMANDS = {
    "inspect": "Show what batch norm computes on these volumes, batch by batch.",
    "compare": "Compare batch sizes, frameworks, normalizers or values of epsilon.",
    "check": "Check for problems: rules, an exit code, a baseline.",
    "report": "Write a page about these volumes, to look at and to hand on.",
    "checkpoint": "Check what a file of weights stores of its normalization layers.",
    "explain": "Explain what a rule means, why it matters and what to do.",
    "plan": "Plan how many values a channel has at each depth of a network.",
    "layers": "Look inside a network: what each of its normalizations sees and does.",
    "scan": "Read once and keep the moments for every other command.",
    "frameworks": "List the conventions of each framework: ε, momentum, running variance.",
}


class _Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"bnstat.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them, which takes a fifth of the time of --help."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a file in its place means that the command was forgotten."""
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-"):
            near = closest(name, _COMMANDS)
            meant = f"bnstat inspect {name}" if os.path.exists(name) else f"bnstat {near[0]}" if near else ""  # noqa: PTH110
            hint = f"; did you mean `{meant}`?" if meant else f"; use one of {', '.join(_COMMANDS)}"
            ctx.fail(f"no such command {name!r}{hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    name="bnstat",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "BNSTAT", "max_content_width": 100},
    epilog="Exit codes: 0 clean, 1 a finding at or above --fail-on (default: error for `check`, never for `report`), "
    "2 wrong usage, 3 an input could not be read or an output could not be written, 4 a defect in bnstat. "
    f"{where_docs()}",
)
@click.version_option(__version__, "-V", "--version", message="bnstat %(version)s")
def commands() -> None:
    """Show what batch normalization computes on your 3-D medical volumes.

    Is the variance zero at batch size 1? What does epsilon do? Start with: bnstat inspect volume.nii.gz
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    # Threads of a BLAS library would compete with those that read. Set before numpy is imported, and never on import.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # escape what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    unused_cycles.not_at_start()
    stopping.raise_stopped()
    try:
        code = run(list(sys.argv[1:] if argv is None else argv))
    except stopping.Stopped:  # while an error was told
        code = _interrupted()
    stopping.leave_at_once()
    unused_cycles.not_at_end()
    if stopping.stopped() is not None:  # threads that still read are not waited for
        os._exit(code)
    sys.exit(code)


def run(argv: list[str]) -> int:
    """Run the command line, and return its exit code; a failure becomes one line on stderr."""
    shared: dict[str, object] = {TYPED: argv}
    try:
        code = _invoke(argv, shared)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code if stopping.stopped() is None else _interrupted()
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except BaseException as error:
        if stopping.stopped() is not None:  # a signal that other code has made another error of
            return _interrupted()
        if not isinstance(error, Exception):
            raise
        return _failed(error, argv, debug=bool(shared.get(DEBUG)))


def _interrupted() -> int:
    """Write the line of a signal that has stopped the program; return its exit code."""
    found = stopping.stopped()
    complain("interrupted" if found is None else found.said)
    return exit_codes.INTERRUPTED if found is None else found.code


def _failed(error: Exception, argv: list[str], *, debug: bool) -> int:
    """Write the line of an error; return its exit code."""
    if isinstance(error, BrokenPipeError):
        return _silenced(exit_codes.CLOSED_PIPE)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return exit_codes.USAGE
    if isinstance(error, click.ClickException):
        complain(_with_help(error))
        return error.exit_code
    if isinstance(error, BnstatError):
        return _expected(error, argv)
    full = isinstance(error, OSError) and error.errno in _FULL
    if debug and not full:
        _trace(error)
    if isinstance(error, OSError) and error.strerror:
        return _expected(_of_system(error), argv)
    told = "the trace above" if debug else "the trace that --debug shows"
    what = f"a defect in bnstat {__version__}: {type(error).__name__}: {error}"
    complain(f"{what}; please report it to {REPORT_TO}, with {told}")
    return exit_codes.DEFECT


def _trace(error: Exception) -> None:
    """Write the trace of an error to stderr. What it quotes, as the name of a file, cannot steer a terminal."""
    import traceback

    lines = "".join(traceback.format_exception(error)).split("\n")
    with suppress(OSError):  # if stderr is full or closed, nobody can be told
        click.echo("\n".join(printable(redacted(line)) for line in lines), err=True, nl=False)


def _of_system(error: OSError) -> BnstatError:
    """Return the error to report for one of the system that no reader expected, as of a folder that was taken away."""
    if error.errno in _FULL:
        return OutputError(f"standard output: cannot be written: {error.strerror}")
    try:
        os.getcwd()  # noqa: PTH109  (only whether it is there)
    except OSError as lost:
        return InputError("the current folder", f"cannot be used: {lost.strerror}; cd to another one, and run it again")
    if error.filename is None:
        return InputError("a file", f"cannot be used: {error.strerror}; run the command again, with --debug for more")
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return InputError(name, f"cannot be used: {error.strerror}; check the path, and who may use it")


def _invoke(argv: list[str], shared: dict[str, object]) -> int:
    """Run a command. click's own `main` reports a closed pipe as a failure, so only shell completion uses it."""
    if "_BNSTAT_COMPLETE" in os.environ:
        from bnstat.cli import completion

        completion.register()
        try:
            commands.main(argv, prog_name="bnstat")
        except SystemExit as exit_:
            return int(exit_.code or 0)
    from bnstat.sources.noted import remembered

    try:
        with remembered(), commands.make_context("bnstat", argv, obj=shared) as context:
            result = commands.invoke(context)
    except click.exceptions.Exit as exit_:  # of --help and --version
        return exit_.exit_code
    return result if isinstance(result, int) else exit_codes.CLEAN


def _silenced(code: int) -> int:
    """Discard whatever is still written to stdout, also what Python flushes at its end; return the code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _with_help(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    said = refused_value(error) if isinstance(error, click.BadParameter) else error.format_message()
    return f"{said} (see {context.command_path} --help)" if context else said


def _expected(error: BnstatError, argv: list[str]) -> int:
    """Write the line of an error that bnstat raises on purpose, after those of failed files; return the exit code."""
    failures = error.failures if isinstance(error, UsageError) else ()
    complain_of(failures, listed=False)
    complain(of_input(error.source, error.message) if isinstance(error, InputError) else as_typed(str(error), argv))
    if isinstance(error, UsageError) and not failures:
        return exit_codes.USAGE
    return _silenced(exit_codes.FAILED_INPUT) if isinstance(error, OutputError) else exit_codes.FAILED_INPUT
