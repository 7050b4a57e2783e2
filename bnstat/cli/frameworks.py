"""`bnstat frameworks`: the presets that --framework names."""

from __future__ import annotations

import click

from bnstat.cli import configured, exit_codes, options


@configured.command()
@click.argument("name", required=False)
@options.output
def command(name: str | None, to: options.Output) -> int:
    """List the conventions of each framework's normalization layers.

    Batch norm is not the same everywhere. Frameworks differ in ε, in what momentum is the weight of, in the bias
    correction of the running variance, in the float32 arithmetic of the variance, and in how few values a channel may
    have. With a NAME, as --framework takes it, everything about this one is shown with its source.

    \b
    Examples:
      bnstat frameworks
      bnstat frameworks torch-channels-last
      bnstat frameworks --format csv
    """
    from bnstat.cli.output import write
    from bnstat.layers.frameworks import FRAMEWORKS, framework_named
    from bnstat.reports.frameworks import Presets

    rows = (framework_named(name),) if name is not None else tuple(FRAMEWORKS.values())
    write("frameworks", Presets(rows, in_full=name is not None), to, ())
    return exit_codes.CLEAN
