"""The mean of a batch changes from step to step.

What it does: reports a channel whose batch mean, at the batch size that is asked about, has a standard deviation of
more than a tenth of that of the values. The figure is √(τ²/B)/σ, where B is the batch size, τ² the variance between the
means of samples, and σ² the variance of the population: the larger data set that the samples are taken for a part of.
Patches are drawn volume by volume (docs/patch-noise.md).

Why it matters: batch norm subtracts the mean of the batch, so the output for a sample depends on which other samples
share its batch. At batch size 1 no others do: training then removes the mean of each sample, by which samples differ,
and evaluation mode keeps it. A little of this noise regularizes. Much of it hides the differences between samples.
Evaluation uses the running mean and sees none of it.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --select BN202
    warning BN202 batch-mean-noise
      channel 0: from batch to batch the mean varies by 0.385 SD (standard
      deviations of the population, limit 0.1) at batch size 2, so the output
      for a sample depends on which others share its batch. Use a batch size
      of about 30, or 42 for 90 % confidence (the noise falls as 1/√B, where B
      is the batch size). Or synchronize the batch statistics of ranks that
      hold as many samples together, or use instance or group norm.

What to do: use a larger batch, which lowers the noise as 1/√B. The first size is an estimate from these samples, and
the second is enough with 90 % confidence; both are those of `bnstat compare` (docs/calibration.md). Or synchronize the
batch statistics of several ranks. Or use a layer that does not look at other samples, such as instance or group norm.
Scaling each volume by itself (z-scores) removes the differences at the network's input.

Threshold: 0.1 standard deviations of the values, `--limit noise=0.1`, as in `bnstat compare`. A shift of a tenth is
small beside the spread that the next layer sees anyway. With fewer than 8 samples the rule says nothing, because so few
do not show how samples differ.

Sources: Ioffe & Szegedy 2015 (arXiv 1502.03167) for batch norm; Ioffe 2017 (arXiv 1702.03275) on how it depends on the
batch. The formula is that of the mean of B independent draws; it was checked against drawn batches.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.batch.between_samples import advice, judged, needed, size_asked
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.noise
    for channel in judged(evidence):
        noise = channel.mean_noise
        if noise is None or noise <= limit:
            continue
        message = (
            f"{evidence.report.title_of(channel.channel)}: from batch to batch the mean varies by "
            f"{beyond(noise, limit, 3)} SD (standard deviations of the population, limit {limit:g}) at "
            f"batch size {size}, so {_consequence(size)} "
            f"{advice('the noise falls as 1/√B', needed(evidence, channel, 'noise'))}"
        )
        yield rule.of_all(message, channel.channel, value=noise, threshold=limit)


def _consequence(size: int) -> str:
    """Say what the noise does to a sample, which at batch size 1 shares its batch with no other."""
    if size == 1:
        return (
            "training subtracts from each sample its own mean, by which samples differ. Evaluation mode subtracts the "
            "running mean from all of them."
        )
    return "the output for a sample depends on which others share its batch."


RULE = Rule("BN202", "batch-mean-noise", "warning", _check)
