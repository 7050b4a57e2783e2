"""`--plans` and `--monai`: options whose file gives other options their values.

A value of the file is used where the option was not given, or was given in a weaker place than the file was: with
`--plans` on the command line only the command line overrules it, and with `plans` in a settings file everything does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from bnstat.cli.messages import PARAMETERS
from bnstat.cli.origins import SET, TRAINING, TRAININGS, strength_of
from bnstat.cli.parameter_types import NO_PATCH
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.sources.trainings.training import Training

# What is about patches, and is of no use where whole volumes are asked for.
_OF_PATCHES = ("number", "per_volume", "foreground", "pad", "intensity_per")
_NAMES = {parameter: option.replace("-", "_") for option, parameter in PARAMETERS.items()}


def take_values(context: click.Context, unused: Collection[str]) -> None:
    """Put the values of a training's file in place of options that nobody has given more strongly.

    Args:
        context: the context of the command.
        unused: the parameters that this call does not use.

    Raises:
        UsageError: if two files are given.
        InputError: if the file cannot be read.
    """
    asked = [name for name in TRAININGS if context.params.get(name) is not None]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in asked)} describe two trainings; give one of them")
    training = _read(asked[0], context.params[asked[0]])
    strength = strength_of(context, asked[0])
    taken: list[str] = []
    overruled: list[str] = []
    for name in training.values:
        option = _NAMES.get(name, name)
        if option not in context.params or option in unused:
            continue
        own = strength_of(context, option)
        (overruled if own and own >= strength else taken).append(name)
    if "size" in overruled and context.params["patch"] == NO_PATCH:
        taken = [name for name in taken if name not in _OF_PATCHES]
    if "intensity" in overruled:  # so that these are other steps than those that it is about
        taken = [name for name in taken if name != "intensity_per"]
    context.params |= {_NAMES.get(name, name): training.values[name] for name in taken}
    context.meta[SET] = dict.fromkeys((_NAMES.get(name, name) for name in taken), training.title)
    context.meta[TRAINING] = training.taking(taken, overruled, _unlike(training, unused))


def _unlike(training: Training, unused: Collection[str]) -> list[str]:
    """Return a note if the network has another layer than batch norm, and batch sizes are compared."""
    own = training.values.get("normalizer", "batch")
    if own == "batch" or not {"normalizer", "batch_size"} <= set(unused):
        return []
    return [
        f"the network has {own} norm, whose statistics no batch size changes; this comparison is of batch norm in its "
        "place"
    ]


def _read(option: str, name: str) -> Training:
    if option == "plans":
        from bnstat.sources.trainings.nnunet import training_of
    else:
        from bnstat.sources.trainings.monai import training_of
    return training_of(name)
