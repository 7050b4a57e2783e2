"""A number of a layer is beyond the range of float16.

What it does: reports layers of a checkpoint, stored in more than half precision, with a finite statistic, γ, β or
folded gain γ/√(variance + ε) beyond 65,504.

Why it matters: in a file that is converted to float16, the number becomes Inf, and evaluation mode returns a constant,
Inf or NaN. An exporter that folds the layer into the convolution before it multiplies weights by the folded gain.

Example:
    >>> import numpy as np
    >>> stored = {"bn.running_mean": [0.1, 7], "bn.running_var": [2, 4e6]}
    >>> np.savez("model.npz", **stored)
    $ bnstat checkpoint model.npz
    note BN511 beyond-float16
      channel 1 of layer bn: the running variance is beyond float16 (up to
      4,000,000, limit 65,504). Converted to float16 it becomes Inf, and the
      output is useless. Keep this layer in float32, or export in bfloat16.

What to do: keep normalization layers in float32 (`torch.autocast` does), or export in bfloat16, whose range is that of
float32. Scale intensities before they enter: `bnstat inspect PATH --intensity zscore`.

Threshold: 65,504, the greatest finite number of float16.

Sources: IEEE 754 binary16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.layers.arithmetic.float_limits import FLOAT16_MAX
from bnstat.reports.evidence import CheckpointEvidence
from bnstat.reports.finding import Finding
from bnstat.rules.checkpoint.places import left, numbers_with, only, place
from bnstat.rules.rule import Rule
from bnstat.text import joined, short

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit


def _check(rule: Rule[CheckpointEvidence], evidence: CheckpointEvidence) -> Iterator[Finding]:
    for layer in evidence.audit.layers:
        channels = left(layer, layer.beyond_float16)
        if channels:
            most = _most(layer, channels)
            named = numbers_with(layer, channels, lambda value: abs(value) > FLOAT16_MAX)
            what = joined(named) if named else "the folded gain γ/√(variance + ε)"
            message = (
                f"{place(layer, channels)}: {what} {'are' if len(named) > 1 else 'is'} beyond float16 (up to "
                f"{short(most)}, limit 65,504). Converted to float16 it becomes Inf, and the output is useless. Keep "
                "this layer in float32, or export in bfloat16."
            )
            yield rule.of_layer(evidence.audit.file, layer.name, message, only(channels), most, FLOAT16_MAX)


def _most(layer: LayerAudit, channels: tuple[int, ...]) -> float:
    """Return the largest of these numbers, whatever its sign."""
    stored = layer.stored
    numbers = (stored.running_mean, stored.running_variance, stored.scale, stored.shift, layer.gain)
    found = [abs(float(values[channel])) for values in numbers if values is not None for channel in channels]
    return max((value for value in found if FLOAT16_MAX < value < float("inf")), default=FLOAT16_MAX)


RULE = Rule("BN511", "beyond-float16", "note", _check)
