"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

import click

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "csv", "markdown")
COLORS = ("auto", "always", "never")
# Where --debug is remembered, in the object that all commands share.
DEBUG = "debug"


class BatchAxis(click.ParamType[int | str]):
    """A whole number, or "none"."""

    name = "K|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:  # noqa: ANN401
        """A number stays one; anything else but "none" is refused."""
        if isinstance(value, int) or value.lower() == "none":
            return value if isinstance(value, int) else "none"
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a whole number nor 'none'", param, ctx)


class Momentum(click.ParamType[float | str]):
    """A number, or "none"."""

    name = "M|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:  # noqa: ANN401
        """A number stays one; anything else but "none" is refused."""
        if isinstance(value, (int, float)):  # a whole number is one of a settings file
            return float(value)
        if value.lower() == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor 'none'", param, ctx)


def _remember_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and isinstance(context.obj, dict):
        context.obj[DEBUG] = True


def paths(function: F) -> F:
    """The inputs: files and directories, and lists of them."""
    return _listed(function, required=True)


def paths_if_any(function: F) -> F:
    """The same for a command that can do without."""
    return _listed(function, required=False)


def _listed(function: F, *, required: bool) -> F:
    """The command gets the arguments with every list in their place."""

    @wraps(function)
    def command(*args: Any, paths: tuple[str, ...], files_from: str | None, null: bool, **given: Any) -> Any:  # noqa: ANN401
        from bnstat.cli.lists import joined  # noqa: PLC0415  (not needed for --help)

        found = joined(paths, files_from, "\0" if null else "\n")
        if required and not found:
            raise click.UsageError("Missing argument 'PATH...'.", click.get_current_context())
        return function(*args, paths=found, **given)

    wrapped: Callable[..., Any] = command
    for option in (
        click.option("-0", "--null", is_flag=True, help="Paths in a list end with NUL, as of find -print0."),
        click.option(
            "--files-from", metavar="FILE", help="Also the paths in this file, one a line; - is standard input."
        ),
        click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path(readable=False)),
    ):
        wrapped = option(wrapped)
    return cast(F, wrapped)


def tensor(function: F) -> F:
    """How files become a batched tensor."""
    for option in (
        click.option(
            "--axis",
            type=int,
            default=-1,
            show_default=True,
            help="Axis of the batched tensor that is kept, as Keras means it; all others are reduced.",
        ),
        click.option(
            "--batch-axis",
            type=BatchAxis(),
            default=None,
            help="Axis of each file whose entries are samples (3 for a time series). "
            "An array (.npy) has its samples on axis 0, unless 'none'.",
        ),
    ):
        function = option(function)
    return function


def batches(function: F) -> F:
    """How samples become batches."""
    return batching(click.option("--seed", type=int, default=0, show_default=True, help="Seed of --shuffle.")(function))


def batching(function: F) -> F:
    """The same without the seed, which may be that of more."""
    for option in (
        click.option("--shuffle", is_flag=True, help="Permute the samples before they are grouped."),
        click.option("--drop-last", is_flag=True, help="Leave out a last batch of fewer samples."),
        click.option("-b", "--batch-size", type=int, default=1, show_default=True, help="Samples in a batch."),
    ):
        function = option(function)
    return function


def framework(function: F) -> F:
    """Whose layer is asked about."""
    text = "Whose layer: keras, torch, …; see `bnstat frameworks`."
    return click.option("--framework", default="keras", show_default=True, metavar="NAME", help=text)(function)


def normalizer(function: F) -> F:
    """What kind of layer."""
    text = "batch, instance, layer, group:G (G groups of channels), rms, renorm or weight-init.  [default: batch]"
    return click.option("--normalizer", default=None, metavar="NAME", help=text)(function)


def ranks(function: F) -> F:
    """Over how many computers batch norm is synchronized."""
    text = "Ranks that take a step together, each with a batch: shown alone and synchronized (SyncBN)."
    return click.option("--ranks", type=int, default=1, show_default=True, metavar="R", help=text)(function)


def epsilon(function: F) -> F:
    """Its ε."""
    return click.option("--epsilon", type=float, default=None, help="[default: the framework's]")(function)


def momentum(function: F) -> F:
    """Its momentum."""
    text = "In the framework's own convention; none is PyTorch's cumulative mean.  [default: the framework's]"
    return click.option("--momentum", type=Momentum(), default=None, help=text)(function)


def arithmetic(function: F) -> F:
    """What the framework's own arithmetic depends on."""
    for option in (
        click.option(
            "--emulate/--no-emulate",
            default=True,
            show_default=True,
            help="Do the sums of a preset that adds value after value again, in a second pass over the voxels.",
        ),
        click.option("--threads", type=int, default=None, help="Threads that the framework has.  [default: 1 to 64]"),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "float16", "bfloat16"]),
            default="float32",
            show_default=True,
            help="Type of the layer's input.",
        ),
    ):
        function = option(function)
    return function


@dataclass(frozen=True)
class Output:
    """How and where an answer is written."""

    format: str
    every_row: bool
    file: str | None
    quiet: bool
    color: str


def output_as(formats: Sequence[str]) -> Callable[[F], F]:
    """How and where the answer is written, in one of these formats: the command gets it as one value, `to`."""

    def decorate(function: F) -> F:
        @wraps(function)
        def command(**given: Any) -> Any:  # noqa: ANN401  (whatever the command takes and returns)
            names = ("format", "all", "output", "quiet", "color")
            return function(to=Output(*(given.pop(name) for name in names)), **given)

        wrapped: Callable[..., Any] = command
        for option in _output_options(formats):
            wrapped = option(wrapped)
        return cast(F, wrapped)

    return decorate


_DEBUG_OPTION = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_remember_debug, help="On a defect, show the trace."
)
_QUIET_OPTION = click.option("-q", "--quiet", is_flag=True, help="No progress and no notes.")


def telling(function: F) -> F:
    """What a command whose answer is a file says beside it."""
    return _QUIET_OPTION(_DEBUG_OPTION(function))


def _output_options(formats: Sequence[str]) -> tuple[Callable[..., Any], ...]:
    return (
        _DEBUG_OPTION,
        click.option(
            "--color", type=click.Choice(COLORS), default="auto", show_default=True, help="Colours in the table."
        ),
        _QUIET_OPTION,
        click.option("-o", "--output", type=click.Path(readable=False), help="Write to a file instead."),
        click.option("--all", is_flag=True, help="Every row, where the table would show 20."),
        click.option(
            "--format", type=click.Choice(formats), default="table", show_default=True, help="For people or programs."
        ),
    )


# The formats that most commands have.
output = output_as(FORMATS)
