"""The learned scale γ of channels is nearly 0: the layer returns β there.

What it does: reports channels of a checkpoint whose γ (the learned scale) is below 0.001 in size.

Why it matters: γ starts at 1. Where it has gone to 0, by weight decay or by a penalty, the output is β (the learned
bias) for every input, and the channel carries nothing. If all γ of a layer are exactly 0, they were initialized so (the
last normalization of a residual block often is) and never trained.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 7], "bn.running_var": [2.0, 3.0]}
    >>> np.savez("model.npz", **stored, **{"bn.weight": [1.0, 1e-5]})
    $ bnstat checkpoint model.npz
    note BN512 small-scale
      channel 1 of layer bn: γ (the learned scale) is at most 1.000e-05 in
      size (limit 0.001), so the output is nearly β (the learned bias) for
      every input. Prune these channels, or leave γ out of the weight decay.

What to do: prune these channels, which changes nearly nothing, or leave γ and β out of the weight decay in the next
training. For a layer whose γ are all 0, look whether its branch is trained at all.

Threshold: 0.001, a thousandth of a normalized channel.

Sources: Liu et al., Learning Efficient Convolutional Networks through Network Slimming (ICCV 2017), prune channels by
γ. Goyal et al., Accurate, Large Minibatch SGD (2017), start the last γ of each residual block at 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.networks.checkpoints.settings import SMALL_SCALE
from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left, only, place
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.layers:
        channels, scale = left(layer, layer.small_scale), layer.stored.scale
        if channels and scale is not None:
            most = max(abs(float(scale[channel])) for channel in channels)
            every = len(channels) == layer.channels and most == 0.0
            size = (
                "exactly 0" if most == 0.0 else f"at most {beyond(most, SMALL_SCALE)} in size (limit {SMALL_SCALE:g})"
            )
            remedy = (
                "They were initialized so and never trained, as the last normalization of a residual block may be: "
                "look whether this branch is trained."
                if every
                else "Prune these channels, or leave γ out of the weight decay."
            )
            message = (
                f"{place(layer, channels)}: γ (the learned scale) is {size}, so the output is nearly β (the learned "
                f"bias) for every input. {remedy}"
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), most, SMALL_SCALE)


RULE = Rule("BN512", "small-scale", "note", _check)
