"""`bnstat scan`: read once, keep the moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bnstat.cli import configured, exit_codes, inputs, options
from bnstat.cli.groups import OUTPUT, option

if TYPE_CHECKING:
    from bnstat.reading.settings import Reading
    from bnstat.reports.scan import Scan
    from bnstat.sources.sample import BatchAxis


@configured.command()
@options.axis
@inputs.samples
@option(
    "-o",
    "--output",
    group=OUTPUT,
    type=click.Path(readable=False),
    metavar="FILE",
    in_file=False,
    shown=False,
    help="Write the moments to this file (JSON lines).  [required]",
)
@option(
    "--resume",
    group=OUTPUT,
    is_flag=True,
    in_file=False,
    shown=False,
    help="Continue an existing file; samples that have not changed are kept.",
)
@option("--force", group=OUTPUT, is_flag=True, in_file=False, shown=False, help="Replace an existing file.")
@options.telling
@click.pass_context
def command(
    context: click.Context,
    /,
    paths: tuple[str, ...],
    output: str | None,
    quiet: bool,
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    resume: bool,
    force: bool,
    **_seed: int,
) -> int:
    """Read volumes once and keep their moments: every other command takes this file in place of the volumes.

    The file has one line of JSON for each sample, written as soon as the sample is read: --resume continues after an
    interruption, and cat joins files from several machines. What could not be read has a line too, so that answers
    from the file report it as those from the volumes do; --resume tries it again. A moments file depends on --axis,
    --batch-axis, --intensity, --mask and --patch; it serves every other setting of batch norm.

    \b
    Examples:
      bnstat scan cohort/ -o moments.jsonl
      bnstat scan cohort/ -o moments.jsonl --resume
      bnstat compare moments.jsonl --batch-sizes 1,2,4,8,16
      bnstat check new/ --reference moments.jsonl
    """
    from bnstat.cli.messages import note, with_options
    from bnstat.cli.output import tell
    from bnstat.cli.progress import progress
    from bnstat.reading.scan_settings import ScanSettings
    from bnstat.workflows.scan import scan

    if output is None:  # click would refuse this before it could print settings
        raise click.UsageError("no output: give a file for the moments, as in -o moments.jsonl", context)
    try:
        with progress(quiet) as meter:
            asked = ScanSettings(axis, batch_axis, reading.preparation, reading.selection)
            found = with_options(scan(paths, output, asked, reading, meter, resume=resume, force=force))
    except KeyboardInterrupt:
        if not quiet:
            note(f"the samples read until now are in {output}; --resume goes on with it")
        raise
    tell(found.errors, found.notes, quiet)
    if not quiet:
        note(_summary(found))
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _summary(found: Scan) -> str:
    from bnstat.text import plural

    unchanged = f", {found.unchanged:,} unchanged since the last run" if found.unchanged else ""
    failed = f"; {plural(len(found.errors), 'input')} could not be read" if found.errors else ""
    read = f"{found.cases:,} read in this run{unchanged}{failed}"
    return f"{found.output} contains {plural(found.samples, 'sample')}: {read}"
