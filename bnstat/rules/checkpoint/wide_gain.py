"""Folded gains of a layer differ so much that one int8 scale loses some.

What it does: reports layers of a checkpoint in which the largest folded gain γ/√(variance + ε) is more than 127 times
the smallest. Channels that other rules report as dead or as small in γ are left out.

Why it matters: exporters fold a batch norm into the convolution before it: the weights of each output channel are
multiplied by its gain. If the folded weights are quantized to int8 with one scale for the whole layer, there are 127
steps up to the largest. Channels with a gain below a 127th of it are rounded to 0 or to a step or two.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 7], "bn.running_var": [0.01, 400]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    note BN513 wide-gain
      layer bn: the folded gain γ/√(variance + ε) is 9.995 in channel 0 and
      0.05 in channel 1, 199.9 times as small (limit 127). If the layer is
      folded into int8 weights with one scale, weak channels are rounded
      away. Quantize per channel, or keep this layer in floating point.

What to do: quantize the weights with a scale for each channel (per-channel quantization), keep this layer in floating
point, or equalize the channels before export. In floating point nothing needs to be done.

Threshold: 127, the steps of a signed int8.

Sources: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction (ICCV 2019), section 3;
Krishnamoorthi, Quantizing deep convolutional networks for efficient inference (2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left
from bnstat.rules.rule import Rule
from bnstat.text import beyond, short

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit

# The steps of a signed int8.
MOST_RATIO = 127.0


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.with_statistics:
        gains = _gains(layer)
        if len(gains) < 2:
            continue
        least, most = min(gains, key=lambda one: one[1]), max(gains, key=lambda one: one[1])
        if most[1] > MOST_RATIO * least[1]:
            ratio = most[1] / least[1]
            message = (
                f"layer {layer.title}: the folded gain γ/√(variance + ε) is {short(most[1])} in channel {most[0]} and "
                f"{short(least[1])} in channel {least[0]}, {beyond(ratio, MOST_RATIO)} times as small (limit "
                f"{MOST_RATIO:g}). If the layer is folded into int8 weights with one scale, weak channels are rounded "
                "away. Quantize per channel, or keep this layer in floating point."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, value=ratio, threshold=MOST_RATIO)


def _gains(layer: LayerAudit) -> list[tuple[int, float]]:
    """Return the size of the gain of each channel that carries something."""
    if layer.gain is None:
        return []
    small = {*layer.small_scale, *layer.zero}
    channels = left(layer, [channel for channel in range(layer.channels) if channel not in small])
    sizes = [(channel, abs(float(layer.gain[channel]))) for channel in channels]
    return [(channel, size) for channel, size in sizes if size > 0.0]


RULE = Rule("BN513", "wide-gain", "note", _check)
