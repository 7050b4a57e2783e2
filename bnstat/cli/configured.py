"""Commands that take settings from a file: `--config` and `--show-settings` on each, and where each setting is from."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import exit_codes, groups
from bnstat.cli.origins import CONFIG, TRAININGS, config_of, is_of_file, key_of, origin_of
from bnstat.cli.parameter_types import Written
from bnstat.errors import UsageError
from bnstat.escapes import logged
from bnstat.sources.regular import read_regular
from bnstat.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from bnstat.cli.config import Key

# A setting as --show-settings prints it: its name, its value, and where it came from.
Shown = tuple[str, object, str]

# Where it is remembered that a command shall print its settings.
_SHOW = "bnstat.cli.show-settings"
_NAMES = ("bnstat.toml", "pyproject.toml")
# What a pyproject.toml that speaks of bnstat contains; any other is not parsed, which takes milliseconds.
_MARK = b"bnstat"


class Command(groups.Command):
    """A command whose defaults may come from a file. A message about such a default names that file.

    Args:
        also_shown: yields what `--show-settings` prints after the options.
        unused: returns the parameters that this call does not use.
        implied: returns what the call implies in place of an option that names a training, if none is given: the
            parameter and its value; None if it implies nothing.
        handed_on: True if other people read what the command writes, so that it names files as they are from here.
    """

    def __init__(
        self,
        *args: Any,
        also_shown: Callable[[click.Context], Iterator[Shown]] | None = None,
        unused: Callable[[click.Context], Collection[str]] | None = None,
        implied: Callable[[click.Context], tuple[str, str] | None] | None = None,
        handed_on: bool = False,
        **given: Any,
    ) -> None:
        super().__init__(*args, **given)
        self.also_shown, self._unused, self._implied = also_shown, unused, implied
        self.handed_on = handed_on
        self.params += _options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line, with the defaults of the settings file and the values of a training's own file."""
        rest = self._parsed(ctx, args)
        given = any(ctx.params.get(name) is not None for name in TRAININGS)
        if not given and self._implied is not None and (found := self._implied(ctx)) is not None:
            ctx.params[found[0]], given = found[1], True
        if given:
            from bnstat.cli.trainings import take_values

            take_values(ctx, self._unused(ctx) if self._unused else ())
        return rest

    def _parsed(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            param = error.param
            if param is None or not is_of_file(ctx, param.name):
                raise
            raise UsageError(_refused_default(ctx, param, error.message)) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command, or print its settings if these are asked for."""
        if not ctx.meta.get(_SHOW):
            from bnstat.cli.named_files import note_inputs, refuse_same_outputs

            refuse_same_outputs(ctx)
            note_inputs(ctx)
            return super().invoke(ctx)
        click.echo(_shown(ctx), nl=False)
        return exit_codes.CLEAN


# What a command is declared with.
command = partial(click.command, cls=Command)


def _options() -> list[click.Parameter]:
    """Return the options on settings, which are the same in every command."""
    return [
        groups.Option(
            ["--config"],
            group=groups.SETTINGS,
            metavar="FILE",
            in_file=False,
            is_eager=True,
            expose_value=False,
            callback=_configure,
            help="Read settings from this bnstat.toml, or pyproject.toml with [tool.bnstat].  [default: the nearest "
            "one upwards]",
        ),
        groups.Option(
            ["--show-settings"],
            group=groups.SETTINGS,
            is_flag=True,
            in_file=False,
            expose_value=False,
            callback=_remember_show,
            help="Print each setting with its origin, and exit.",
        ),
    ]


def _remember_show(context: click.Context, _: click.Parameter, value: bool) -> None:
    context.meta[_SHOW] = value


def _configure(context: click.Context, _: click.Parameter, file: str | None) -> str | None:
    """Read the settings file before other options, whose defaults it gives."""
    from pathlib import Path

    nearest = _nearest() if file is None else Path(file)
    if nearest is None:
        return file
    from bnstat.cli import config

    name = context.info_name or ""
    found = config.load(nearest, name, _KeysByCommand(context))
    if found is None:  # a pyproject.toml that has another table of this name
        return file
    context.meta[CONFIG] = found
    keys = config.keys_of(context.command)
    values: Mapping[str, Any] = found.values
    if file is None and isinstance(context.command, Command) and context.command.handed_on:
        values = _from_here(values, str(nearest.parent))
    context.default_map = {keys[key].parameter: value for key, value in values.items()}
    return file


def _from_here(values: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return values with paths below a folder as a user would type them here, not from the root of the machine."""
    try:
        near = os.path.relpath(folder)
    except ValueError:  # on another drive
        return dict(values)
    start = "" if near == os.curdir else f"{near}{os.sep}"
    return {
        key: value.replace(f"{folder}{os.sep}", start) if isinstance(value, str) else value
        for key, value in values.items()
    }


def _nearest() -> Path | None:
    """Return the nearest settings file upwards from the current folder; None if there is none."""
    from pathlib import Path

    try:
        start = Path.cwd()
    except OSError:  # the folder does not exist any more, or nobody may look into it
        return None
    for folder in (start, *start.parents):
        for name in _NAMES:
            file = folder / name
            if _is_file(file) and (name == _NAMES[0] or _has_table(file)):
                return file
    return None


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a folder that must not be looked into
        return False


def _has_table(project: Path) -> bool:
    try:
        if _MARK not in read_regular(project):
            return False
    except OSError as error:
        raise UsageError(f"{project}: cannot be read: {error.strerror}") from error
    from bnstat.cli.config import has_table

    return has_table(project)


class _KeysByCommand(Mapping[str, "Mapping[str, Key]"]):
    """The keys of each command, whose module is imported when its keys are asked for."""

    def __init__(self, context: click.Context) -> None:
        self._own, self._context = context.command, context

    def __getitem__(self, name: str) -> Mapping[str, Key]:
        from bnstat.cli.config import keys_of

        above = self._context.parent
        if name == self._context.info_name or above is None:
            return keys_of(self._own)
        assert isinstance(above.command, click.Group)
        found = above.command.get_command(above, name)
        if found is None:
            raise KeyError(name)
        return keys_of(found)

    def __iter__(self) -> Iterator[str]:
        above = self._context.parent
        if above is None or not isinstance(above.command, click.Group):
            return iter((self._context.info_name or "",))
        return iter(above.command.list_commands(above))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _refused_default(context: click.Context, param: click.Parameter, message: str) -> str:
    """Return the message on a value of a settings file that an option does not take."""
    assert param.name is not None
    key = key_of(context, param.name)
    found = config_of(context)
    shared = isinstance(param.type, click.Choice) and key not in found.own
    hint = "; write what is for one command alone into its own table, as in [check]" if shared else ""
    return f"{found.origins[key]}: {key}: {message.removesuffix('.')}{hint}"


def _shown(context: click.Context) -> str:
    """Return each setting with its value and its origin, a line each."""
    rows = texts(context)
    widths = [max((len(row[place]) for row in rows), default=0) for place in (0, 1)]
    return logged("".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}\n" for name, value, origin in rows))


def texts(context: click.Context) -> list[tuple[str, str, str]]:
    """Return the name, the value as text and the origin of each setting of a call, as --show-settings prints them."""
    command = context.command
    also = command.also_shown if isinstance(command, Command) else None
    rows = [*_options_shown(context), *(also(context) if also else ())]
    return [(name, printable(_text(value)), printable(origin)) for name, value, origin in rows]


def _options_shown(context: click.Context) -> Iterator[Shown]:
    """Yield the name, the value and the origin of each option that is a setting, by name."""
    named = {param.name: param for param in context.command.params if isinstance(param, groups.Option)}
    rows = [(named[name], value) for name, value in context.params.items() if name in named]
    for option, value in sorted(rows, key=lambda row: row[0].key):
        if option.shown:
            typed = option.type.written(value) if isinstance(option.type, Written) else value
            yield option.key, typed, origin_of(context, option.name or "")


def _text(value: object) -> str:
    """Return a value as --show-settings prints it; a dash for none."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "–"
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
