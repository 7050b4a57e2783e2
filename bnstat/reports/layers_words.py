"""The words and figures of a network's layers that sentences, rules and tables share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bnstat.networks.results import BatchSizeResult, LayerResult, Measured, PerChannel, middle
from bnstat.reports.limits import NETWORK_LIMITS, NetworkLimits
from bnstat.text import beyond, capitalized, joined, numbered, plural, printable, sentence, short

if TYPE_CHECKING:  # numpy, which explaining a rule does without
    from bnstat.networks.normalization import Kind

# The normalizations in a sentence.
TITLES: dict[Kind, str] = {
    "batch": "batch norm",
    "instance": "instance norm",
    "group": "group norm",
    "layer": "layer norm",
    "rms": "RMS norm",
}

# Layers that are named before the rest is counted.
_MOST_NAMES = 4
# The smallest share that is written out.
LEAST_SHARE = 1e-4

# A layer with one of its figures.
Figured = tuple[LayerResult, float]


def medians(layers: Sequence[LayerResult], figure: Callable[[LayerResult], PerChannel]) -> list[Figured]:
    """Return the layers that have a figure, each with its median over channels."""
    found = [(layer, middle(figure(layer))) for layer in layers]
    return [(layer, value) for layer, value in found if value is not None]


def of_size(layer: LayerResult, size: int) -> BatchSizeResult | None:
    """Return what training batches of a size did at a layer; None if they were not run."""
    return next((one for one in layer.batches if one.batch_size == size), None)


def lost(layer: LayerResult, size: int) -> PerChannel:
    """Return what training batches of a size lack of the variance; below 0 is the error of drawn batches."""
    found = of_size(layer, size)
    return () if found is None else tuple(None if one is None else max(one, 0.0) for one in found.shortfall)


def between_in_training(layer: LayerResult) -> float | None:
    """Return the share of the variance between samples in training at batch size 1; None if it was not run.

    It is what batches of one sample lack. No other size tells it.
    """
    return middle(lost(layer, 1))


def sizes_of(layers: Sequence[LayerResult]) -> list[int]:
    """Return the batch sizes of the training passes, the smallest first."""
    return sorted({one.batch_size for layer in layers for one in layer.batches})


def payers(layers: Sequence[LayerResult]) -> list[Figured]:
    """Return the layers that change more of the output than the limit if they are switched, the most first."""
    return [one for one in switched(layers) if one[1] > NETWORK_LIMITS.moved]


def switched(layers: Sequence[LayerResult]) -> list[Figured]:
    """Return the layers that were switched to each sample's own statistics, those that change most of the output first.

    Each stands with the share of the output that changes.
    """
    found = [(layer, layer.output_moved) for layer in layers if layer.output_moved is not None]
    return sorted(found, key=lambda one: -one[1])


def fits(layer: LayerResult) -> bool:
    """Return True if the stored statistics of the median channel are within the limits of those of the samples."""
    gap, ratio, most = middle(layer.mean_gap), middle(layer.variance_ratio), NETWORK_LIMITS.variance_ratio
    return (gap is None or gap <= NETWORK_LIMITS.mean_gap) and (ratio is None or 1 / most <= ratio <= most)


def percent(value: float) -> str:
    """Return a share in percent, never rounded to a bare 0 where it is more."""
    return "less than 0.01 %" if 0 < value < LEAST_SHARE else f"{short(100 * value, 2)} %"


def in_sd(value: float) -> str:
    """Return a distance in standard deviations, never rounded to a bare 0 where it is more."""
    return "less than 0.0001 SD" if 0 < value < LEAST_SHARE else f"{short(value, 2)} SD"


def times(value: float) -> str:
    """Return a ratio without its unit."""
    return short(value, 2)


def full(words: str) -> str:
    """Return words as a full sentence, safe for a terminal."""
    told = capitalized(sentence(words))
    return told if told.endswith((".", "!", "?")) else f"{told}."


def span(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Return numbers as a range; as one number where they are printed alike."""
    least, most = shown(min(values)), shown(max(values))
    if least == most:
        return least
    number, _, unit = most.rpartition(" ")
    return f"{least.removesuffix(f' {unit}') if number else least} to {most}"


def name(layer: LayerResult) -> str:
    """Return the name of a layer, safe for a terminal."""
    return printable(layer.layer)


def names(layers: Sequence[LayerResult]) -> str:
    """Return the names of layers, the first ones of many."""
    named = [name(layer) for layer in layers]
    if len(named) > _MOST_NAMES + 1:
        named = [*named[:_MOST_NAMES], f"{len(named) - _MOST_NAMES:,} more"]
    return joined(named)


def channels(found: Sequence[int], layer: LayerResult) -> str:
    """Return channels of a layer, as in "channel 2 of 8" or "channels 0–2, 5 of 8"."""
    named = numbered("channel", "channels", found)
    if len(found) == layer.channels:
        return "the only channel" if layer.channels == 1 else f"all {layer.channels:,} channels"
    return f"{named} of {layer.channels:,}"


def changes(layer: LayerResult, measured: Measured, limits: NetworkLimits) -> str:
    """Return a sentence and a space on how much of the output a layer changes; empty if it was not switched."""
    if layer.output_moved is None:
        return ""
    share = f"{beyond(100 * layer.output_moved, 100 * limits.moved, 2)} %"
    if measured.output == "classes":
        what = f"{share} of the output gets another class ("
    else:
        what = f"the output changes by {share} (relative RMS; "
    return f"If the layer alone uses each sample's own statistics, {what}limit {percent(limits.moved)}). "


def more_values(found: Sequence[LayerResult]) -> str:
    """Say what gives the channels of layers more than one value."""
    patch = "a larger patch (which does not help behind global pooling)"
    other = "group or layer norm there, which average over channels too"
    if all(layer.kind == "batch" for layer in found):
        return f"Use larger batches, {patch}, or {other}."
    return f"A larger batch does not help where each sample is taken by itself: use {patch}, or {other}."


def kinds(counts: dict[Kind, int]) -> str:
    """Return how many normalizations of each kind there are, as in "2 batch norms and 8 group norms"."""
    return joined([plural(count, TITLES[kind]) for kind, count in counts.items() if count])


def kinds_of(layers: Sequence[LayerResult]) -> dict[Kind, int]:
    """Return the number of layers of each kind, in the order in which the kinds run."""
    counts: dict[Kind, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
    return counts
