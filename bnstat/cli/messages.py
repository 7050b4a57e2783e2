"""Lines on stderr: one for each thing that a user should know."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.redaction import redacted
from bnstat.text import plural, printable

if TYPE_CHECKING:  # reports take milliseconds that `--help` does not need
    from bnstat.reports.check import Check
    from bnstat.reports.checkpoint import CheckpointReport
    from bnstat.reports.checkpoint_comparison import CheckpointComparison
    from bnstat.reports.compare_batch_sizes import Comparison
    from bnstat.reports.compare_layers import LayerComparison
    from bnstat.reports.inspect import Report
    from bnstat.reports.layers import Layers
    from bnstat.reports.listing import Listing
    from bnstat.reports.plan import Plan
    from bnstat.reports.recording import Recording
    from bnstat.reports.scan import Scan

# A report with notes.
Told = TypeVar(
    "Told",
    "Check",
    "CheckpointComparison",
    "CheckpointReport",
    "Comparison",
    "LayerComparison",
    "Layers",
    "Listing",
    "Plan",
    "Recording",
    "Report",
    "Scan",
)


class Unread(Protocol):
    """An input that cannot be read, as an error or in a report."""

    @property
    def source(self) -> str:
        """The input."""

    @property
    def message(self) -> str:
        """What is wrong with it, and what to do."""


# The inputs that cannot be read of which each has a line on stderr.
_MOST_LINES = 10
# Parameters that have another name than their option, by that option without its dashes.
PARAMETERS = {"patch": "size", "patches": "number", "allow-protocol": "protocols", "layer": "layers"}
_OPTIONS = {parameter: option for option, parameter in PARAMETERS.items()}
# Expressions are compiled at their first use, since most runs have no such message.
# A parameter in a message of the library, with a value or without: `batch_size`, `batch_axis="none"`. It stands as a
# word of its own: what a user typed is quoted, and a file name goes on before or after its backticks.
_PARAMETER = r"(?<![^\s(])`([a-z][a-z_]*)(?:=([^`]*))?`(?![\w/\\'\"]|\.\w)"
# A command to paste up to the options that it adds; a folder may be quoted for the shell.
_TO_PASTE = r"as in: bnstat inspect (?:'[^']*'|\"'\"|[^\s'])+(?= --(?:suffix|channels) )"
# What click says of a text that is no number.
_NO_NUMBER = r"(?s)(.*) is not a valid (integer|float)(?: range)?"
# A size as Python writes it: `(96, 96, 96)`.
_TUPLE = r"\(\d+(?:, ?\d+)*,?\)"


def spelled(message: str) -> str:
    """Return a message of the library with its parameters spelled as options: `batch_size=1` as --batch-size 1."""
    return re.sub(_PARAMETER, _option, message)


def as_typed(message: str, argv: Sequence[str]) -> str:
    """Return a message with parameters spelled as options, and with the call that was typed in a command to paste.

    The library does not know the call: it writes `bnstat inspect FOLDER` before the options that answer a question.
    """
    from shlex import join

    typed = list(argv)
    for option in ("--suffix", "--channels"):  # once in a command: what the message says instead
        if f" {option} " in message and option in typed:
            place = typed.index(option)
            del typed[place : place + 2]
    return re.sub(_TO_PASTE, lambda _: f"as in: {join(['bnstat', *typed])}", spelled(message))


def of_input(source: str, message: str) -> str:
    """Return the line on an input that cannot be read: its name stays as the user typed it."""
    return f"{source}: {spelled(message)}"


def with_options(report: Told) -> Told:
    """Return a report whose notes and errors spell parameters as options, in every format of the command line."""
    from dataclasses import replace

    told: dict[str, Any] = {"notes": tuple(map(spelled, report.notes))}
    if hasattr(report, "errors"):
        told["errors"] = tuple(replace(error, message=spelled(error.message)) for error in report.errors)
    return replace(report, **told)


def refused_value(error: click.BadParameter) -> str:
    """Return the line on a value that an option does not take: the option first, as a user typed it."""
    said = error.message.removesuffix(".")
    if error.param is None:
        return said
    name = max(error.param.opts, key=len)
    number = re.fullmatch(_NO_NUMBER, said)
    if number:
        kind = "a whole number" if number[2] == "integer" else "a number"
        several = f"{name}s"
        known = error.ctx is not None and any(several in parameter.opts for parameter in error.ctx.command.params)
        hint = f"; for several, use {several}" if known and "," in number[1] else ""
        return f"{name} must be {kind}, and is {number[1]}{hint}"
    return f"{name}: {said}"


def _option(parameter: re.Match[str]) -> str:
    name, value = parameter.groups()
    option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
    return option if value is None else f"{option} {re.sub(_TUPLE, _size, value.strip(chr(34)))}"


def _size(numbers: re.Match[str]) -> str:
    return "x".join(re.findall(r"\d+", numbers[0]))


def complain(message: str) -> None:
    """Write an error to stderr, as one line."""
    _say(f"bnstat: error: {message}")


def complain_of(failures: Collection[Unread], *, listed: bool = True) -> None:
    """Write a line for each of the first inputs that cannot be read, and one that counts the others.

    Args:
        failures: the inputs.
        listed: True if the answer as JSON lists all of them; without an answer there is no JSON.
    """
    for failure in islice(failures, _MOST_LINES):
        complain(of_input(failure.source, failure.message))
    if len(failures) > _MOST_LINES:
        others = plural(len(failures) - _MOST_LINES, "more input")
        elsewhere = ", or see all of them with --format json" if listed else ""
        complain(f"{others} cannot be read; correct these first{elsewhere}")


def note(message: str) -> None:
    """Write a note to stderr, as one line."""
    _say(f"bnstat: note: {message}")


def tell_line(message: str) -> None:
    """Write what a command came to to stderr, as one line."""
    _say(f"bnstat: {message}")


def _say(message: str) -> None:
    """Write one line. Control characters, which a file name may have, are escaped."""
    line = printable(redacted(message).replace(NO_BREAK_SPACE, " "))
    with suppress(OSError):  # if stderr is full or closed, nobody can be told
        click.echo(line, err=True)
