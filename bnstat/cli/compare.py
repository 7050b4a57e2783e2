"""`bnstat compare`: what a batch of 1, 2, 4, … does to these data."""

from __future__ import annotations

import gc
from typing import Any

import click

from bnstat.cli import exit_codes, options


class Numbers(click.ParamType[tuple[int, ...]]):
    """As in 1,2,4."""

    name = "B,B,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # noqa: ANN401
        """Whole numbers with commas between them."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers as in 1,2,4", param, ctx)


@click.command(short_help="What the batch size does: noise, shortfall and gap for each.")
@options.paths
@click.option("--batch-sizes", type=Numbers(), help="Sizes to compare.  [default: 1,2,4,… up to the samples]")
@click.option(
    "--population",
    type=click.Choice(["finite", "infinite"]),
    default="finite",
    show_default=True,
    help="Whether these samples are all there are, or some of a larger set.",
)
@click.option("--draws", type=int, default=1000, show_default=True, help="Batches drawn at most for a size.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draws.")
@options.tensor
@options.framework
@options.epsilon
@click.option(
    "--tolerance-noise", type=float, default=0.1, show_default=True, help="Acceptable noise of the batch mean."
)
@click.option("--tolerance-shortfall", type=float, default=0.1, show_default=True, help="Acceptable shortfall.")
@click.option("--tolerance-gap", type=float, default=0.1, show_default=True, help="Acceptable train/eval difference.")
@options.output
def command(paths: tuple[str, ...], to: options.Output, **settings: Any) -> int:  # noqa: ANN401  (those of compare)
    """What a batch of 1, 2, 4, … does to these data.

    From one pass over a cohort: how the variance splits into within and between samples, and for each batch size the
    noise of the batch mean, what the batch variance lacks, and how far the output of batch norm differs between
    training and evaluation; in closed form and from drawn batches. Then the least size within the tolerances.

    \b
    Examples:
      bnstat compare cohort/
      bnstat compare cohort/ --batch-sizes 1,2,4,8,16,32 --population infinite
      bnstat compare activations.npy --axis 1
    """
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.comparison import compare  # noqa: PLC0415

    gc.enable()
    with progress(to.quiet) as meter:
        found = compare(paths, progress=meter, **settings)
    tell(found.errors, found.notes, to.quiet)
    inputs = [*(sample.source for sample in found.samples), *(failure.source for failure in found.errors)]
    write("compare", found, to, inputs)
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN
