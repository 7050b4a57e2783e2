"""A channel inside the network is constant over all samples.

What it does: reports a layer that has channels in which every value of every sample is equal in evaluation mode.

Why it matters: batch and instance norm turn a constant into a constant, the same for every input. With group and layer
norm the output depends on the other channels of the group. The channel costs memory and time, and tells the next layers
nothing of its own. A filter of zeros makes such a channel, and so does a ReLU whose inputs are all negative.

Example:
    $ bnstat layers mynet:small --weights runs/best.pt cohort/
    warning BN601 dead-channel
      down_2.convs.conv_1.adn.N: channel 2 of 5 is constant over all
      48 samples in evaluation mode, so the layer's output there is the same
      for every input, and the next layers learn nothing from it. Look at the
      weights of the convolution before it: a filter of zeros, or of very
      negative bias before a ReLU, does this. Remove the channel, or train
      again with a smaller learning rate or less weight decay.

What to do: look at the weights of the convolution before the layer (`bnstat checkpoint FILE` shows the channels whose
stored variance is 0), and at the learning rate and the weight decay if there are many. A dead channel can be removed.

Threshold: none: the smallest value and the largest are equal, in all samples together.

Sources: Lu, Shin, Su & Karniadakis 2019 (arXiv 1903.06733) on ReLU networks whose units die; the formulas of batch and
instance norm for what a constant becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from bnstat.networks.results import LayerResult
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import channels, name
from bnstat.rules.rule import Rule
from bnstat.text import plural


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    for layer in evidence.measured.layers:
        if not layer.dead or prod(layer.shape) * layer.samples == layer.channels:  # a single value is no constant
            continue
        one = len(layer.dead) == 1
        message = (
            f"{name(layer)}: {channels(layer.dead, layer)} {'is' if one else 'are'} constant over "
            f"{'all ' if layer.samples > 1 else ''}{plural(layer.samples, 'sample')} in evaluation mode, "
            f"{_means(layer)} Look at the weights of the convolution before it: a filter of zeros, or of very negative "
            f"bias before a ReLU, does this. Remove the {'channel' if one else 'channels'}, or train again with a "
            "smaller learning rate or less weight decay."
        )
        channel, count = layer.dead[0] if one else None, float(len(layer.dead))
        yield rule.of_layer(evidence.measured.model.source, layer.layer, message, channel, value=count)


def _means(layer: LayerResult) -> str:
    """Say what the layer makes of a constant channel."""
    if layer.kind in ("batch", "instance"):
        return "so the layer's output there is the same for every input, and the next layers learn nothing from it."
    return "so what the layer makes of it tells only of the channels that it is averaged with."


RULE = Rule("BN601", "dead-channel", "warning", _check)
