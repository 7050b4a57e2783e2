"""`bnstat inspect`: what a batch-norm layer, or one of another normalizer, would compute on these volumes."""

from __future__ import annotations

from typing import Any

import click

from bnstat.cli import exit_codes, inputs, options


@click.command(short_help="What batch norm computes on these volumes, batch by batch.")
@options.paths
@options.batches
@options.tensor
@inputs.reading
@options.framework
@options.normalizer
@options.ranks
@options.epsilon
@options.momentum
@options.arithmetic
@options.output
def command(paths: tuple[str, ...], to: options.Output, **settings: Any) -> int:
    """What a batch-norm layer, or one of another normalizer, would compute on these volumes.

    Per channel, or group of channels of a sample: the mean and variance over how many values, whether the variance is
    zero, what epsilon does to the output, and the running statistics after one training step. A PATH is an image
    that nibabel reads (NIfTI, Analyze, MGH, MINC, …), an array (.npy, .npz, 'file.npz[key]'), a directory of such, a
    data set of nnU-Net, the Decathlon or MONAI, or the URL of one of these. Each voxel is read once.

    \b
    Examples:
      bnstat inspect t1.nii.gz
      bnstat inspect cohort/ --batch-size 4 --framework torch
      bnstat inspect brats/ --channels '{case}_{channel:flair,t1,t2}.nii.gz'
      bnstat inspect cohort/ --normalizer group:2 --framework torch
      bnstat inspect series.nii.gz --batch-axis 3 --batch-size 4
      bnstat inspect t1.nii.gz --format json | jq '.batches[0].channels[0].variance'
    """
    from bnstat.cli.output import tell, write  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.workflows.inspect import diagnose  # noqa: PLC0415

    with progress(to.quiet) as meter:
        report = diagnose(paths, progress=meter, **settings)
    tell(report.errors, report.notes, to.quiet)
    write("inspect", report, to, inputs.read_by(paths, settings["reading"], report.samples, report.errors))
    return exit_codes.FAILED_INPUT if report.errors else exit_codes.CLEAN  # `inspect` tells, it does not judge
