"""A layer's stored statistics are not those of the samples.

What it does: reports a layer whose stored mean is off by more than 0.25 standard deviations in its median channel, or
whose stored variance is less than half or more than twice that of the samples there. If layers were switched to each
sample's own statistics (`--switch`), the layer is reported only if that changes more than 5 % of the output.

Why it matters: evaluation mode normalizes with the stored statistics. What the next layers then get has another mean
and another variance than in training. This happens if training stopped before the running statistics had settled, if
they were averaged over small batches, or if the samples are of another scanner or were prepared otherwise.

Example:
    $ bnstat layers mynet:small --weights runs/best.pt cohort/ --switch
    warning BN603 stored-statistics-off
      conv_0.conv_0.adn.N: in evaluation mode the ratio of its stored variance
      to that of these samples is 0.459 (limits 0.5 and 2), in the median
      channel. If the layer alone uses each sample's own statistics, 36 % of
      the output gets another class (limit 5 %). Training with one or two
      samples a batch stores variances that are too small by itself. Check
      that the samples are prepared as in training. Then compare the network
      on labelled cases with its stored statistics, with each sample's own,
      and with those of these samples, layer by layer (--save-statistics FILE).

What to do: check first that the samples are prepared as in training. Then compare the network on labelled cases with
its stored statistics, with each sample's own, and with those of these samples. `--save-statistics FILE` computes
these layer by layer, each under statistics of the layers before it that are already right; those of all layers from one
pass would not fit together. A network of batch size 1 may do best with each sample's own, as it was trained.

Threshold: 0.25 standard deviations for the mean (`--limit mean-gap=0.25` of `bnstat check --model`), a factor of 2 for
the variance (`--limit variance-ratio=2`), and 5 % of the output (`--limit moved=0.05`). In two
U-Nets trained at batch size 1, four of 18 layers changed 15 to 26 % of the output, and each other less than 6 %
(docs/concepts/inside-the-network.md).

Sources: Wu & Johnson 2021, "Rethinking Batch in BatchNorm" (arXiv 2105.07576), on population statistics ("precise BN").
docs/layer-figures.md has the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.networks.results import LayerResult, middle
from bnstat.reports.evidence import NetworkEvidence
from bnstat.reports.finding import Finding
from bnstat.reports.layers_words import changes, name
from bnstat.reports.limits import NetworkLimits
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[NetworkEvidence], evidence: NetworkEvidence) -> Iterator[Finding]:
    limits, measured = evidence.limits, evidence.measured
    for layer in measured.layers:
        if layer.never_updated or (layer.output_moved is not None and layer.output_moved <= limits.moved):
            continue
        off = _off(layer, limits)
        if off is None:
            continue
        value, threshold, how_far = off
        moved = changes(layer, measured, limits)
        renew = (
            "Then compare the network on labelled cases with its stored statistics, with each sample's own, and with "
            "those of these samples, layer by layer (--save-statistics FILE)."
            if measured.model.trains
            else "Then compute the statistics anew with the code that the model was exported from, and export again."
        )
        message = (
            f"{name(layer)}: in evaluation mode {how_far}, in the median channel. {moved}{_small_batches(layer)}Check "
            f"that the samples are prepared as in training. {renew}"
        )
        yield rule.of_layer(measured.model.source, layer.layer, message, value=value, threshold=threshold)


def _off(layer: LayerResult, limits: NetworkLimits) -> tuple[float, float, str] | None:
    """Return the figure that is beyond its limit, the limit, and how far both figures are; None if none is."""
    gap, ratio = middle(layer.mean_gap), middle(layer.variance_ratio)
    most = limits.variance_ratio
    wide = ratio is not None and not 1 / most <= ratio <= most
    far = gap is not None and gap > limits.mean_gap
    if not wide and not far:
        return None
    parts = []
    if gap is not None and far:
        parts.append(
            f"its stored mean is off from that of these samples by {beyond(gap, limits.mean_gap, 3)} SD (standard "
            f"deviations of the values that enter; limit {limits.mean_gap:g})"
        )
    if ratio is not None and wide:
        limit = 1 / most if ratio < 1 else most
        parts.append(
            f"the ratio of its stored variance to {'theirs' if parts else 'that of these samples'} is "
            f"{beyond(ratio, limit, 3)} (limits {1 / most:g} and {most:g})"
        )
    value, threshold = (gap, limits.mean_gap) if far else (ratio, 1 / most if (ratio or 0.0) < 1 else most)
    return value or 0.0, threshold, ", and ".join(parts)


def _small_batches(layer: LayerResult) -> str:
    """Return the cause of a stored variance that is too small which lies in the training itself."""
    ratio = middle(layer.variance_ratio)
    if layer.kind != "batch" or ratio is None or ratio >= 1:
        return ""
    return "Training with one or two samples a batch stores variances that are too small by itself. "


RULE = Rule("BN603", "stored-statistics-off", "warning", _check, family="stored")
