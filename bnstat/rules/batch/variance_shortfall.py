"""The variance of a batch misses much of what lies between samples.

What it does: reports a channel whose batches, at the batch size that is asked about, have on average a variance of
more than 10 % less than that of all values: ρ/B, where ρ is the share of the variance that lies between the means of
samples. The samples are taken for some of a larger set.

Why it matters: a batch of few samples holds little of the differences between them, so the layer divides by too little
and the running variance, which evaluation divides by, settles too low as well. A batch of one has none of the variance
between samples, though its own variance is not zero. Bessel's n/(n − 1) does not help: n counts voxels, not samples.

Example:
    $ bnstat check sample_data/cohort --batch-size 2
    warning BN203 variance-shortfall
      channel 0: the variance of a batch of 2 lacks on average 14.8 % of that
      of all values (limit 10 %), which lies between samples. The shortfall
      falls as 1/B, so it is within the limit from batch size 3 on; or
      synchronize ranks that have as many samples together, or use instance or
      group norm.

What to do: use a larger batch, which lowers the shortfall as 1/B; synchronize the batch statistics of several ranks; or
compute the statistics of all samples after training ("precise BN", `bnstat compare --save-population`). Instance and
group norm have no such variance to miss.

Threshold: 10 %, as `bnstat compare` has it: it moves the standard deviation of the output by 5 %. Under 8 samples the
rule is silent, since so few do not tell how samples differ.

Sources: E[batch variance] = σ² − τ²/B for B independent draws, the decomposition of a variance within and between
samples, checked against drawn batches; Wu & Johnson 2021 (arXiv 2105.07576) on precise BN.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.batch.between_samples import advice, certainty, enough, full_size, judged, size_asked
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.shortfall
    for channel in judged(evidence):
        shortfall = channel.variance_shortfall
        if shortfall is None or shortfall <= limit:
            continue
        size_enough = enough(full_size(evidence), shortfall, limit, 1)
        message = (
            f"{evidence.report.title_of(channel.channel)}: "
            f"the variance of a batch of {size} lacks on average {100 * shortfall:.3g} % of "
            f"that of all values (limit {100 * limit:g} %), which lies between samples. "
            f"{advice('The shortfall falls as 1/B', size_enough, certainty(evidence))}"
        )
        yield rule.of_all(message, channel.channel, value=shortfall, threshold=limit)


RULE = Rule("BN203", "variance-shortfall", "warning", _check)
