"""`bnstat inspect`: what a normalization layer would compute on these volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnstat.cli import configured, exit_codes, inputs, options

if TYPE_CHECKING:
    from bnstat.reading.settings import Reading


@configured.command()
@options.layer
@inputs.samples
@options.output
def command(paths: tuple[str, ...], to: options.Output, reading: Reading, **settings: Any) -> int:
    """Show what batch norm, or another normalization layer, computes on these volumes.

    For each channel (or group of channels): the mean and the variance, whether the variance is zero, what epsilon does
    to the output, and the running statistics after one training step. A PATH is an image (NIfTI, MetaImage,
    NRRD, Analyze, MGH, MINC, …), an array (.npy, .npz, 'file.npz[key]'), a folder of these, a data set of nnU-Net, the
    Decathlon or MONAI, or the URL of one of these. Each voxel is read once.

    \b
    Examples:
      bnstat inspect t1.nii.gz
      bnstat inspect cohort/ --batch-size 4 --framework torch
      bnstat inspect brats/ --channels '{case}_{channel:flair,t1,t2}.nii.gz'
      bnstat inspect cohort/ --normalizer group:2 --framework torch
      bnstat inspect series.nii.gz --batch-axis 3 --batch-size 4
      bnstat inspect t1.nii.gz --format json | jq '.batches[0].channels[0].variance'
    """
    from bnstat.cli.messages import with_options
    from bnstat.cli.output import tell, write
    from bnstat.cli.progress import progress
    from bnstat.layers.settings import Settings
    from bnstat.workflows.inspect import inspect

    with progress(to.quiet) as meter:
        report = with_options(inspect(paths, Settings.of(**settings), reading, meter))
    tell(report.errors, report.notes, to.quiet)
    write("inspect", report, to, inputs.read_by(paths, reading, report.samples, report.errors))
    return exit_codes.FAILED_INPUT if report.errors else exit_codes.CLEAN  # `inspect` tells, it does not judge
