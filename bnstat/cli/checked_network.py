"""`bnstat check --model`: which options a check of a network takes, and which a check of volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from bnstat.cli import networks
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.workflows.layers import LayersSettings

# What is about a layer at the input: those of a network have their own settings.
_OF_LAYER = ("framework", "normalizer", "epsilon", "momentum", "ranks", "dtype", "threads", "emulate")
# What is about batches of a layer at the input, or about volumes.
_OF_VOLUMES = ("shuffle", "drop_last", "steps", "reference")


def refuse_network(context: click.Context) -> None:
    """Refuse an option on a network where there is none.

    Raises:
        UsageError: if one was typed.
    """
    for name in networks.PARAMETERS:
        if (option := _typed(context, name)) is not None:
            raise UsageError(f"{option} is about a network; name it with --model, as in --model mynet:build")


def network_of(context: click.Context, model: str, settings: Mapping[str, Any]) -> LayersSettings:
    """Return what is asked of the network.

    Raises:
        UsageError: if an option is about a layer at the input, or one of the values is wrong.
    """
    for name in (*_OF_LAYER, *_OF_VOLUMES):
        if (option := _typed(context, name)) is not None:
            why = "whose layers have their own settings" if name in _OF_LAYER else "where volumes are not judged"
            raise UsageError(f"{option} has no effect with --model, {why}; remove {option} or --model")
    return networks.asked_of(model, settings)


def own_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a check without those of a layer at the input, which is not judged."""
    left = (*_OF_LAYER, *_OF_VOLUMES)
    return {name: value for name, value in settings.items() if name not in left} | {"framework": "torch"}


def _typed(context: click.Context, name: str) -> str | None:
    """Return the option that was typed for a parameter; None if it was not."""
    if context.get_parameter_source(name) != ParameterSource.COMMANDLINE:
        return None
    option = next(param for param in context.command.params if param.name == name)
    return max(option.opts, key=len)
