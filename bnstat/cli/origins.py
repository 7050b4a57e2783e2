"""Where the value of an option came from, and which of two origins is stronger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bnstat.cli.groups import Option

if TYPE_CHECKING:
    from bnstat.cli.config import Config
    from bnstat.sources.trainings.training import Training

# What a command keeps in its context: its settings file, the origin of values that a training's file has set, and this
# training.
CONFIG, SET, TRAINING = "bnstat.cli.config", "bnstat.cli.set", "bnstat.cli.training"
# The options that name a training's own file, from which other options take their values.
TRAININGS = ("plans", "monai")
# Origins from the weakest to the strongest; a settings file has two, its common table and that of the command.
_DEFAULT, _COMMON, _OWN, _ENVIRONMENT, _COMMAND_LINE = range(5)


def config_of(context: click.Context) -> Config:
    """Return the settings in the file that gives a command its defaults; empty ones without a file."""
    found: Config | None = context.meta.get(CONFIG)
    if found is not None:
        return found
    from bnstat.cli.config import Config

    return Config()


def taken_from(context: click.Context) -> Training | None:
    """Return the training whose settings a command has taken; None if it was given none."""
    found: Training | None = context.meta.get(TRAINING)
    return found


def origin_of(context: click.Context, name: str) -> str:
    """Return where the value of a parameter came from, as `--show-settings` says it."""
    own: str | None = context.meta.get(SET, {}).get(name)
    if own is not None:
        return own
    source = context.get_parameter_source(name)
    if is_of_file(context, name):
        return config_of(context).origins[key_of(context, name)]
    return {ParameterSource.COMMANDLINE: "command line", ParameterSource.ENVIRONMENT: "environment"}.get(
        source or ParameterSource.DEFAULT, "default"
    )


def strength_of(context: click.Context, name: str) -> int:
    """Return how strong the origin of a parameter is: 0 for a default, and more for what overrules more."""
    if is_of_file(context, name):
        return _OWN if key_of(context, name) in config_of(context).own else _COMMON
    source = context.get_parameter_source(name)
    strong = {ParameterSource.COMMANDLINE: _COMMAND_LINE, ParameterSource.ENVIRONMENT: _ENVIRONMENT}
    return strong.get(source or ParameterSource.DEFAULT, _DEFAULT)


def is_of_file(context: click.Context, name: str | None) -> bool:
    """Return True if the value of a parameter is that of a settings file."""
    return name is not None and context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP


def key_of(context: click.Context, name: str) -> str:
    """Return the key of a parameter in a settings file."""
    options = (param for param in context.command.params if isinstance(param, Option))
    return next(param.key for param in options if param.name == name)
