"""Inside the network ε takes a visible share of what a layer divides by.

What it does: reports a layer in whose median channel ε/(variance + ε) is over 1 %. The variance is the one that
normalizes a single sample. ε (epsilon) is a small constant that the layer adds to it. Channels that are constant over
all samples do not count.

Why it matters: the output of the layer has the variance variance/(variance + ε), not 1, so it normalizes less than it
seems to, and with another ε it is another network. Exporters and other frameworks may have another ε. Deep in a network
the activations are often much smaller than at the input.

Example:
    $ bnstat layers nets.py:encoder cohort/
    note BN607 layer-epsilon-effect
      encoder.2.norm_1: in a single sample ε (epsilon) 1e-05 is 4 % of
      variance + ε in the median channel and 5.2 % in the worst (limit 1 %),
      so the output has variance 0.96 instead of 1 there. Use a smaller ε in
      training and inference alike, or look why the values that enter are so
      small.

What to do: use a smaller ε, in training and in inference alike; a trained network keeps the ε that it was trained with.
Or look why the values that enter the layer are so small, for instance data that were scaled to [0, 1].

Threshold: 1 %, as for data (BN103), `--limit epsilon-share=0.01` of `bnstat check --model`: the standard deviation of
the output is short by half of it.

Sources: output variance = variance/(variance + ε).
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.networks.results import middle
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import name
from bnstat.rules.rule import Rule
from bnstat.text import beyond, short


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    limit = evidence.limits.epsilon_share
    for layer in evidence.measured.layers:
        shares = tuple(None if place in layer.dead else one for place, one in enumerate(layer.epsilon_share))
        share = middle(shares)
        if share is None or share <= limit or layer.values == 1:  # whose variance is 0 for want of values
            continue
        worst = max(value for value in shares if value is not None)
        divisor = "mean square" if layer.kind == "rms" else "variance"
        where = f" in the median channel and {short(100 * worst, 3)} % in the worst" if worst > share else ""
        much = f"{beyond(100 * share, 100 * limit, 3)} % of {divisor} + ε{where}"
        message = (
            f"{name(layer)}: in a single sample ε (epsilon) {layer.epsilon:g} is {much} (limit {100 * limit:g} %), so "
            f"the output has {divisor} {short(1 - share, 3)} instead of 1{' there' if where else ''}. Use a smaller ε "
            "in training and inference alike, or look why the values that enter are so small."
        )
        yield rule.of_layer(evidence.measured.model.source, layer.layer, message, value=share, threshold=limit)


RULE = Rule("BN607", "layer-epsilon-effect", "note", _check)
