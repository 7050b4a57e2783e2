"""The comparisons that `bnstat compare` makes, one a call, and which options each of them takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import click
from click.core import ParameterSource

from bnstat.cli.groups import COMPARISON, group_of
from bnstat.errors import UsageError

# Each comparison by the option that asks for it.
ComparisonName = Literal["batch_sizes", "frameworks", "normalizers", "epsilons", "intensities"]
COMPARISONS: tuple[ComparisonName, ...] = get_args(ComparisonName)
BATCH_SIZES: Literal["batch_sizes"] = "batch_sizes"

# The options that a comparison of batch sizes does not use: it takes one batch norm through all sizes, in closed form.
_OF_LAYERS = ("batch_size", "drop_last", "shuffle", "normalizer", "dtype", "threads", "emulate")
# The option whose values a comparison of layers compares, and which it therefore does not use.
_COMPARED = {"frameworks": "framework", "normalizers": "normalizer", "epsilons": "epsilon", "intensities": "intensity"}


def foreign(asked: ComparisonName, command: click.Command) -> tuple[str, ...]:
    """Return the parameters of the command that a comparison does not use."""
    if asked == BATCH_SIZES:
        return _OF_LAYERS
    own = (param.name for param in command.params if group_of(param) == COMPARISON)
    return (*(name for name in own if name and name not in COMPARISONS), _COMPARED[asked])


def comparison_of(context: click.Context) -> ComparisonName:
    """Return the comparison that is asked for; the command line overrules the environment, and this a settings file.

    Raises:
        UsageError: if two are asked for.
    """
    for source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP):
        asked = [name for name in COMPARISONS if context.get_parameter_source(name) == source]
        if len(asked) > 1:
            raise UsageError(
                f"{' and '.join(map(_option, asked))} ask for {len(asked)} comparisons, and one call makes one; "
                "call bnstat compare once for each"
            )
        if asked:
            return asked[0]
    return BATCH_SIZES


def own(asked: ComparisonName, context: click.Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a comparison takes; what environment or settings file say for another is left out.

    Raises:
        UsageError: if the command line has an option that it does not take.
    """
    useless = foreign(asked, context.command)
    for name in useless:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise UsageError(_refusal(asked, name, context.command))
    return {name: value for name, value in given.items() if name not in (*COMPARISONS, *useless)}


def _refusal(asked: ComparisonName, name: str, command: click.Command) -> str:
    option, by = _option(name), _option(asked)
    if _COMPARED.get(asked) == name:
        return (
            f"{option} cannot be used with {by}, whose first value is the one that the others are compared with; "
            f"remove {option}, and put its value first in {by}"
        )
    if asked != BATCH_SIZES:
        return (
            f"{option} cannot be used with {by}, because it is for a comparison of batch sizes; remove {option} or {by}"
        )
    if name == "batch_size":
        return "--batch-size has no effect when batch sizes are compared; type --batch-sizes instead, as in 1,2,4"
    others = [_option(other) for other in COMPARISONS[1:] if name not in foreign(other, command)]
    listed = " or ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)
    return f"{option} has no effect when batch sizes are compared; remove {option}, or add {listed}"


def _option(name: str) -> str:
    return "--no-emulate" if name == "emulate" else f"--{name.replace('_', '-')}"
