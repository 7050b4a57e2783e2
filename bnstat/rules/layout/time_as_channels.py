"""A fourth dimension that looks like time is kept as channels.

What it does: reports a file whose header gives the fourth dimension a time unit and a repetition time, if that
dimension is the kept axis.

Why it matters: each entry of the series is then normalized by itself, as a channel. If the entries are samples, they
belong on the batch axis. If the network takes them as channels, all is well.

Example:
    $ bnstat inspect sample_data/time_series.nii.gz
    note BN401 time-as-channels
      the header gives the fourth dimension a repetition time (2 s), and its
      20 entries are normalized as channels, each by itself. If its entries
      are time points, use --batch-axis 3.

What to do: if the entries are time points, use `--batch-axis 3`, and set with `--batch-size` how many make a batch.

Threshold: none. The header has a unit of time and a repetition time above 0, or it has not.

Sources: the NIfTI-1 standard, `xyzt_units` and `pixdim[4]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.results import Batch
from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    if not any(sample.repetition for sample in evidence.report.samples):
        return
    for batch in evidence.report.batches:
        times = {evidence.report.samples[index].repetition for index in batch.samples} - {None}
        if times:
            message = (
                f"the header gives the fourth dimension a repetition time ({', '.join(sorted(filter(None, times)))}), "
                f"and its {_entries(batch)}. If its entries are time points, use --batch-axis 3."
            )
            yield rule.finding(evidence, batch, None, message)


def _entries(batch: Batch) -> str:
    """Say what the layer makes of the entries of the kept axis."""
    number = batch.channel_count
    if number == 1:
        return "only entry is normalized as a channel"
    if batch.groups and len(batch.groups) < number * len(batch.samples):
        return f"{number:,} entries are normalized together, as channels"
    return f"{number:,} entries are normalized as channels, each by itself"


RULE = Rule("BN401", "time-as-channels", "note", _check)
