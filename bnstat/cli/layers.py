"""`bnstat layers`: what each normalization inside a network sees and does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import configured, exit_codes, inputs, networks, options, recordings
from bnstat.cli.groups import NETWORK, OUTPUT, option, together
from bnstat.cli.parameter_types import Listed
from bnstat.cli.saved import ending, refuse_plot, save
from bnstat.errors import UsageError
from bnstat.sources.regular import exists

if TYPE_CHECKING:
    from bnstat.reading.settings import Reading
    from bnstat.reports.layers import Layers
    from bnstat.workflows.layers import LayersSettings


class BatchSizes(Listed[int]):
    """Batch sizes, as in 1,2,4; also one number, as a plans file or a settings file has it."""

    kinds = (str, int)

    def __init__(self) -> None:
        super().__init__(int, "B,B,…", "whole numbers as in 1,2,4")


_MEASURED = together(
    option(
        "-b",
        "--batch-sizes",
        "--batch-size",
        "batch_size",
        group=NETWORK,
        type=BatchSizes(),
        help="Run training batches of these sizes, as in 1,2,4.  [default: that of --plans or --monai, else 1]",
    ),
)

_SAVED = together(
    option(
        "--save-moments",
        group=OUTPUT,
        type=click.Path(readable=False),
        metavar="DIR",
        in_file=False,
        shown=False,
        help="Keep a moments file for each layer in this new folder, which every other command reads.",
    ),
    option(
        "--save-statistics",
        group=OUTPUT,
        type=click.Path(readable=False),
        metavar="FILE",
        in_file=False,
        shown=False,
        help="Save the weights with the statistics of these samples in every batch norm, computed layer by layer.",
    ),
    option(
        "--plot",
        group=OUTPUT,
        type=click.Path(readable=False),
        metavar="FILE",
        in_file=False,
        shown=False,
        help="Also draw the layers into a .png, .svg or .pdf.",
    ),
)


@configured.command(implied=networks.implied_training)
@click.argument("model", required=False, metavar="MODEL", type=click.Path(readable=False))
@_MEASURED
@networks.network
@options.axis
@inputs.samples_if_any
@_SAVED
@options.output
@click.pass_context
def command(
    context: click.Context,
    /,
    model: str | None,
    paths: tuple[str, ...],
    to: options.Output,
    reading: Reading,
    plot: str | None,
    **settings: Any,
) -> int:
    """Show what each normalization inside a network sees and does, on volumes as its training gives them.

    The network is run on the samples: in evaluation mode, and with training batches of each size. For each batch norm,
    instance norm, group norm and layer norm: how much of the variance lies between samples, how far stored statistics
    are off, which channels are dead, how much batch statistics vary, and with --switch which layers change the output.

    \b
    MODEL is one of these:
      module:factory  a function that returns a network of PyTorch or Keras.
                      The module is imported and the function is called, so
                      its code is run: give only code that you trust.
      a folder        results of nnU-Net (with plans.json and fold_0), or a
                      MONAI bundle, whose network is built and so run
      a file          .onnx, .keras, TorchScript (.pt), .pt2 of torch.export
      run.jsonl       what bnstat.torch.record wrote of a training; no PATH

    With results of nnU-Net, patches and intensities are those of its plans.

    \b
    Examples:
      bnstat layers mynet:build cohort/ --weights last.ckpt::state_dict \\
        --patch 96 --intensity zscore
      bnstat layers mynet:build cohort/ --model-args '{"features": 16}' \\
        -b 1,2,4 --switch
      bnstat layers nnUNetTrainer__nnUNetPlans__3d_fullres/ imagesTr/
      bnstat layers run.jsonl
    """
    if model is None or (not paths and _are_volumes(model)):
        raise click.UsageError(
            f"no model: give a MODEL and a PATH, as in {context.command_path} mynet:build {model or 'volume.nii.gz'}",
            context,
        )
    if recordings.are_meant((model, *paths)):
        return recordings.show(context, (model, *paths), to)
    if not paths:
        raise click.UsageError(
            f"no input: give a PATH after the model, as in {context.command_path} {model} volume.nii.gz", context
        )
    _require_model_first(model, paths)
    if plot is not None:
        refuse_plot(plot)
    return _run(paths, to, networks.asked_of(model, settings), reading, plot)


def _require_model_first(model: str, paths: Sequence[str]) -> None:
    """Refuse a factory among the paths: the model comes first."""
    from bnstat.networks.opening import is_factory

    for path in paths:
        if is_factory(path) and not is_factory(model) and not exists(path):
            raise UsageError(f"the model comes before the paths, as in: bnstat layers {path} {model}")


def _are_volumes(path: str) -> bool:
    from bnstat.networks.opening import are_volumes

    return are_volumes(path)


def _run(paths: Sequence[str], to: options.Output, asked: LayersSettings, reading: Reading, plot: str | None) -> int:
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress
    from bnstat.workflows.layers import look_inside

    with progress(to.quiet) as meter:
        passes = None if meter is None else meter.passes
        report = with_options(look_inside(paths, asked, reading, meter, passes))
    tell(report.errors, report.notes, to.quiet)
    read = inputs.read_by(paths, reading, report.samples, report.errors)
    if plot is not None:
        _plot(report, plot, read, quiet=to.quiet)
    write("layers", report, to, read)
    return exit_codes.FAILED_INPUT if report.errors else exit_codes.CLEAN  # `layers` tells, it does not judge


def _plot(report: Layers, file: str, read: Sequence[str], *, quiet: bool) -> None:
    """Draw the layers into a file."""
    from bnstat.cli.output import refuse_input
    from bnstat.cli.warned import warnings_as_notes
    from bnstat.renderers.layers import plot

    refuse_input(file, read, "--plot")
    if not plot.panels(report):
        raise UsageError("nothing to plot: no layer has a figure that is known; give more volumes, or remove --plot")
    with warnings_as_notes(quiet):  # of letters that the font lacks
        picture = plot.render(report, ending(file))
    save(picture, file, "--plot")
