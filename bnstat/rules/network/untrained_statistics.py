"""A layer's stored statistics are those that training starts with.

What it does: reports a layer whose stored means are all 0 and whose stored variances are all 1.

Why it matters: in evaluation mode such a layer normalizes nothing: it divides by √(1 + ε). That is right only for a
network that was never trained. Usually the weights were not loaded, or the file has the weights of another part of the
network, or training ran with the layer in evaluation mode.

Example:
    $ bnstat layers nets.py:half cohort/
    warning BN605 untrained-statistics
      enc.norm: its stored means are 0 and its stored variances 1 in all
      5 channels, as before the first training step, so in evaluation mode it
      normalizes nothing. Give the trained weights: --weights FILE.

What to do: give the trained weights (`--weights FILE`, and `FILE::KEY` if they are under a key). A TorchScript, .pt2,
.onnx or .keras file has its weights inside: save it again from the trained network. If the file is right,
look whether training called `eval()` on this layer, or gave it a momentum of 0.

Threshold: every mean exactly 0, and every variance exactly 1.

Sources: `running_mean` and `running_var` of PyTorch's `BatchNorm3d`, `moving_mean` and `moving_variance` of Keras'
`BatchNormalization`: both start at 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import name
from bnstat.rules.rule import Rule
from bnstat.text import plural, printable

# The endings of files that have a network and its weights in them, for which there is no --weights.
_INSIDE = (".pt", ".pth", ".ts", ".pt2", ".onnx", ".keras", ".h5", ".hdf5")


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    model = evidence.measured.model
    if model.weights is not None:
        remedy = f"Check that {printable(model.weights)} holds the weights after training."
    elif model.source.lower().endswith(_INSIDE):
        remedy = "The weights are inside this file: save or export it again from the trained network."
    else:
        remedy = "Give the trained weights: --weights FILE."
    for layer in evidence.measured.layers:
        if layer.never_updated:
            every = f"all {layer.channels:,} channels" if layer.channels > 1 else plural(layer.channels, "channel")
            message = (
                f"{name(layer)}: its stored means are 0 and its stored variances 1 in {every}, as before the first "
                f"training step, so in evaluation mode it normalizes nothing. {remedy}"
            )
            yield rule.of_layer(model.source, layer.layer, message)


RULE = Rule("BN605", "untrained-statistics", "warning", _check, family="stored")
