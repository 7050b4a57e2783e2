"""The batch is small, and these data show it.

What it does: says so where the batch size is 8 or less and, in some channel, the noise of the batch mean, the shortfall
of the batch variance or the train/eval gap is beyond its limit. A small number alone is never reported.

Why it matters: published results with small batches are worse as a tendency, and not as a law. In the Group Norm
paper ResNet-50 on ImageNet has an error of 23.6, 23.7, 24.8, 27.3 and 34.7 % with batch norm at 32, 16, 8, 4 and 2
images a GPU, and of 24.0 to 24.2 % with group norm at all of them. On 3-D video (I3D, Kinetics) the two stay within 1.5
points of each other at 4 to 8 clips. So the number alone does not decide; how your own samples differ does.

Example:
    $ bnstat check sample_data/cohort --batch-size 2
    note BN205 small-batch
      batch size 2 is small, and these data show it: noise 0.385 in channel 0
      (limit 0.1), shortfall 0.148 in channel 0 (limit 0.1), train/eval gap
      0.479 in channel 0 (limit 0.1). In the Group Norm paper (arXiv
      1803.08494, ResNet-50 on ImageNet) batch norm's error rises from 23.6 %
      at 32 images a GPU to 24.8 % at 8 and 34.7 % at 2, and group norm's
      stays near 24 %: a tendency, not a law. `bnstat compare` says which size
      is enough for these data.

What to do: see `bnstat compare` for the least batch size that is enough for these data. Where that does not fit into
memory, synchronize ranks, or take group or instance norm.

Threshold: 8 samples, from which on down the published errors rise; and the limits of batch-mean-noise,
variance-shortfall and train-eval-gap, of which one must be passed.

Sources: Wu & He 2018, "Group Normalization" (arXiv 1803.08494), its table of batch sizes and its results on Kinetics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.report.evidence import Evidence
from bnstat.report.finding import Finding
from bnstat.rules.batch.between_samples import judged, size_asked
from bnstat.rules.rule import Rule

if TYPE_CHECKING:  # as in `between_samples`
    from bnstat.batch_size.results import CurveChannel

PUBLISHED = (
    "In the Group Norm paper (arXiv 1803.08494, ResNet-50 on ImageNet) batch norm's error rises from 23.6 % at 32 "
    "images a GPU to 24.8 % at 8 and 34.7 % at 2, and group norm's stays near 24 %: a tendency, not a law"
)


def _check(rule: Rule, evidence: Evidence) -> Iterator[Finding]:
    size, most = size_asked(evidence), evidence.limits.small_batch
    shown = _shown(evidence)
    if size <= most and shown:
        message = (
            f"batch size {size} is small, and these data show it: {', '.join(shown)}. {PUBLISHED}. "
            "`bnstat compare` says which size is enough for these data."
        )
        yield rule.of_all(message, value=float(size), threshold=float(most))


def _shown(evidence: Evidence) -> list[str]:
    """The figures that pass their limit, each as it is in the channel that is the worst."""
    limits = evidence.limits
    figures = (
        ("noise", "mean_noise", limits.noise),
        ("shortfall", "variance_shortfall", limits.shortfall),
        ("train/eval gap", "train_eval_rms", limits.gap),
    )
    found = []
    for words, name, limit in figures:
        worst = max(judged(evidence), key=lambda channel: _of(channel, name), default=None)
        if worst is not None and _of(worst, name) > limit:
            found.append(
                f"{words} {_of(worst, name):.3g} in {evidence.report.title_of(worst.channel)} (limit {limit:g})"
            )
    return found


def _of(channel: CurveChannel, name: str) -> float:
    """A figure of a channel; 0 where it is not known."""
    return getattr(channel, name) or 0.0


RULE = Rule("BN205", "small-batch", "note", _check)
