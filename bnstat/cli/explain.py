"""`bnstat explain`: what a rule means, why it matters and what to do."""

from __future__ import annotations

import click

from bnstat.cli import exit_codes, options


@click.command(short_help="What a rule means, why it matters, what to do.")
@click.argument("names", nargs=-1, metavar="[RULE]...")
@options.output
def command(names: tuple[str, ...], to: options.Output) -> int:
    """What the rules mean that judge a batch norm.

    With RULES, codes or names as findings have them, all of each: what it does, why that matters, an example, what to
    do, its threshold and sources. Without any, a list.

    \b
    Examples:
      bnstat explain
      bnstat explain BN103
      bnstat explain zero-variance small-batch
      bnstat explain --format json
    """
    from bnstat.cli.output import write  # noqa: PLC0415  (nothing of this is needed for --help)
    from bnstat.report.explain import Explanations  # noqa: PLC0415
    from bnstat.rules import RULES  # noqa: PLC0415
    from bnstat.rules.explanation import explained  # noqa: PLC0415
    from bnstat.rules.selection import rule_named  # noqa: PLC0415

    asked = tuple(dict.fromkeys(map(rule_named, names))) or RULES
    write("explain", Explanations(tuple(map(explained, asked)), in_full=bool(names)), to, ())
    return exit_codes.CLEAN
