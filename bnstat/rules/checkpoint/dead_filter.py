"""Only constants ever entered a channel: it carries nothing.

What it does: reports channels of a checkpoint whose running variance is what repeated updates with a batch variance of
0 leave of the initial 1: (1 − momentum)ⁿ after n batches. This needs no data, because only the same value everywhere,
in every batch, has a variance of 0. A channel that varied once, and since then was constant for so long that its
running variance has decayed to nearly nothing, is reported too.

Why it matters: the filter before the layer returns one value whatever the input, so the channel adds nothing to the
network but work. Its weights are zero, or a ReLU before it never fires. Training may not bring it back: pruned weights
stay masked, and a ReLU that never fires passes no gradient.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0, 0.2], "bn.running_var": [0.9**200, 2.0]}
    >>> np.savez("model.npz", **stored, **{"bn.num_batches_tracked": 200})
    $ bnstat checkpoint model.npz
    warning BN504 dead-filter
      channel 0 of layer bn: nothing but zeros entered in any batch, since
      the running variance (7.055e-10) is what a momentum of 0.1 leaves of
      the initial 1 after 200 such batches. The filter before this layer
      gives one value whatever the input: its weights are zero, or a ReLU
      before it never fires. Prune the channel, or initialize the filter
      again and train on.

What to do: look at the weights of the filter before the layer. Prune the channel, or initialize the filter again and
train on. If many channels of a layer are dead, lower the learning rate or the weight decay. If a channel is dead from
the first step on, look for an input channel that is always zero: `bnstat check PATH --select BN101,BN405`.

Threshold: the rounding of n updates in float32, (2 + 2m/(1 − m))·2⁻²⁴ of the value for each. A channel whose running
mean is exactly 0 is compared with every n, if all such channels of the layer have one variance. For any other, n must
be known: the file counts batches, or `--steps` says them. The momentum m is that of the file, of `--momentum`, or
PyTorch's 0.1; if none of a file's channels fits, one of two digits that a channel with a mean of 0 fits exactly. A
decayed variance is below 1e-12 of the squared mean, or of the median variance of the layer.

Sources: the recurrence new = (1 − m)·old + m·batch, run with the real layers of PyTorch in float32, float16 and
bfloat16.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, log1p
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import only, place
from bnstat.rules.rule import Rule
from bnstat.text import plural, short

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit

# A running variance is called that of the batches that are counted if it is so near: half precision rounds so much.
_NEAR = 0.01
# A running variance that is nothing in float32.
_NOTHING = 2.0**-126


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        for channels, said in ((layer.dead, _ever), (layer.faded, _lately)):
            if channels and layer.variance is not None:
                message = (
                    f"{place(layer, channels)}: {said(layer)} The filter before this layer gives one value whatever "
                    "the input: its weights are zero, or a ReLU before it never fires. Prune the channel, or "
                    "initialize the filter again and train on."
                )
                first = float(layer.variance[channels[0]])
                yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), first)


def _ever(layer: LayerAudit) -> str:
    """Say what entered channels into which only constants ever have."""
    zeros = layer.mean is None or all(layer.mean[channel] == 0.0 for channel in layer.dead)
    what = "zeros" if zeros else "a constant"
    return (
        f"nothing but {what} entered in any batch, since the running variance ({_variance(layer)}) is {_left(layer)}."
    )


def _lately(layer: LayerAudit) -> str:
    """Say what entered channels whose variance has decayed."""
    assert layer.variance is not None
    least = short(float(layer.variance[list(layer.faded)].min()))
    return f"nothing but a constant entered of late, since the running variance has decayed to nearly 0 ({least})."


def _variance(layer: LayerAudit) -> str:
    """Return the variance of the dead channels, which all have the same."""
    assert layer.variance is not None
    return short(float(layer.variance[layer.dead[0]]))


def _left(layer: LayerAudit) -> str:
    """Say what repeated updates have left of the initial variance."""
    if layer.momentum is None:
        return "the cumulative average of constants"
    assert layer.variance is not None
    variance, weight = float(layer.variance[layer.dead[0]]), layer.start_weight
    if weight is not None and abs(variance - weight) <= _NEAR * weight:
        after = plural(layer.batches or 0, "such batch", "such batches")
        return f"what a momentum of {layer.momentum:g} leaves of the initial 1 after {after}"
    if variance <= _NOTHING:
        return "what very many batches, or a cumulative average, leave of the initial 1"
    batches = round(log(variance) / log1p(-layer.momentum))
    counted = "" if layer.batches is None else f", though {layer.batches:,} are counted"
    after = plural(batches, "such batch", "such batches")
    return f"what a momentum of {layer.momentum:g} leaves of the initial 1 after {after}{counted}"


RULE = Rule("BN504", "dead-filter", "warning", _check)
