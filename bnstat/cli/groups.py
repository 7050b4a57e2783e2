"""Options in groups: the same headings in the same order in every command's `--help` and in the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from bnstat.text import closest
from bnstat.version import where_docs

F = TypeVar("F", bound=Callable[..., Any])

COMPARISON, RULES, NETWORK = "Comparison", "Rules", "Network"
INPUT, LAYER, PREPROCESSING, PATCHES = "Input", "Layer", "Preprocessing", "Patches"
READING, SETTINGS, OUTPUT = "Reading", "Settings", "Output"
# In the order of --help: first what one command alone has, then what commands share.
GROUPS = (COMPARISON, RULES, NETWORK, INPUT, LAYER, PREPROCESSING, PATCHES, READING, SETTINGS, OUTPUT)

# The widest first column of --help; a longer option stands on a line of its own.
_COLUMN = 26


class Option(click.Option):
    """An option of a command.

    Args:
        group: the heading of `--help` that lists it.
        in_file: False if a settings file must not set it.
        shown: False if `--show-settings` leaves it out.
    """

    def __init__(self, *args: Any, group: str, in_file: bool = True, shown: bool = True, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.group, self.in_file, self.shown = group, in_file, shown

    @property
    def key(self) -> str:
        """The option without its dashes, as a settings file names it."""
        return max(self.opts, key=len).removeprefix("--")


class Command(click.Command):
    """A command whose `--help` lists its options in groups."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"epilog": where_docs(), **settings})

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line. For an option that does not exist, name the ones that it is the beginning of."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [name for param in self.params for name in param.opts if name.startswith("--")]
            begun = sorted((name for name in known if name.startswith(error.option_name)), key=len)
            near = begun[:1] if error.option_name.startswith("--") and begun else closest(error.option_name, known)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"no such option {error.option_name}{hint}", ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each group under its heading; all groups have columns of the same width."""
        records: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                records[group_of(param)].append(record)
        longest = max(len(term) for group in records.values() for term, _ in group)
        width = min(longest, _COLUMN)
        for group, rows in records.items():
            if rows:
                with formatter.section(group):
                    formatter.write_dl([(f"{term:{width}}", text) for term, text in rows], col_max=_COLUMN)


def option(*names: str, group: str, **settings: Any) -> Callable[[F], F]:
    """Return a decorator that adds an option to a command."""
    return click.option(*names, cls=Option, group=group, **settings)


def together(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator for several options or arguments, which `--help` lists in this order."""

    def decorate(function: F) -> F:
        for one in reversed(decorators):
            function = one(function)
        return function

    return decorate


def group_of(param: click.Parameter) -> str:
    """Return the heading that lists an option; click's own `--help` is listed last."""
    return param.group if isinstance(param, Option) else OUTPUT
