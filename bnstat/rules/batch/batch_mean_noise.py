"""The mean of a batch jumps from step to step.

What it does: reports a channel whose batch mean, at the batch size that is asked about, has a standard deviation of
more than a tenth of that of the values: √(τ²/B)/σ, where τ² is the variance between the means of samples and σ² that
of all values. The samples are taken for some of a larger set. Patches are drawn by volume (docs/patch-noise.md).

Why it matters: batch norm subtracts the mean of the batch, so what a sample is normalized to depends on which others
it meets. A little of that noise regularizes; much of it hides differences between samples, and evaluation, which uses
the running mean, sees none of it.

Example:
    $ bnstat check sample_data/cohort --batch-size 2
    warning BN202 batch-mean-noise
      channel 0: the mean of a batch of 2 has a noise of 0.385 standard
      deviations of the values (limit 0.1), so what a sample becomes depends
      on its neighbours. Noise falls as 1/√B, so it is within the limit from
      batch size 30 on; or synchronize ranks that have as many samples
      together, or use instance or group norm.

What to do: use a larger batch, which lowers the noise as 1/√B; synchronize the batch statistics of several ranks; or
take a layer that does not look at other samples, as instance or group norm. Scaling each volume by itself (z-scores)
removes the differences at the network's input.

Threshold: 0.1 standard deviations of the values, as `bnstat compare` has it: a shift of a tenth is small beside the
spread that the next layer sees anyway. Under 8 samples the rule is silent, since so few do not tell how samples differ.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167) for batch norm; Ioffe 2017 (arXiv 1702.03275) on how it depends on the
batch; the formula is that of a mean of B independent draws, checked against drawn batches.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.batch.between_samples import advice, certainty, enough, full_size, judged, size_asked
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.noise
    for channel in judged(evidence):
        noise = channel.mean_noise
        if noise is None or noise <= limit:
            continue
        message = (
            f"{evidence.report.title_of(channel.channel)}: "
            f"the mean of a batch of {size} has a noise of {noise:.3g} standard deviations "
            f"of the values (limit {limit:g}), so what a sample becomes depends on its neighbours. "
            f"{advice('Noise falls as 1/√B', enough(full_size(evidence), noise, limit, 2), certainty(evidence))}"
        )
        yield rule.of_all(message, channel.channel, value=noise, threshold=limit)


RULE = Rule("BN202", "batch-mean-noise", "warning", _check)
