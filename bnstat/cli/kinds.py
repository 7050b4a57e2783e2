"""The kinds of comparison that `bnstat compare` makes, one a call, and which options each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args

import click
from click.core import ParameterSource

from bnstat.errors import UsageError

Item = TypeVar("Item")

# Each kind by the option that asks for it.
Kind = Literal["batch_sizes", "frameworks", "normalizers", "epsilons"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BATCH_SIZES: Literal["batch_sizes"] = "batch_sizes"

_OF_BATCH_SIZES = (
    *("population", "draws", "steps", "group_by", "tolerance_noise", "tolerance_shortfall", "tolerance_gap"),
    *("save_population", "plot"),
)
_OF_LAYERS = ("batch_size", "drop_last", "shuffle", "normalizer", "dtype", "threads", "emulate")

# What each kind has no use for.
_FOREIGN: dict[Kind, tuple[str, ...]] = {
    BATCH_SIZES: _OF_LAYERS,
    "frameworks": (*_OF_BATCH_SIZES, "framework"),
    "normalizers": (*_OF_BATCH_SIZES, "normalizer"),
    "epsilons": (*_OF_BATCH_SIZES, "epsilon"),
}


class Listed(click.ParamType[tuple[Item, ...]]):
    """Several of one kind with commas between them."""

    def __init__(self, item: Callable[[str], Item], name: str, what: str) -> None:
        self.item, self.name, self.what = item, name, what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Item, ...]:  # noqa: ANN401
        """Each part is one; nothing between two commas is none."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        try:
            if not all(parts):
                raise ValueError
            return tuple(self.item(part) for part in parts)
        except ValueError:
            self.fail(f"{value!r} is not a list of {self.what}", param, ctx)


def kind_of(context: click.Context) -> Kind:
    """Which comparison is asked for; a command line outdoes the environment.

    Raises:
        UsageError: two are asked for.
    """
    for source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT):
        asked = [name for name in KINDS if context.get_parameter_source(name) == source]
        if len(asked) > 1:
            raise UsageError(
                f"{' and '.join(map(_option, asked))} are {len(asked)} comparisons, and a call makes one; "
                "call bnstat compare once for each"
            )
        if asked:
            return asked[0]
    return BATCH_SIZES


def own(kind: Kind, context: click.Context, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that this kind takes; the environment's standing wishes for another kind are left aside.

    Raises:
        UsageError: the command line has one that it does not take.
    """
    for name in _FOREIGN[kind]:
        if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            raise UsageError(_refusal(kind, name))
    return {name: value for name, value in given.items() if name not in (*KINDS, *_FOREIGN[kind])}


def _refusal(kind: Kind, name: str) -> str:
    option, asked = _option(name), _option(kind)
    if option + "s" == asked and kind != BATCH_SIZES:
        return f"{option} and {asked} cannot go together: the first of {asked} is what others are compared with"
    if kind == BATCH_SIZES:
        if name == "batch_size":
            return "a comparison of batch sizes has no --batch-size; name them in --batch-sizes, as in 1,2,4"
        others = " or ".join(_option(other) for other in KINDS[1:] if name not in _FOREIGN[other])
        return f"a comparison of batch sizes has no use for {option}, which goes with {others}; leave it out"
    return f"{option} belongs to a comparison of batch sizes and not to {asked}; leave it out"


def _option(name: str) -> str:
    return "--no-emulate" if name == "emulate" else f"--{name.replace('_', '-')}"
