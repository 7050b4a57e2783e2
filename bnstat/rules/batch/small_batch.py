"""The batch is small, and these data show it.

What it does: reports a batch size of 8 or less if, in some channel, the noise of the batch mean, the shortfall of the
batch variance or the train/eval gap is beyond its limit. A small number alone is never reported.

Why it matters: published results with small batches tend to be worse, but that is no law. In the Group Norm paper,
ResNet-50 on ImageNet has an error of 23.6, 23.7, 24.8, 27.3 and 34.7 % with batch norm at 32, 16, 8, 4 and 2 images a
GPU, and of 24.0 to 24.2 % with group norm at all of these sizes. On 3-D video (I3D, Kinetics), the two layers stay
within 1.5 points of each other at 4 to 8 clips. So the number alone does not decide. How much your own samples differ
does.

Example:
    $ bnstat check sample_data/cohort --batch-size 2 --select BN205
    note BN205 small-batch
      batch size 2 is small for these data: noise of the batch mean 0.385 in
      channel 0 (limit 0.1), shortfall of the batch variance 0.148 in channel
      0 (limit 0.1), train/eval gap 0.479 in channel 0 (limit 0.1). To find
      the size that is enough for them, run `bnstat compare PATH`.

What to do: find the least batch size that is enough for these data with `bnstat compare PATH`. If it does not fit into
memory, synchronize ranks, or use group or instance norm.

Threshold: 8 samples, `--limit small-batch=8`, because the published errors rise from there down. One of the limits of
batch-mean-noise, variance-shortfall and train-eval-gap must be passed as well.

Sources: Wu & He 2018, "Group Normalization" (arXiv 1803.08494), its table of batch sizes and its results on Kinetics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.batch.between_samples import judged, size_asked
from bnstat.rules.rule import Rule
from bnstat.text import beyond

if TYPE_CHECKING:  # as in `between_samples`
    from bnstat.batch_size.results import CurveChannel


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    size, most = size_asked(evidence), evidence.limits.small_batch
    shown = _shown(evidence)
    if size <= most and shown:
        message = (
            f"batch size {size} is small for these data: {', '.join(shown)}. To find the size that is enough for them, "
            "run `bnstat compare PATH`."
        )
        yield rule.of_all(message, value=float(size), threshold=float(most))


def _shown(evidence: Evidence) -> list[str]:
    """Name the figures that pass their limit, each with the channel in which it is worst."""
    limits = evidence.limits
    figures = (
        ("noise of the batch mean", "mean_noise", limits.noise),
        ("shortfall of the batch variance", "variance_shortfall", limits.shortfall),
        ("train/eval gap", "train_eval_rms", limits.gap),
    )
    found = []
    for words, name, limit in figures:
        worst = max(judged(evidence), key=lambda channel: _of(channel, name), default=None)
        if worst is not None and _of(worst, name) > limit:
            where = evidence.report.title_of(worst.channel)
            found.append(f"{words} {beyond(_of(worst, name), limit, 3)} in {where} (limit {limit:g})")
    return found


def _of(channel: CurveChannel, name: str) -> float:
    """Return a figure of a channel, 0 if it is unknown."""
    return getattr(channel, name) or 0.0


RULE = Rule("BN205", "small-batch", "note", _check)
