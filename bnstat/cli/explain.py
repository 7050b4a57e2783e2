"""`bnstat explain`: what a rule means, why it matters and what to do."""

from __future__ import annotations

import click

from bnstat.cli import configured, exit_codes, options


@configured.command()
@click.argument("names", nargs=-1, metavar="[RULE]...")
@options.output
def command(names: tuple[str, ...], to: options.Output) -> int:
    """Explain the rules that judge a batch norm.

    Each RULE is a code or a name, as findings show them. Its text says what the rule does, why it matters, what to do,
    its threshold and its sources, with an example. A prefix of codes lists a family of rules. Without a RULE, all rules
    are listed.

    \b
    Examples:
      bnstat explain
      bnstat explain BN103
      bnstat explain BN1
      bnstat explain zero-variance small-batch
      bnstat explain --format json
    """
    from bnstat.cli.output import write
    from bnstat.workflows.explain import explain

    write("explain", explain(*names), to, ())
    return exit_codes.CLEAN
