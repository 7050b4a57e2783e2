"""A stored running variance is negative.

What it does: reports a layer of a checkpoint with a running variance below 0.

Why it matters: no data have a negative variance, so the file is not what a training wrote. Evaluation mode takes the
square root of variance + ε: of a negative number that is NaN. Such variances come from arithmetic on weights, such as
2·a − b or a moving average that is corrected by subtraction, and from mean and variance that are swapped.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 3], "bn.running_var": [2, -0.25]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    error BN503 negative-running-variance
      channel 1 of layer bn: the running variance is negative (least -0.25),
      so evaluation mode returns NaN. No training writes this: the weights
      were combined, or mean and variance are swapped. Compute the
      statistics of this network again:
      torch.optim.swa_utils.update_bn(loader, model).

What to do: do not combine running statistics; combine the weights, and then compute the statistics of the new network:
`torch.optim.swa_utils.update_bn(loader, model)`. If a converter wrote the file, compare the order of mean and variance.

Threshold: 0.

Sources: a variance is a mean of squares.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import only, place
from bnstat.rules.rule import Rule
from bnstat.text import short


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        if layer.negative and layer.variance is not None:
            least = float(layer.variance[list(layer.negative)].min())
            output = (
                "evaluation mode returns NaN"
                if least + layer.epsilon < 0.0
                else f"the output hangs on ε = {layer.epsilon:g} alone"
            )
            message = (
                f"{place(layer, layer.negative)}: the running variance is negative (least {short(least)}), so {output}."
                " No training writes this: the weights were combined, or mean and variance are swapped. Compute the "
                "statistics of this network again: torch.optim.swa_utils.update_bn(loader, model)."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(layer.negative), least, 0.0)


RULE = Rule("BN503", "negative-running-variance", "error", _check)
