"""Layers count different numbers of batches, or others than the training.

What it does: reports layers that count other batches than most layers of the file, and, if `--steps` says how long the
training was, layers that count other batches than that. Layers that were never updated are reported by never-updated.

Why it matters: all layers that run in a training step are updated once. One that counts less was frozen, skipped or
added later, so its statistics are those of an older network. One that counts twice as much runs twice in a step:
statistics of two different inputs are mixed in it. Gradient accumulation counts each part of a step.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 0.2], "bn.running_var": [1.0, 2.0]}
    >>> np.savez("model.npz", **stored, **{"bn.num_batches_tracked": 400})
    $ bnstat checkpoint model.npz --steps 200
    note BN510 uneven-updates
      most layers count 400 batches, and the training has 200 steps: each
      step counts 2 times, as with gradient accumulation or a layer that
      runs 2 times. The running statistics have seen 400 batches, whatever
      the training has.

What to do: if layers were frozen on purpose (`model.eval()` on a part of the network), all is well. Else look at when
these layers run. A layer that is shared by two inputs should be two layers, or should not keep running statistics.

Threshold: none. One batch is enough.

Sources: PyTorch counts the batches of training mode in `num_batches_tracked`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import layers_of
from bnstat.rules.rule import Rule
from bnstat.text import joined, plural

_REMEDY = (
    "If layers were frozen on purpose, all is well; else look at when they run: a layer that counts less keeps "
    "statistics of an older network, and one that counts more may run several times in a step."
)


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    audit = evidence.audit
    counted = [layer for layer in audit.with_statistics if layer.stored.batches_tracked]
    if not counted:
        return
    counts = Counter(layer.stored.batches_tracked or 0 for layer in counted)
    usual = max(counts, key=lambda count: (counts[count], count))
    steps = audit.settings.steps
    if len(counts) > 1:
        others = [
            f"{plural(count, 'batch', 'batches')} in "
            f"{layers_of([one for one in counted if one.stored.batches_tracked == count], len(counted))}"
            for count in sorted(counts)
            if count != usual
        ]
        message = (
            f"layers count different numbers of batches: {plural(usual, 'batch', 'batches')} in "
            f"{plural(counts[usual], 'layer')}, but {joined(others)}. {_REMEDY}"
        )
        yield rule.of_source(audit.file, message, value=float(len(counted) - counts[usual]), threshold=0.0)
    if steps is not None and usual != steps:
        message = (
            f"most layers count {plural(usual, 'batch', 'batches')}, and the training has {plural(steps, 'step')}: "
            f"{_ratio(usual, steps)}. The running statistics have seen {plural(usual, 'batch', 'batches')}, whatever "
            "the training has."
        )
        yield rule.of_source(audit.file, message, value=float(usual), threshold=float(steps))


def _ratio(counted: int, steps: int) -> str:
    """Say how the count comes about."""
    if counted < steps:
        return "the layers were frozen for a part of it, or the file is of an earlier step"
    times, left = divmod(counted, steps)
    if not left:
        return f"each step counts {times:,} times, as with gradient accumulation or a layer that runs {times:,} times"
    return "the training was continued from another one, or the steps are fewer than was said"


RULE = Rule("BN510", "uneven-updates", "note", _check)
