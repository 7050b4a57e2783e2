"""The variance of a batch lacks much of what lies between samples.

What it does: reports a channel whose batches, at the batch size that is asked about, have on average a variance that is
more than 10 % below that of the population. The figure is ρ/B, where B is the batch size and ρ the share of the
variance that lies between the means of samples. The rule takes the samples for a part of a larger data set, the
population.

Why it matters: a batch of few samples contains few of the differences between them. The layer divides by too little,
and the running variance, which evaluation divides by, settles too low as well. A batch of one sample contains none of
the variance between samples, though its own variance is not zero. Bessel's correction n/(n − 1) does not help, because
n counts voxels and not samples.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --select BN203
    warning BN203 variance-shortfall
      channel 0: the variance of a batch of 2 is on average 14.8 % below that
      of the population (limit 10 %), because a batch contains few of the
      differences between samples. The layer divides by too little, and its
      running variance becomes too small. Use a batch size of about 3, or 5
      for 90 % confidence (the shortfall falls as 1/B, where B is the batch
      size). Or synchronize the batch statistics of ranks that hold as many
      samples together, or use instance or group norm.

What to do: use a larger batch, which lowers the shortfall as 1/B. Or synchronize the batch statistics of several ranks.
Or compute the statistics of all samples after training ("precise BN",
`bnstat compare PATH --save-population population.npz`). Instance and group norm have no such variance to lack.

Threshold: 10 %, `--limit shortfall=0.1`, as in `bnstat compare`: it changes the standard deviation of the output by
5 %. With fewer than 8 samples the rule says nothing, because so few do not show how samples differ.

Sources: E[batch variance] = σ² − τ²/B for B independent draws. This is the decomposition of a variance within and
between samples; it was checked against drawn batches. Wu & Johnson 2021 (arXiv 2105.07576) on precise BN.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.batch.between_samples import advice, judged, needed, size_asked
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.shortfall
    for channel in judged(evidence):
        shortfall = channel.variance_shortfall
        if shortfall is None or shortfall <= limit:
            continue
        message = (
            f"{evidence.report.title_of(channel.channel)}: the variance of a batch of {size} is on average "
            f"{beyond(100 * shortfall, 100 * limit, 3)} % below that of the population (limit {100 * limit:g} %"
            f"), because a batch contains {'none' if size == 1 else 'few'} of the differences between samples. The "
            "layer divides by too little, and its running variance becomes too small. "
            f"{advice('the shortfall falls as 1/B', needed(evidence, channel, 'shortfall'))}"
        )
        yield rule.of_all(message, channel.channel, value=shortfall, threshold=limit)


RULE = Rule("BN203", "variance-shortfall", "warning", _check)
