"""The output depends on whether a layer uses stored or its own statistics.

What it does: reports a layer that changes more than 5 % of the output if it alone uses the statistics of each sample in
place of its stored ones (`--switch`), although its stored statistics are those of the samples together.

Why it matters: training at batch size 1 normalizes each sample with its own statistics, and evaluation mode normalizes
every sample with the stored ones. Where samples differ, the two give the next layers something else, however well the
stored statistics fit all samples together. Neither ρ (the share of the variance between samples) nor the distance of
the stored statistics tells for which layer that matters; switching does.

Example:
    $ bnstat layers mynet:small --weights runs/best.pt cohort/ --switch
    warning BN604 own-statistics-differ
      conv_0.conv_1.adn.N: its stored statistics are those of these samples
      together, but samples differ. If the layer alone uses each sample's own
      statistics, 29 % of the output gets another class (limit 5 %). If
      training used batch size 1, compare the network on labelled cases with
      stored and with each sample's own statistics. In a new training, use
      instance or group norm, which normalize alike in both modes.

What to do: compare the network on labelled cases with stored and with each sample's own statistics. In a new training,
use instance or group norm, which normalize alike in both modes, or freeze the stored statistics for the last epochs.

Threshold: 5 % of the output (`--limit moved=0.05` of `bnstat check --model`): the share of places whose class changes,
or the relative root mean square (RMS) change of an output with one channel. In two U-Nets trained at batch size 1,
four of 18 layers changed 15 to 26 % of the output, and each other less than 6 % (docs/concepts/inside-the-network.md).

Sources: Singh & Shrivastava 2019 (arXiv 1904.06031), EvalNorm. The rank correlation between the change of
the output and the size of the change of the Dice coefficient was 0.94 and 0.74 in two networks, that of ρ 0.44 and
0.22 (docs/concepts/inside-the-network.md). docs/layer-figures.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import changes, name
from bnstat.rules.rule import Rule


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    limits, measured = evidence.limits, evidence.measured
    for layer in measured.layers:
        if layer.never_updated or layer.output_moved is None or layer.output_moved <= limits.moved:
            continue
        message = (
            f"{name(layer)}: its stored statistics are those of these samples together, but samples differ. "
            f"{changes(layer, measured, limits)}If training used batch size 1, compare the network on labelled cases "
            "with stored and with each sample's own statistics. In a new training, use instance or group norm, which "
            "normalize alike in both modes."
        )
        yield rule.of_layer(
            measured.model.source, layer.layer, message, value=layer.output_moved, threshold=limits.moved
        )


RULE = Rule("BN604", "own-statistics-differ", "warning", _check, family="stored")
