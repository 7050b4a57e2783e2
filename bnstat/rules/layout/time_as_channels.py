"""A fourth dimension that looks like time is kept as channels.

What it does: reports a file whose header gives the fourth dimension a time unit and a repetition time, where that
dimension is the kept axis.

Why it matters: the entries of a series are then normalized each by itself. If they are samples, they belong on the
batch axis; if the network takes them as channels, all is well.

Example:
    $ bnstat inspect sample_data/time_series.nii.gz
    note BN401 time-as-channels
      the fourth dimension carries a repetition time (2 s) and is kept as
      channels. If its entries are time points, use --batch-axis 3.

What to do: if the entries are time points, use `--batch-axis 3`, and `--batch-size` for how many make a batch.

Threshold: none. The header has a unit of time and a repetition time over 0, or it has not.

Sources: the NIfTI-1 standard, `xyzt_units` and `pixdim[4]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    for batch in evidence.report.batches:
        times = {evidence.report.samples[index].repetition for index in batch.samples} - {None}
        if times:
            message = (
                f"the fourth dimension carries a repetition time ({', '.join(sorted(filter(None, times)))}) "
                "and is kept as channels. If its entries are time points, use --batch-axis 3."
            )
            yield rule.finding(evidence, batch, None, message)


RULE = Rule("BN401", "time-as-channels", "note", _check)
