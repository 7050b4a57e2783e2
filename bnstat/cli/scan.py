"""`bnstat scan`: read once, keep the moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bnstat.cli import exit_codes, inputs, options

if TYPE_CHECKING:
    from bnstat.report.scan import Scan


@click.command(short_help="Read once and keep the moments, for every other command.")
@options.paths
@click.option("-o", "--output", type=click.Path(readable=False), required=True, help="The file of moments: JSON lines.")
@click.option("--resume", is_flag=True, help="Go on with a file that is there; what has not changed is not read again.")
@click.option("--force", is_flag=True, help="Start a file that is there anew.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the choice of patches.")
@options.tensor
@inputs.reading
@options.telling
def command(
    paths: tuple[str, ...],
    output: str,
    quiet: bool,
    seed: int,  # noqa: ARG001  (in the reading already)
    **settings: Any,
) -> int:
    """Read once and keep the moments: every other command takes that file in place of the volumes.

    A line of JSON for each sample, appended as soon as it is there: a run that was killed goes on with --resume. Files
    from several machines are joined with cat. What a moments file holds depends on --axis, --batch-axis, --intensity,
    --mask and --patch, and on no other setting.

    \b
    Examples:
      bnstat scan cohort/ -o moments.jsonl
      bnstat scan cohort/ -o moments.jsonl --resume
      bnstat compare moments.jsonl --batch-sizes 1,2,4,8,16
      bnstat check new/ --reference moments.jsonl
    """
    from bnstat.cli.messages import note  # noqa: PLC0415  (numpy and nibabel are not needed for --help)
    from bnstat.cli.output import tell  # noqa: PLC0415
    from bnstat.cli.progress import progress  # noqa: PLC0415
    from bnstat.workflows.scan import collect  # noqa: PLC0415

    try:
        with progress(quiet) as meter:
            found = collect(paths, output, progress=meter, **settings)
    except KeyboardInterrupt:
        if not quiet:
            note(f"what was read until now is in {output}; --resume goes on with it")
        raise
    tell(found.errors, found.notes, quiet)
    if not quiet:
        note(_summary(found))
    return exit_codes.FAILED_INPUT if found.errors else exit_codes.CLEAN


def _summary(found: Scan) -> str:
    from bnstat.text import plural  # noqa: PLC0415

    unchanged = f", {found.unchanged:,} were there and are unchanged" if found.unchanged else ""
    failed = f", {len(found.errors):,} could not be read" if found.errors else ""
    return f"{found.output} holds {plural(found.samples, 'sample')}: {found.cases:,} read now{unchanged}{failed}"
