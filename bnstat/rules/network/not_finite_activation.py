"""NaN or Inf enters a layer of the network.

What it does: reports the first layer that gets a value that is NaN or infinite, and how many of its channels have one.
Layers behind it get them from there, and are counted.

Why it matters: such a channel has no mean and no variance. In training mode the layer writes NaN into its running
statistics, and no later step removes it from there: the network is lost.

Example:
    $ bnstat layers nets.py:half cohort/ --amp float16
    error BN608 not-finite-activation
      dec.norm: NaN or Inf enters it in 3 of 5 channels, and then 1 more norm.
      Such a channel has no statistics. Check the samples for NaN (bnstat
      inspect PATH) and the weights of the layers before this one. In float16,
      values above 65,504 become Inf, which bfloat16 avoids.

What to do: check the samples for NaN and Inf (`bnstat inspect`). If they have none, look at the weights of the layers
before this one, which a training that diverged leaves NaN. In float16, values above 65,504 become Inf; bfloat16 and
float32 hold them.

Threshold: one value.

Sources: PyTorch's `BatchNorm3d`: running = (1 − momentum)·running + momentum·batch, which stays NaN.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import name
from bnstat.rules.rule import Rule
from bnstat.text import plural


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    found = [layer for layer in evidence.measured.layers if layer.not_finite]
    if not found:
        return
    first = found[0]
    more = f", and then {plural(len(found) - 1, 'more norm')}" if len(found) > 1 else ""
    trains = ", and training would write NaN into its running ones" if first.stored else ""
    message = (
        f"{name(first)}: NaN or Inf enters it in {len(first.not_finite):,} of {plural(first.channels, 'channel')}"
        f"{more}. Such a channel has no statistics{trains}. Check the samples for NaN (bnstat inspect PATH) and the "
        "weights of the layers before this one. In float16, values above 65,504 become Inf, which bfloat16 avoids."
    )
    channel = first.not_finite[0] if len(first.not_finite) == 1 else None
    yield rule.of_layer(
        evidence.measured.model.source, first.layer, message, channel, value=float(len(first.not_finite)), threshold=0.0
    )


RULE = Rule("BN608", "not-finite-activation", "error", _check)
