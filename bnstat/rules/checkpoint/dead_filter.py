"""Only constants ever entered a channel: it carries nothing.

What it does: reports channels of a checkpoint whose running variance is what repeated updates with a batch variance of
0 leave of the initial 1: (1 − momentum)ⁿ after n batches. This needs no data, because only the same value everywhere,
in every batch, has a variance of 0.

Why it matters: the filter before the layer returns one value whatever the input, so the channel adds nothing to the
network but work. Its weights are zero, or a ReLU before it never fires. Training does not bring it back, because no
gradient passes a constant.

Example:
    >>> import numpy as np
    >>> stored = {"norm.running_mean": [0, 0.2], "norm.running_var": [0.9**200, 2]}
    >>> np.savez("model.npz", **stored, **{"norm.num_batches_tracked": 200})
    $ bnstat checkpoint model.npz
    warning BN504 dead-filter
      channel 0 of layer norm: nothing but zeros entered in any batch, since
      the running variance (7.055e-10) is what a momentum of 0.1 leaves of
      the initial 1 after 200 such batches. The filter before this layer
      gives one value whatever the input: its weights are zero, or a ReLU
      before it never fires. Prune the channel, or initialize the filter
      again and train on.

What to do: look at the weights of the filter before the layer. Prune the channel, or initialize the filter again and
train on. If many channels of a layer are dead, lower the learning rate or the weight decay. If a channel is dead from
the first step on, look for an input channel that is always zero: `bnstat check PATH --select BN101,BN405`.

Threshold: the rounding of n updates in float32, (2 + 2m/(1 − m))·2⁻²⁴ of the value for each. A channel whose running
mean is exactly 0 is compared with every n. For any other, n must be known: the file counts batches, or `--steps` says
them. The momentum m is that of the file, of `--momentum`, or PyTorch's 0.1; with a wrong one no channel is found.

Sources: the recurrence new = (1 − m)·old + m·batch, run with the real layers of PyTorch in float32, float16 and
bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.report.evidence import CheckpointEvidence
from bnstat.report.finding import Finding
from bnstat.rules.checkpoint.places import only, place
from bnstat.rules.rule import Rule
from bnstat.text import plural, short

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        if layer.dead:
            message = (
                f"{place(layer, layer.dead)}: {_entered(layer)} in any batch, since the running variance "
                f"({_variance(layer)}) is {_left(layer)}. The filter before this layer gives one value whatever the "
                "input: its weights are zero, or a ReLU before it never fires. Prune the channel, or initialize the "
                "filter again and train on."
            )
            first = None if layer.variance is None else float(layer.variance[layer.dead[0]])
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(layer.dead), first)


def _entered(layer: LayerAudit) -> str:
    """Say what entered the dead channels."""
    if layer.mean is None or all(layer.mean[channel] == 0.0 for channel in layer.dead):
        return "nothing but zeros entered"
    return "nothing but a constant entered"


def _variance(layer: LayerAudit) -> str:
    """Return the variance of the dead channels, which all have the same."""
    assert layer.variance is not None
    return short(float(layer.variance[layer.dead[0]]))


def _left(layer: LayerAudit) -> str:
    """Say what repeated updates have left of the initial variance."""
    if layer.momentum is None:
        return "the cumulative average of zeros"
    what = f"what a momentum of {layer.momentum:g} leaves of the initial 1"
    return f"{what} after {plural(layer.batches, 'such batch', 'such batches')}" if layer.batches else what


RULE = Rule("BN504", "dead-filter", "warning", _check)
