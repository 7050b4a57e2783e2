"""A stored statistic or parameter of a layer is NaN.

What it does: reports a layer of a checkpoint with NaN (not a number) in its running mean, its running variance, γ or
β (the learned scale and bias).

Why it matters: evaluation mode returns NaN for every input of such a channel, and every layer behind it does too.
Running statistics never recover: a share of NaN is NaN. One volume with NaN, or one step in which the loss overflowed,
is enough; the loss of training, which uses the statistics of each batch, may look well again afterwards.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, np.nan], "bn.running_var": [1.0, 2.0]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    error BN501 nan-statistics
      channel 1 of layer bn: the running mean is NaN, so evaluation mode
      returns NaN for every input, and further training does not repair
      running statistics. Load a checkpoint from before, and find the
      volumes with NaN or Inf: bnstat check PATH --select BN104,BN105.

What to do: load a checkpoint from before the step, and find the volumes: `bnstat check PATH --select BN104,BN105`. If
only the statistics are damaged and the weights are finite, compute the statistics again:
`torch.optim.swa_utils.update_bn(loader, model)`.

Threshold: none. One NaN is enough.

Sources: IEEE 754 arithmetic, in which every sum with a NaN is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import numbers_with, only, place
from bnstat.rules.rule import Rule
from bnstat.text import joined

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.layers:
        if layer.nan:
            wrong = numbers_with(layer, layer.nan, isnan)
            message = (
                f"{place(layer, layer.nan)}: {joined(wrong)} {'is' if len(wrong) == 1 else 'are'} NaN, so "
                f"{_consequence(layer)} Load a checkpoint from before, and find the volumes with NaN or Inf: "
                "bnstat check PATH --select BN104,BN105."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(layer.nan), float(len(layer.nan)), 0.0)


def _consequence(layer: LayerAudit) -> str:
    """Say what NaN means for evaluation, and for the training that goes on from it."""
    if layer.variance is None:
        return "the layer returns NaN for every input."
    return "evaluation mode returns NaN for every input, and further training does not repair running statistics."


RULE = Rule("BN501", "nan-statistics", "error", _check)
