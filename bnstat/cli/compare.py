"""`bnstat compare`: what a batch of 1, 2, 4, … does to these data, or what several layers make of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import exit_codes, inputs, options
from bnstat.cli.kinds import BATCH_SIZES, Listed, kind_of, own
from bnstat.errors import OutputError, UsageError

if TYPE_CHECKING:
    from bnstat.report.compare_batch_sizes import Comparison
    from bnstat.report.compare_layers import By


@click.command(short_help="What batch sizes, frameworks, normalizers or values of epsilon do, side by side.")
@options.paths
@click.option(
    "--batch-sizes",
    type=Listed(int, "B,B,…", "whole numbers as in 1,2,4"),
    help="Sizes to compare.  [default: 1,2,4,… up to the samples]",
)
@click.option(
    "--frameworks",
    type=Listed(str, "NAME,…|all", "names as in keras,torch"),
    help="Instead: presets to compare, or all of batch norm.",
)
@click.option(
    "--normalizers",
    type=Listed(str, "NAME,…", "names as in batch,instance,group:2"),
    help="Instead: normalizers to compare.",
)
@click.option(
    "--epsilons",
    type=Listed(float, "E,E,…", "numbers as in 1e-3,1e-5"),
    help="Instead: values of epsilon to compare.",
)
@click.option(
    "--population",
    type=click.Choice(["finite", "infinite"]),
    default="finite",
    show_default=True,
    help="Whether these samples are all there are, or some of a larger set.",
)
@click.option("--draws", type=int, default=1000, show_default=True, help="Batches drawn at most for a size.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the draws, or of --shuffle.")
@click.option(
    "--ranks", type=int, default=1, show_default=True, help="Processes that train together, synchronized too."
)
@click.option("--steps", type=int, help="Also simulate so many training steps, real batches in sequence.")
@click.option(
    "--group-by",
    metavar="directory|FILE.csv:COLUMN",
    help="Also batches of one group each, as of one site.",
)
@options.batching
@options.tensor
@inputs.reading
@options.framework
@options.normalizer
@options.epsilon
@options.momentum
@options.arithmetic
@click.option(
    "--tolerance-noise", type=float, default=0.1, show_default=True, help="Acceptable noise of the batch mean."
)
@click.option("--tolerance-shortfall", type=float, default=0.1, show_default=True, help="Acceptable shortfall.")
@click.option("--tolerance-gap", type=float, default=0.1, show_default=True, help="Acceptable train/eval difference.")
@click.option(
    "--save-population",
    type=click.Path(readable=False),
    help="Save the mean and variance of all values, 'precise BN', as .npz or .json.",
)
@click.option("--plot", type=click.Path(readable=False), help="Also draw it, into a .png, .svg or .pdf.")
@options.output
@click.pass_context
def command(context: click.Context, /, paths: tuple[str, ...], to: options.Output, **given: Any) -> int:
    """What a batch of 1, 2, 4, … does to these data, or what several layers make of them.

    From one pass over a cohort: how the variance splits into within and between samples, and for each batch size the
    noise of the batch mean, what the batch variance lacks, and how far the output of batch norm differs between
    training and evaluation; in closed form and from drawn batches. Then the least size within the tolerances.

    With --frameworks, --normalizers or --epsilons, from one pass too: what each of these layers computes, as
    `bnstat inspect` tells it, side by side, and in sentences what differs and for which channel it matters. One kind
    of comparison a call.

    \b
    Examples:
      bnstat compare cohort/
      bnstat compare cohort/ --batch-sizes 1,2,4,8,16,32 --population infinite
      bnstat compare activations.npy --axis 1 --plot curve.svg
      bnstat compare t1.nii.gz --frameworks keras,torch,flax
      bnstat compare cohort/ --normalizers batch,instance,group:2 --batch-size 4
      bnstat compare t1.nii.gz --epsilons 1e-3,1e-5,1e-8
    """
    kind = kind_of(context)
    settings = own(kind, context, given)
    if kind == BATCH_SIZES:
        return _batch_sizes(paths, to, batch_sizes=given[kind], **settings)
    return _layers(paths, to, kind, given[kind], settings)


def _layers(paths: tuple[str, ...], to: options.Output, by: By, values: Sequence[Any], settings: dict[str, Any]) -> int:
    """Compare frameworks, normalizers or values of ε."""
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.workflows.compare_layers import compare_layers  # noqa: PLC0415

    with progress(to.quiet) as meter:
        found = compare_layers(paths, by=by, values=values, progress=meter, **settings)
    tell(found.errors, found.notes, to.quiet)
    write("compare_layers", found, to, inputs.read_by(paths, settings["reading"], found.samples, found.errors))
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _batch_sizes(
    paths: tuple[str, ...],
    to: options.Output,
    *,
    plot: str | None,
    save_population: str | None,
    **settings: Any,
) -> int:
    """Compare batch sizes."""
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.workflows.compare_batch_sizes import compare  # noqa: PLC0415

    if plot is not None:
        _refuse_plot(plot, to)
    if save_population is not None and _ending(save_population) not in ("npz", "json"):
        raise UsageError(f"{save_population}: a population is saved as .npz or .json; name it so")
    with progress(to.quiet) as meter:
        found = compare(paths, progress=meter, **settings)
    tell(found.errors, found.notes, to.quiet)
    read = inputs.read_by(paths, settings["reading"], found.samples, found.errors)
    if plot is not None:
        _plot(found, plot, read)
    if save_population is not None:
        _save_population(found, save_population, read)
    write("compare_batch_sizes", found, to, read)
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _refuse_plot(file: str, to: options.Output) -> None:
    """Refuse what cannot be drawn whatever is found, before anything is read."""
    from bnstat.renderers.compare_batch_sizes.plot import ENDINGS  # noqa: PLC0415

    if _ending(file) not in ENDINGS:
        raise UsageError(f"{file}: a plot is one of {', '.join(f'.{ending}' for ending in ENDINGS)}; name it so")
    if to.file is not None and Path(to.file).absolute() == Path(file).absolute():
        raise UsageError(f"-o and --plot name one file, {file}; give two")
    if find_spec("matplotlib") is None:
        raise UsageError("drawing needs matplotlib; pip install 'bnstat[plot]'")


def _plot(found: Comparison, file: str, inputs: Sequence[str]) -> None:
    """Draw what was found into a file."""
    from bnstat.cli.output import refuse_input  # noqa: PLC0415
    from bnstat.renderers.compare_batch_sizes import plot  # noqa: PLC0415

    refuse_input(file, inputs, "--plot")
    if not plot.channels(found):
        why = "one sample has no curve" if len(found.samples) == 1 else "no channel has noise or shortfall"
        raise UsageError(f"nothing to plot: {why}; give more samples, or leave --plot out")
    _save(plot.render(found, _ending(file)), file, "--plot")


def _save_population(found: Comparison, file: str, inputs: Sequence[str]) -> None:
    from bnstat.cli.output import refuse_input  # noqa: PLC0415
    from bnstat.renderers.compare_batch_sizes import population  # noqa: PLC0415

    refuse_input(file, inputs, "--save-population")
    _save(population.render(found, _ending(file)), file, "--save-population")


def _save(content: bytes, file: str, option: str) -> None:
    try:
        Path(file).write_bytes(content)
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}; give another file with {option}") from error


def _ending(file: str) -> str:
    return Path(file).suffix.removeprefix(".").lower()
