"""The comparisons that `bnstat compare` makes, one a call, and which options each of them takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import click
from click.core import ParameterSource

from bnstat.cli.groups import COMPARISON, group_of
from bnstat.errors import UsageError

# Each comparison by the option that asks for it.
Kind = Literal["batch_sizes", "frameworks", "normalizers", "epsilons"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BATCH_SIZES: Literal["batch_sizes"] = "batch_sizes"

# What a comparison of batch sizes has no use for: it goes through all sizes of one batch norm, in closed form.
OF_LAYERS = ("batch_size", "drop_last", "shuffle", "normalizer", "dtype", "threads", "emulate")
# What else a comparison of layers has no use for: the option whose values are compared.
_COMPARED = {"frameworks": "framework", "normalizers": "normalizer", "epsilons": "epsilon"}


def foreign(kind: Kind, command: click.Command) -> tuple[str, ...]:
    """Return the parameters of the command that a comparison has no use for."""
    if kind == BATCH_SIZES:
        return OF_LAYERS
    own = (param.name for param in command.params if group_of(param) == COMPARISON)
    return (*(name for name in own if name and name not in KINDS), _COMPARED[kind])


def kind_of(context: click.Context) -> Kind:
    """Return the comparison that is asked for; the command line overrules the environment.

    Raises:
        UsageError: if two are asked for.
    """
    for source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        asked = [name for name in KINDS if context.get_parameter_source(name) == source]
        if len(asked) > 1:
            raise UsageError(
                f"{' and '.join(map(_option, asked))} ask for {len(asked)} comparisons, and one call makes one; "
                "call bnstat compare once for each"
            )
        if asked:
            return asked[0]
    return BATCH_SIZES


def own(kind: Kind, context: click.Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a comparison takes; what the environment says for another comparison is left out.

    Raises:
        UsageError: if the command line has an option that it does not take.
    """
    useless = foreign(kind, context.command)
    for name in useless:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise UsageError(_refusal(kind, name, context.command))
    return {name: value for name, value in given.items() if name not in (*KINDS, *useless)}


def _refusal(kind: Kind, name: str, command: click.Command) -> str:
    option, asked = _option(name), _option(kind)
    if _COMPARED.get(kind) == name:
        return f"{option} and {asked} exclude each other: the first of {asked} is what others are compared with"
    if kind == BATCH_SIZES:
        if name == "batch_size":
            return "a comparison of batch sizes takes no --batch-size; name them in --batch-sizes, as in 1,2,4"
        others = " or ".join(_option(other) for other in KINDS[1:] if name not in foreign(other, command))
        return f"a comparison of batch sizes does not use {option}, which goes with {others}; drop it"
    return f"{option} belongs to a comparison of batch sizes, not to {asked}; drop it"


def _option(name: str) -> str:
    return "--no-emulate" if name == "emulate" else f"--{name.replace('_', '-')}"
