"""The layer returns something else in evaluation than in training.

What it does: reports a channel in which the outputs for one and the same batch in training and in evaluation mode
differ by more than 0.1. The figure is the root mean square over batches of the size that is asked about, and 1 is the
standard deviation of the output. The rule assumes settled running statistics, and takes the samples for a part of a
larger data set.

Why it matters: training normalizes with the statistics of the batch, evaluation with the running statistics. If batches
differ, the next layers were trained on inputs that they never get in evaluation. A validation loss that jumps is often
due to just that.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --select BN204
    warning BN204 train-eval-gap
      channel 0: at batch size 2 the outputs in training and in evaluation
      mode differ by 0.479 (root mean square, limit 0.1; 1 is the standard
      deviation of the output), even with settled running statistics. In
      evaluation the next layers get inputs that they were not trained on. Use
      a batch size of about 34, or 71 for 90 % confidence (the gap falls about
      as 1/√B, where B is the batch size). Or synchronize the batch statistics
      of ranks that hold as many samples together, or use instance or group
      norm.

What to do: use a larger batch, which lowers the gap about as 1/√B. Or synchronize the batch statistics of several
ranks. Or train with batch renorm, or freeze the statistics for the last epochs. Or use instance or group norm, which
compute the same in both modes.

Threshold: 0.1 of the output's standard deviation, `--limit gap=0.1`, as in `bnstat compare`: as much as the noise of
the batch mean may be. Without an ε, or with fewer than 8 samples, the rule says nothing.

Sources: Ioffe 2017 (arXiv 1702.03275) on the difference between training and inference; Singh & Shrivastava 2019
(arXiv 1904.06031), EvalNorm. The figure is computed from drawn batches, with the framework's ε and Bessel's correction.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.batch.between_samples import advice, judged, needed, size_asked
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    size, limit = size_asked(evidence), evidence.limits.gap
    for channel in judged(evidence):
        gap = channel.train_eval_rms
        if gap is None or gap <= limit:
            continue
        message = (
            f"{evidence.report.title_of(channel.channel)}: at batch size {size} the outputs in training and in "
            f"evaluation mode differ by {beyond(gap, limit, 3)} (root mean square, limit {limit:g}; 1 is the standard "
            "deviation of the output), even with settled running statistics. In evaluation the next layers get inputs "
            "that they were not trained on. "
            f"{advice('the gap falls about as 1/√B', needed(evidence, channel, 'gap'))}"
        )
        yield rule.of_all(message, channel.channel, value=gap, threshold=limit)


RULE = Rule("BN204", "train-eval-gap", "warning", _check)
