"""`bnstat inspect`: what a batch-norm layer would compute on these volumes."""

from __future__ import annotations

import gc
from typing import Any

import click

from bnstat.cli import options


@click.command(short_help="What batch norm computes on these volumes, batch by batch.")
@options.paths
@options.batches
@options.tensor
@options.layer
@options.output
def command(paths: tuple[str, ...], to: options.Output, **settings: Any) -> int:  # noqa: ANN401  (those of diagnose)
    """What a batch-norm layer would compute on these volumes.

    Per channel: the mean and variance over how many values, whether the variance is zero, what epsilon does to the
    output, and the running statistics after one training step. A PATH is an image that nibabel reads (NIfTI,
    Analyze, MGH, MINC, …), an array (.npy, .npz, 'file.npz[key]'), or a directory of such. Each voxel is read once.

    \b
    Examples:
      bnstat inspect t1.nii.gz
      bnstat inspect cohort/ --batch-size 4 --framework torch
      bnstat inspect series.nii.gz --batch-axis 3 --batch-size 4
      bnstat inspect t1.nii.gz --format json | jq '.batches[0].channels[0].variance'
    """
    from bnstat.cli import terminal  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.diagnosis import diagnose  # noqa: PLC0415

    gc.enable()
    with terminal.progress(to.quiet) as progress:
        report = diagnose(paths, progress=progress, **settings)
    terminal.tell(report, to.quiet)
    terminal.write(report, to)
    return terminal.exit_code(report)
