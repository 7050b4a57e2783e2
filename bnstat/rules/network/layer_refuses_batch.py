"""A layer refuses to train with a batch.

What it does: reports a layer that stops the forward pass in training mode at a batch size that was asked for (`-b`).

Why it matters: a batch norm that averages a channel over a single value has a variance of 0, and PyTorch refuses to
train. At batch size 1 this happens where a sample leaves one value for each channel: behind global pooling, or at the
deepest level of an encoder whose patch is small. Layers before it are no problem.

Example:
    $ bnstat layers torchvision.models.video:r3d_18 scans/ -b 1,2
    error BN606 layer-refuses-batch
      layer4.0.bn1: at batch size 1 it refuses to train: "Expected more than
      1 value per channel when training, got input size torch.Size([1, 8, 1,
      1, 1])". A channel has a single value there. Use larger batches, a
      larger patch (which does not help behind global pooling), or group or
      layer norm there, which average over channels too.

What to do: use a larger batch, a larger patch or fewer levels of downsampling. Or use group or layer norm there, which
average over channels too. `bnstat plan` shows the sizes of all levels.

Threshold: none: the real layer was run. Of the layers behind the first one that refuses, which the pass does not reach,
those are named that have too few values.

Sources: PyTorch's `torch.nn.functional.batch_norm` and `instance_norm` ("Expected more than 1 value per channel when
training").
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.networks.results import LayerResult
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import more_values, name
from bnstat.rules.rule import Rule
from bnstat.text import joined, printable


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    for layer in evidence.measured.layers:
        refused = [one for one in layer.batches if one.raises]
        if refused:
            sizes = joined([f"{one.batch_size:,}" for one in refused])
            at = f"batch {'size' if len(refused) == 1 else 'sizes'} {sizes}"
            message = f"{name(layer)}: at {at} it refuses to train{_why(layer)}"
            yield rule.of_layer(
                evidence.measured.model.source, layer.layer, message, value=float(refused[0].batch_size)
            )


def _why(layer: LayerResult) -> str:
    """Say why it refuses, in the framework's words if it was run, and what to do."""
    refused = [one for one in layer.batches if one.raises]
    words = next((one.message for one in refused if one.message is not None), None)
    told = "." if words is None else f': "{printable(words)}".'
    if all(one.values == 1 for one in refused):
        return f"{told} A channel has a single value there. {more_values([layer])}"
    return told


RULE = Rule("BN606", "layer-refuses-batch", "error", _check)
