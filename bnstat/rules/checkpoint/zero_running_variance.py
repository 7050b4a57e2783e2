"""A stored running variance is exactly 0.

What it does: reports channels of a checkpoint whose running variance is 0, as far as dead-filter does not report them.

Why it matters: evaluation mode divides by √ε alone, which multiplies every difference from the running mean by 316 with
PyTorch's ε of 1e-05. The channel was constant in all batches that counted, or its variance is too small for the type
that the file stores: float16 rounds everything below 3e-08 to 0.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 0.2], "bn.running_var": [0.0, 2.0]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    warning BN505 zero-running-variance
      channel 0 of layer bn: the running variance is exactly 0. Evaluation
      mode then multiplies every difference from the running mean by 1/√ε =
      316 (ε = 1e-05). Look at the filter before this layer: it gives one
      value whatever the input.

What to do: if the file is in float16, save the statistics of normalization layers in float32. Else look at the filter
before the layer, and at input channels that are constant: `bnstat check PATH --select BN101,BN405`. Prune the channel
if nothing enters it.

Threshold: 0 exactly.

Sources: evaluation mode computes γ·(x − mean)/√(variance + ε) + β in every framework.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left, only, place
from bnstat.rules.rule import Rule
from bnstat.text import short


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        channels = left(layer, layer.zero)
        if channels:
            epsilon = layer.epsilon
            factor = f"by 1/√ε = {short(1.0 / sqrt(epsilon), 3)}" if epsilon > 0.0 else "without bound"
            half = layer.stored.dtype == "float16"
            why = (
                "The file stores float16, which rounds what is below 3e-08 to 0: save this layer in float32."
                if half
                else "Look at the filter before this layer: it gives one value whatever the input."
            )
            message = (
                f"{place(layer, channels)}: the running variance is exactly 0. Evaluation mode then multiplies every "
                f"difference from the running mean {factor} (ε = {epsilon:g}). {why}"
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), 0.0, 0.0)


RULE = Rule("BN505", "zero-running-variance", "warning", _check)
