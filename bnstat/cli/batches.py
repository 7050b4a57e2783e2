"""Options on a comparison of batch sizes, which `compare` and `report` share."""

from __future__ import annotations

import click

from bnstat.cli.groups import COMPARISON, option
from bnstat.cli.parameter_types import Listed

batch_sizes = option(
    "--batch-sizes",
    group=COMPARISON,
    type=Listed(int, "B,B,…", "whole numbers as in 1,2,4"),
    help="Compare these batch sizes.  [default: 1,2,4,… up to the number of samples]",
)

population = option(
    "--population",
    group=COMPARISON,
    type=click.Choice(["infinite", "finite"]),
    default="infinite",
    show_default=True,
    help="Take the samples as a random part of a larger training set (infinite), or as all of it (finite).",
)

draws = option(
    "--draws",
    group=COMPARISON,
    type=int,
    metavar="N",
    help="Draw at most this many batches of each size.  [default: 1000, and fewer of sizes above 4,096]",
)

group_by = option(
    "--group-by",
    group=COMPARISON,
    metavar="directory|FILE.csv:COLUMN",
    help="Also compare batches that come from one group each, such as one site: participants.tsv:site.",
)
