"""`bnstat compare`: what batches of 1, 2, 4, … samples do to batch norm, or what several layers compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import batches, configured, exit_codes, groups, inputs, options, recordings
from bnstat.cli.comparisons import BATCH_SIZES, comparison_of, foreign, own
from bnstat.cli.groups import COMPARISON, option
from bnstat.cli.parameter_types import Intensities, Listed
from bnstat.cli.saved import ending, refuse_plot, save
from bnstat.errors import UsageError

if TYPE_CHECKING:
    from bnstat.reading.settings import Reading
    from bnstat.reports.compare_batch_sizes import Comparison
    from bnstat.reports.compare_layers import By

_COMPARISONS = groups.together(
    batches.batch_sizes,
    option(
        "--frameworks",
        group=COMPARISON,
        type=Listed(str, "NAME,…|all", "names as in keras,torch"),
        help="Compare these frameworks instead, or all that have a batch norm.",
    ),
    option(
        "--normalizers",
        group=COMPARISON,
        type=Listed(str, "NAME,…", "names as in batch,instance,group:2"),
        help="Compare these normalizers instead.",
    ),
    option(
        "--epsilons",
        group=COMPARISON,
        type=Listed(float, "E,E,…", "numbers as in 1e-3,1e-5"),
        help="Compare these values of epsilon instead.",
    ),
    option(
        "--intensities",
        group=COMPARISON,
        type=Intensities(),
        help="Compare what the layer gets after these values of --intensity instead, as in "
        "'none,zscore,clip:-1000,1000|zscore'.",
    ),
)

_OF_BATCH_SIZES = groups.together(
    batches.population,
    option(
        "--tolerance-noise",
        group=COMPARISON,
        type=float,
        metavar="SD",
        default=0.1,
        show_default=True,
        help="Recommend a size whose batch mean varies by no more than this many SD.",
    ),
    option(
        "--tolerance-shortfall",
        group=COMPARISON,
        type=float,
        metavar="SHARE",
        default=0.1,
        show_default=True,
        help="Recommend a size whose batch variance lacks no more than this share.",
    ),
    option(
        "--tolerance-gap",
        group=COMPARISON,
        type=float,
        metavar="RMS",
        default=0.1,
        show_default=True,
        help="Recommend a size whose outputs in training and evaluation differ by no more than this (RMS).",
    ),
    batches.draws,
    option(
        "--steps",
        group=COMPARISON,
        type=int,
        metavar="N",
        help="Also simulate this many training steps, with batches in sequence.",
    ),
    batches.group_by,
    option(
        "--plot",
        group=COMPARISON,
        type=click.Path(readable=False),
        metavar="FILE",
        in_file=False,
        shown=False,
        help="Also draw the comparison into a .png, .svg or .pdf.",
    ),
    option(
        "--save-population",
        group=COMPARISON,
        type=click.Path(readable=False),
        metavar="FILE",
        in_file=False,
        shown=False,
        help="Save the mean and variance of all values (precise BN) as .npz or .json.",
    ),
)


@configured.command(unused=lambda context: foreign(comparison_of(context), context.command))
@_COMPARISONS
@_OF_BATCH_SIZES
@options.layer
@inputs.samples
@options.output
@click.pass_context
def command(context: click.Context, /, paths: tuple[str, ...], to: options.Output, **given: Any) -> int:
    """Compare what batches of 1, 2, 4, … samples do to batch norm, or what several layers compute.

    One pass over a cohort gives, for each batch size: the noise of the batch mean, how much of the variance a batch
    lacks, and how far the output differs between training and evaluation; in closed form and from drawn batches. The
    smallest size within the tolerances is recommended.

    With --frameworks, --normalizers, --epsilons or --intensities, one pass gives what each of these layers computes,
    side by side as `bnstat inspect` shows it, and says which differences matter for which channel. One call makes one
    comparison.

    \b
    Examples:
      bnstat compare cohort/
      bnstat compare cohort/ --batch-sizes 1,2,4,8,16,32 --population finite
      bnstat compare activations.npy --axis 1 --plot curve.svg
      bnstat compare t1.nii.gz --frameworks keras,torch,flax
      bnstat compare cohort/ --normalizers batch,instance,group:2 --batch-size 4
      bnstat compare t1.nii.gz --epsilons 1e-3,1e-5,1e-8
      bnstat compare ct.nii.gz --intensities 'none,zscore,clip:-1000,400|zscore'
      bnstat compare run.jsonl                      (a training that was recorded)
    """
    if recordings.are_meant(paths):
        return recordings.show(context, paths, to)
    asked = comparison_of(context)
    settings = own(asked, context, given)
    if asked == BATCH_SIZES:
        return _batch_sizes(paths, to, batch_sizes=given[asked], **settings)
    return _layers(paths, to, asked, given[asked], settings)


def _layers(paths: tuple[str, ...], to: options.Output, by: By, values: Sequence[Any], settings: dict[str, Any]) -> int:
    """Compare frameworks, normalizers or values of ε."""
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress
    from bnstat.workflows.compare_layers import layers_of, side_by_side

    reading = settings.pop("reading")
    with progress(to.quiet) as meter:
        found = with_options(side_by_side(paths, by, layers_of(by, values, **settings), reading, meter))
    tell(found.errors, found.notes, to.quiet)
    write("compare_layers", found, to, inputs.read_by(paths, reading, found.samples, found.errors))
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _batch_sizes(
    paths: tuple[str, ...],
    to: options.Output,
    *,
    plot: str | None,
    save_population: str | None,
    reading: Reading,
    **settings: Any,
) -> int:
    """Compare batch sizes."""
    from bnstat.batch_size.settings import CompareSettings
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress
    from bnstat.workflows.compare_batch_sizes import compare_batch_sizes

    if plot is not None:
        refuse_plot(plot)
    if save_population is not None and ending(save_population) not in ("npz", "json"):
        raise UsageError(f"{save_population}: a population is saved as .npz or .json; end the name with one of these")
    with progress(to.quiet) as meter:
        found = with_options(compare_batch_sizes(paths, CompareSettings.of(**settings), reading, meter))
    tell(found.errors, found.notes, to.quiet)
    read = inputs.read_by(paths, reading, found.samples, found.errors)
    if plot is not None:
        _plot(found, plot, read, quiet=to.quiet)
    if save_population is not None:
        _save_population(found, save_population, read)
    write("compare_batch_sizes", found, to, read)
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _plot(found: Comparison, file: str, inputs: Sequence[str], *, quiet: bool) -> None:
    """Draw what was found into a file."""
    from bnstat.cli.output import refuse_input
    from bnstat.cli.warned import warnings_as_notes
    from bnstat.renderers.compare_batch_sizes import plot

    refuse_input(file, inputs, "--plot")
    if not plot.channels(found):
        why = "one sample has no curve" if len(found.samples) == 1 else "no channel has noise or shortfall"
        raise UsageError(f"nothing to plot: {why}; give more samples, or remove --plot")
    with warnings_as_notes(quiet):  # of letters that the font lacks
        picture = plot.render(found, ending(file))
    save(picture, file, "--plot")


def _save_population(found: Comparison, file: str, inputs: Sequence[str]) -> None:
    from bnstat.cli.output import refuse_input
    from bnstat.renderers.compare_batch_sizes import population

    refuse_input(file, inputs, "--save-population")
    save(population.render(found, ending(file)), file, "--save-population")
