"""The layer gives something else in evaluation than in training.

What it does: reports a channel where the outputs of one and the same batch in training and in evaluation differ by
more than 0.1 (root mean square over batches of the size that is asked about; 1 is the standard deviation of the
output). Running statistics are taken as settled; the samples as some of a larger set.

Why it matters: training normalizes by the batch, evaluation by the running statistics. Where batches differ, the layers
behind were trained on inputs that they never get in evaluation, and a validation loss that jumps is often just that.

Example:
    $ bnstat check sample_data/cohort --batch-size 2
    warning BN204 train-eval-gap
      channel 0: at batch size 2 outputs of training and evaluation differ by
      0.479 (RMS, limit 0.1) even when running statistics have settled. The
      gap falls about as 1/√B, so it may be within the limit from batch size
      46 on; or synchronize ranks that have as many samples together, or use
      instance or group norm.

What to do: use a larger batch, which lowers the gap about as 1/√B; synchronize the batch statistics of several ranks;
train with batch renorm, or the last epochs with frozen statistics; or take instance or group norm, which compute the
same in both.

Threshold: 0.1 of the output's standard deviation, as `bnstat compare` has it: as much as its noise may be. Without an
ε, or under 8 samples, the rule is silent.

Sources: Ioffe 2017 (arXiv 1702.03275) on the difference between training and inference; Singh & Shrivastava 2019
(arXiv 1904.06031), EvalNorm. The figure is computed from drawn batches, with the framework's ε and Bessel's correction.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.batch.between_samples import advice, enough, full_size, judged, size_asked
from bnstat.rules.rule import Rule


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.gap
    for channel in judged(evidence):
        gap = channel.train_eval_rms
        if gap is None or gap <= limit:
            continue
        message = (
            f"{evidence.report.title_of(channel.channel)}: "
            f"at batch size {size} outputs of training and evaluation differ by {gap:.3g} "
            f"(RMS, limit {limit:g}) even when running statistics have settled. "
            f"{advice('The gap falls about as 1/√B', enough(full_size(evidence), gap, limit, 2), 'may be')}"
        )
        yield rule.of_all(message, channel.channel, value=gap, threshold=limit)


RULE = Rule("BN204", "train-eval-gap", "warning", _check)
