"""A stored running variance is below ε, which then decides the output.

What it does: reports channels of a checkpoint whose running variance is above 0 and below ε (epsilon), as far as
dead-filter does not report them.

Why it matters: evaluation mode divides by √(variance + ε). Where ε is the larger part, the standard deviation of the
output is below 0.71 of what γ (the learned scale) says, and it hangs on a number that was chosen for another reason.
Another framework, with another ε, gives another output from the same weights.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 0.2], "bn.running_var": [1e-6, 2.0]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    warning BN506 variance-below-epsilon
      channel 0 of layer bn: the running variance (least 1.000e-06) is below
      ε = 1e-05, so ε decides the output of evaluation mode: its standard
      deviation is 0.302·γ in place of γ (the learned scale). Keep this ε
      wherever the network runs, and find why the channel hardly varies:
      small intensities, small weights, or weight decay.

What to do: keep the ε of the training wherever the network runs. If the file is not PyTorch's, say its ε:
`--epsilon 1e-3`. Before the next training, find why the channel hardly varies: small input intensities
(`bnstat check PATH --select BN102,BN103`), small weights, or a weight decay that shrinks them.

Threshold: ε itself: that of the file, of `--epsilon`, or the default of the framework.

Sources: the output's standard deviation is γ·√(variance/(variance + ε)), which is γ/√2 where both are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left, only, place
from bnstat.rules.rule import Rule
from bnstat.text import beyond, short


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        channels = left(layer, layer.below_epsilon)
        if channels and layer.variance is not None:
            epsilon = layer.epsilon
            least = float(layer.variance[list(channels)].min())
            output = sqrt(least / (least + epsilon))
            message = (
                f"{place(layer, channels)}: the running variance (least {beyond(least, epsilon)}) is below "
                f"ε = {epsilon:g}, so ε decides the output of evaluation mode: its standard deviation is "
                f"{short(output, 3)}·γ in place of γ (the learned scale). Keep this ε wherever the network runs, and "
                "find why the channel hardly varies: small intensities, small weights, or weight decay."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), least, epsilon)


RULE = Rule("BN506", "variance-below-epsilon", "warning", _check)
