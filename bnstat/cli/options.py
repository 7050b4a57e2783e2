"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, cast, get_args

import click

from bnstat.cli.groups import INPUT, LAYER, OUTPUT, option, together
from bnstat.cli.parameter_types import Momentum
from bnstat.cli.shared import DEBUG
from bnstat.moments.input_type import InputType

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "csv", "markdown", "html")
COLORS = ("auto", "always", "never")
# The framework whose layer is asked about if none is named.
FRAMEWORK = "keras"

axis = option(
    "--axis",
    group=LAYER,
    type=int,
    metavar="K",
    default=-1,
    show_default=True,
    help="Keep this axis of the batched tensor, as Keras means it, and reduce all others.",
)

_BATCHES = (
    option(
        "-b",
        "--batch-size",
        group=INPUT,
        type=int,
        metavar="N",
        default=1,
        show_default=True,
        help="Put this many samples in a batch.",
    ),
    option("--shuffle", group=INPUT, is_flag=True, help="Shuffle the samples before batches are made."),
    option("--drop-last", group=INPUT, is_flag=True, help="Drop the last batch if it has fewer samples."),
)

_LAYER = (
    option(
        "--framework",
        group=LAYER,
        default=FRAMEWORK,
        show_default=True,
        metavar="NAME",
        help="Use the conventions of this framework (keras, torch, …); `bnstat frameworks` lists all.",
    ),
    option(
        "--normalizer",
        group=LAYER,
        metavar="NAME",
        help="Compute this normalization: batch, instance, layer, group:G (G groups of channels), rms, renorm or "
        "weight-init.  [default: batch]",
    ),
    option(
        "--epsilon",
        group=LAYER,
        type=float,
        metavar="E",
        help="Add this ε (epsilon) to the variance.  [default: the framework's]",
    ),
    option(
        "--momentum",
        group=LAYER,
        type=Momentum(),
        help="Update the running statistics with this momentum, in the framework's own convention; none is PyTorch's "
        "cumulative average.  [default: the framework's]",
    ),
    axis,
    option(
        "--ranks",
        group=LAYER,
        type=int,
        metavar="R",
        default=1,
        show_default=True,
        help="Train on this many ranks (processes) at once, each with its own batch; also synchronized (SyncBN).",
    ),
    option(
        "--dtype",
        group=LAYER,
        type=click.Choice(get_args(InputType)),
        metavar="TYPE",
        default="float32",
        show_default=True,
        help="Feed the layer this data type: float32, float16 or bfloat16.",
    ),
    option(
        "--threads",
        group=LAYER,
        type=int,
        metavar="N",
        help="Assume that the framework computes with this many threads.  [default: 1 to 64]",
    ),
    option(
        "--emulate/--no-emulate",
        group=LAYER,
        default=True,
        show_default=True,
        help="Repeat the sums of a framework that adds one value after another, in a second pass over the voxels.",
    ),
)

# The layer that is asked about, and the batches that it sees.
layer: Callable[[F], F] = together(*_BATCHES, *_LAYER)


@dataclass(frozen=True)
class Output:
    """How and where an answer is written.

    Attributes:
        format: the name of a renderer.
        every_row: True if a table has all rows.
        file: a path instead of standard output; None for standard output.
        quiet: True without progress and notes.
        color: one of `COLORS`.
    """

    format: str
    every_row: bool
    file: str | None
    quiet: bool
    color: str


def output_as(formats: Sequence[str]) -> Callable[[F], F]:
    """Return a decorator for a command that answers in one of these formats; it gets one value, `to`.

    The first format is the default. A command without a table has no options on how a table is shown.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def command(**given: Any) -> object:
            absent = {"all": False, "color": "auto"}
            names = ("format", "all", "output", "quiet", "color")
            to = Output(*(given.pop(name, absent.get(name)) for name in names))
            if to.file is not None:
                from bnstat.cli.file_formats import format_for

                to = replace(to, format=format_for(to.file, to.format, formats))
            return function(to=to, **given)

        return together(*_output_options(formats))(cast(F, command))

    return decorate


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and isinstance(context.obj, dict):
        context.obj[DEBUG] = True


_QUIET = option(
    "-q", "--quiet", group=OUTPUT, is_flag=True, in_file=False, shown=False, help="Hide progress and notes."
)
_DEBUG = option(
    "--debug",
    group=OUTPUT,
    is_flag=True,
    in_file=False,
    expose_value=False,
    callback=_remember_debug,
    help="Show the Python traceback of a defect in bnstat.",
)

_ALL = option(
    "--all",
    group=OUTPUT,
    is_flag=True,
    in_file=False,
    shown=False,
    help="Show every row of a table, not only 20.",
)
_FILE = option(
    "-o",
    "--output",
    group=OUTPUT,
    type=click.Path(readable=False),
    metavar="FILE",
    in_file=False,
    shown=False,
    help="Write the answer to this file instead of standard output; its ending, as .json, chooses the format.",
)
_COLOR = option(
    "--color",
    group=OUTPUT,
    type=click.Choice(COLORS),
    metavar="WHEN",
    default="auto",
    show_default=True,
    in_file=False,
    shown=False,
    help="Color the table: auto, always or never.",
)

# What a command whose answer is a file says beside it.
telling: Callable[[F], F] = together(_QUIET, _DEBUG)


def _output_options(formats: Sequence[str]) -> tuple[Callable[[F], F], ...]:
    """Return the options on the output; those on a table only where the command has one."""
    if "table" not in formats:
        return _format(formats), _FILE, _QUIET, _DEBUG
    return _format(formats), _ALL, _FILE, _COLOR, _QUIET, _DEBUG


def _format(formats: Sequence[str]) -> Callable[[F], F]:
    return option(
        "--format",
        group=OUTPUT,
        type=click.Choice(formats),
        metavar="FORMAT",
        default=formats[0],
        show_default=True,
        help=f"Write the answer as {', '.join(formats[:-1])} or {formats[-1]}.",
    )


# The formats that most commands have.
output: Callable[[F], F] = output_as(FORMATS)
