"""A channel of an instance norm is constant in some samples.

What it does: reports an instance norm that has channels in which all values of at least one sample are equal, though
not of all samples together.

Why it matters: instance norm subtracts the mean of each sample. Of a constant nothing is left: the output is β (the
layer's learned bias, 0 at first), whatever the constant was. The network cannot tell such samples apart by this
channel. Only ε (epsilon) prevents a division by zero, and in float32 the rounding of the mean is then multiplied by
1/√ε.

Example:
    $ bnstat layers nets.py:encoder cohort/
    note BN602 constant-in-a-sample
      encoder.1.norm_1: channel 1 of 5 is constant in at least one sample.
      There the layer subtracts the constant and divides by √ε = 0.003162, so
      its output is β (its learned bias), whatever the constant was. If
      these samples are patches of background, draw patches around the
      foreground (--foreground); otherwise use group or layer norm, which
      average over several channels.

What to do: look at the samples: a patch of air is constant, and its features are, too. Draw patches around the
foreground, or use group or layer norm, which average over several channels.

Threshold: one sample in which all values of the channel are equal.

Sources: Ulyanov, Vedaldi & Lempitsky 2016 (arXiv 1607.08022); PyTorch's `InstanceNorm3d`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt

from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import channels, name
from bnstat.rules.rule import Rule
from bnstat.text import short


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    for layer in evidence.measured.layers:
        found = tuple(channel for channel in layer.constant_in_a_sample if channel not in layer.dead)
        if layer.kind != "instance" or not found or prod(layer.shape) == layer.channels:
            continue
        one = len(found) == 1
        message = (
            f"{name(layer)}: {channels(found, layer)} {'is' if one else 'are'} constant in at least one sample. There "
            f"the layer subtracts the constant and divides by √ε = {short(sqrt(layer.epsilon))}, so its output is β "
            "(its learned bias), whatever the constant was. If these samples are patches of background, draw patches "
            "around the foreground (--foreground); otherwise use group or layer norm, which average over several "
            "channels."
        )
        yield rule.of_layer(
            evidence.measured.model.source, layer.layer, message, found[0] if one else None, value=float(len(found))
        )


RULE = Rule("BN602", "constant-in-a-sample", "note", _check)
