"""`bnstat plan`: how many values a channel has at each depth, and where training stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import exit_codes, options
from bnstat.cli.sizes import Sizes
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.report.plan import Plan


class Strides(click.ParamType[tuple[Any, ...]]):
    """As in 2,2,1x2x2: one for each level after the first."""

    name = "S,S,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:  # noqa: ANN401
        """A number for all axes, or sizes for each."""
        if isinstance(value, tuple):
            return value
        steps = [Sizes().convert(part, param, ctx) for part in value.split(",")]
        return tuple(step[0] if len(step) == 1 else step for step in steps)


@click.command(short_help="How many values a channel has at each depth of a network.")
@click.argument("plans", required=False, metavar="[PLANS.json]", type=click.Path(readable=False))
@click.option("--configuration", help="Which of the plans file; 3d_fullres where it is there.")
@click.option(
    "--downsample",
    type=click.Choice(["conv", "pool"]),
    default="conv",
    show_default=True,
    help="Round up as a strided convolution does, or down as max-pooling.",
)
@click.option("-b", "--batch-size", type=int, default=None, help="Patches in a batch.  [default: 2]")
@click.option("--strides", type=Strides(), help="What each level after the first divides by.  [default: 2 each]")
@click.option("--levels", type=int, help="Levels of the encoder; the patch is the first.")
@click.option("--patch", type=Sizes(), help="Size of the input in file order, as in 128x128x64.")
@options.output
def command(plans: str | None, configuration: str | None, to: options.Output, **given: Any) -> int:
    """How many values a channel has at each depth, and where training stops.

    Batch norm reduces a channel over batch × space, and instance norm over space alone. Deep in a network, space is
    small: where one value is left, PyTorch refuses to train. Needs no data, only the size of a patch and the depth,
    or a plans file of nnU-Net.

    \b
    Examples:
      bnstat plan --patch 128x128x128 --levels 6
      bnstat plan --patch 320x320x16 --strides 1x1x2,2,2,2 --batch-size 2
      bnstat plan nnUNetPlans.json --configuration 3d_fullres
    """
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (rich is not needed for --help)

    found = _from_file(plans, configuration, given) if plans else _from_options(configuration, given)
    tell((), found.notes, to.quiet)
    write("plan", found, to, [plans] if plans else [])
    return exit_codes.CLEAN


def _from_options(configuration: str | None, given: dict[str, Any]) -> Plan:
    from bnstat.workflows.plan import plan  # noqa: PLC0415

    if configuration:
        raise UsageError("--configuration names one of a plans file; give the file too")
    if given["patch"] is None:
        raise UsageError("give the size of the input with --patch, as in 128x128x64, or a plans file of nnU-Net")
    return plan(**{**given, "batch_size": 2 if given["batch_size"] is None else given["batch_size"]})


def _from_file(path: str, name: str | None, given: dict[str, Any]) -> Plan:
    from bnstat.sources.datasets.nnunet_plans import read_plans  # noqa: PLC0415
    from bnstat.workflows.plan import plan  # noqa: PLC0415

    for option in ("patch", "levels", "strides"):
        if given[option] is not None:
            raise UsageError(f"--{option} and a plans file exclude each other: the file says it")
    read = read_plans(path, name)
    notes = [f"{path}: configuration {read.name}; its sizes are z, y, x and were turned round to file order"]
    if read.norm:
        notes.append(f"this network normalizes with {read.norm}")
    batch_size = read.batch_size if given["batch_size"] is None else given["batch_size"]
    return plan(read.patch, strides=read.strides, batch_size=batch_size, downsample=given["downsample"], notes=notes)
