"""`bnstat frameworks`: the presets that --framework names."""

from __future__ import annotations

import click

from bnstat.cli import exit_codes, options


@click.command(short_help="The conventions of each framework: ε, momentum, running variance.")
@click.argument("name", required=False)
@options.output
def command(name: str | None, to: options.Output) -> int:
    """The conventions of each framework's layers.

    Batch norm is not the same everywhere: ε, what momentum is the weight of, whether the running variance is unbiased,
    how the variance is computed in float32, and how few values a channel may have. With a NAME, as --framework takes
    it, all of that one with its source.

    \b
    Examples:
      bnstat frameworks
      bnstat frameworks torch-channels-last
      bnstat frameworks --format csv
    """
    from bnstat.cli.output import write  # noqa: PLC0415  (nothing of this is needed for --help)
    from bnstat.layers.frameworks import FRAMEWORKS, framework_named  # noqa: PLC0415
    from bnstat.report.frameworks import Presets  # noqa: PLC0415

    rows = (framework_named(name),) if name is not None else tuple(FRAMEWORKS.values())
    write("frameworks", Presets(rows, in_full=name is not None), to, ())
    return exit_codes.CLEAN
