"""`bnstat plan`: how many values a channel has at each depth, and where training stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import configured, exit_codes, options
from bnstat.cli.groups import NETWORK, option
from bnstat.cli.parameter_types import Sizes, Written
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.reports.plan import Plan


# The options that a plans file has values of.
_OF_NETWORK = ("patch", "levels", "strides", "batch_size", "configuration")


class Strides(Written[tuple[Any, ...]]):
    """A stride for each level after the first, as in 2,2,1x2x2."""

    name = "S,S,…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """Return a number for all axes, or sizes along each, for every level."""
        if isinstance(value, tuple):
            return value
        steps = [Sizes().convert(part, param, ctx) for part in str(value).split(",")]
        return tuple(step[0] if len(step) == 1 else step for step in steps)


class Rounding(Written[tuple[str, ...]]):
    """How sizes are rounded, for all levels or for each level after the first, as in conv,pool,pool."""

    name = "conv|pool,…"
    kinds = (str, list)

    def convert(self, value: object, *_: object) -> tuple[str, ...]:
        """Return the ways; which of them exist, and how many are needed, is known further down."""
        if isinstance(value, (tuple, list)):
            return tuple(map(str, value))
        return tuple(part.strip() for part in str(value).split(","))


@configured.command()
@click.argument("plans_file", required=False, metavar="[PLANS.json]", type=click.Path(readable=False))
@option(
    "--patch",
    group=NETWORK,
    type=Sizes(),
    help="Size of the network's input in file order, as in 128x128x64; one number for a cube.",
)
@option(
    "--levels", group=NETWORK, type=int, metavar="N", help="Give the encoder this many levels; the first is the patch."
)
@option(
    "--strides", group=NETWORK, type=Strides(), help="Divide by these strides after the first level.  [default: 2 each]"
)
@option(
    "-b", "--batch-size", group=NETWORK, type=int, metavar="N", help="Put this many patches in a batch.  [default: 2]"
)
@option(
    "--downsample",
    group=NETWORK,
    type=Rounding(),
    default="conv",
    show_default=True,
    help="Round sizes up as a strided convolution does, or down as max pooling does; one for all levels, or one for "
    "each after the first, as in conv,pool,pool.",
)
@option(
    "--head",
    group=NETWORK,
    metavar="KIND[:C]",
    help="Add what follows the encoder of a classifier: global-pool or flatten, with C features, as in "
    "global-pool:512.",
)
@option(
    "--configuration",
    group=NETWORK,
    metavar="NAME",
    help="Take this configuration of the plans file.  [default: 3d_fullres, if it is there]",
)
@options.output
@click.pass_context
def command(
    context: click.Context, /, plans_file: str | None, configuration: str | None, to: options.Output, **given: Any
) -> int:
    """Plan how many values a channel has at each depth, and find where training stops.

    Batch norm reduces each channel over batch × space, instance norm over space alone. Deep in a network, space is
    small: where one value is left, PyTorch refuses to train. This needs no data: give the size of a patch and the
    depth, or a plans file of nnU-Net.

    \b
    Examples:
      bnstat plan --patch 128x128x128 --levels 6
      bnstat plan --patch 320x320x16 --strides 1x1x2,2,2,2 --batch-size 2
      bnstat plan --patch 96 --levels 5 --head global-pool:512 --batch-size 1
      bnstat plan nnUNetPlans.json --configuration 3d_fullres
    """
    from bnstat.cli.output import tell, write

    if plans_file:
        found = _from_file(plans_file, configuration, _on_line(context, given))
    else:
        found = _from_options(_on_line(context, {"configuration": configuration})["configuration"], given)
    tell((), found.notes, to.quiet)
    write("plan", found, to, [plans_file] if plans_file else [])
    return exit_codes.CLEAN


def _on_line(context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """Return options without those of a settings file, which a plans file or a patch that is named overrules."""
    weak = click.core.ParameterSource.DEFAULT_MAP
    return {
        name: None if context.get_parameter_source(name) is weak and name in _OF_NETWORK else value
        for name, value in given.items()
    }


def _from_options(configuration: str | None, given: dict[str, Any]) -> Plan:
    from bnstat.workflows.plan import plan

    if configuration:
        raise UsageError(
            "--configuration needs a plans file of nnU-Net; give one, as in `bnstat plan nnUNetPlans.json`"
        )
    if given["patch"] is None:
        raise UsageError("no input size: give --patch, as in --patch 128x128x64, or a plans file of nnU-Net")
    return plan(**{**given, "batch_size": 2 if given["batch_size"] is None else given["batch_size"]})


def _from_file(path: str, name: str | None, given: dict[str, Any]) -> Plan:
    from bnstat.sources.datasets.nnunet_plans import read_plans
    from bnstat.workflows.plan import plan

    for own in ("patch", "levels", "strides"):
        if given[own] is not None:
            raise UsageError(f"--{own} cannot be used with a plans file, which has its own; remove --{own}")
    read = read_plans(path, name)
    axes = ", ".join("xyz"[axis] for axis in read.axes)
    notes = [f"{path}: configuration {read.name}; its sizes are shown in the order of an image file ({axes})"]
    if read.norm:
        notes.append(f"this network normalizes with {read.norm}")
    batch_size = read.batch_size if given["batch_size"] is None else given["batch_size"]
    asked = {"batch_size": batch_size, "downsample": given["downsample"], "head": given["head"]}
    return plan(read.patch, strides=read.strides, notes=notes, **asked)
