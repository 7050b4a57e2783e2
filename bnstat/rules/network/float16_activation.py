"""Values inside the network are beyond the range of float16.

What it does: reports a layer that gets a value whose magnitude is over 65,504, unless it got it in float16 already.

Why it matters: in float16, as in mixed precision or in a network that is exported for inference, such a value becomes
Inf. The mean of the channel is then Inf and its variance NaN. Exported networks often run in float16 where
nobody asked for it.

Example:
    $ bnstat layers segmenter.onnx cohort/
    note BN609 float16-activation
      BatchNormalization_1: values up to 90,000 in magnitude enter it
      (channel 1). float16 ends at 65,504, so in float16 they become Inf, and
      the channel has no variance. Run the network in bfloat16 or float32, or
      scale its input down.

What to do: run the network in bfloat16 or float32. If it has to be float16, scale the input down, or normalize earlier.

Threshold: 65,504, the largest number of float16.

Sources: IEEE 754, binary16; BN106 is the same for data.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.layers.arithmetic.float_limits import FLOAT16_MAX
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import name
from bnstat.rules.rule import Rule
from bnstat.text import beyond, numbered


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    for layer in evidence.measured.layers:
        large = {channel: value for channel, value in enumerate(layer.largest) if (value or 0.0) > FLOAT16_MAX}
        if not large or layer.dtype == "float16":
            continue
        most = max(value or 0.0 for value in large.values())
        message = (
            f"{name(layer)}: values up to {beyond(most, FLOAT16_MAX)} in magnitude enter it "
            f"({numbered('channel', 'channels', large)}). float16 ends at {FLOAT16_MAX:,.0f}, so in float16 they "
            f"become Inf, and {'the channel has' if len(large) == 1 else 'these channels have'} no variance. Run the "
            "network in bfloat16 or float32, or scale its input down."
        )
        channel = next(iter(large)) if len(large) == 1 else None
        yield rule.of_layer(
            evidence.measured.model.source, layer.layer, message, channel, value=most, threshold=FLOAT16_MAX
        )


RULE = Rule("BN609", "float16-activation", "note", _check)
