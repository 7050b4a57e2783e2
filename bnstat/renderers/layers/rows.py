"""The rows of a network's layers and the lines around them, shared by the formats that a person reads."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.networks.network import Framework
from bnstat.networks.results import LayerResult
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.screen import MOST_ROWS
from bnstat.reports.layers import Layers
from bnstat.reports.layers_words import kinds, kinds_of, of_size, payers, sizes_of
from bnstat.text import joined, plural, printable, samples_of

_FRAMEWORKS: dict[Framework, str] = {"pytorch": "PyTorch", "onnx": "ONNX Runtime", "keras": "Keras"}


def title(report: Layers) -> list[str]:
    """Return the network, what was run through it, and how, a line each."""
    model = report.measured.model
    weights = "" if model.weights is None else f" with {printable(model.weights)}"
    every = sum(model.normalizers.values())
    some = f", of {every:,} norms" if len(report.layers) < every else ""
    of = [f"{model.parameters:,} parameters"]
    if report.layers:
        counts = kinds_of(report.layers)
        of.append(kinds(counts) if len(counts) == 1 else f"{len(report.layers):,} norms ({kinds(counts)})")
        of[-1] += some
    run = [samples_of(len(report.samples), report.volumes), *_batches(report)]
    if report.device != "cpu" or report.amp is not None:
        run.append(f"on {report.device}" + ("" if report.amp is None else f" in mixed precision ({report.amp})"))
    return [
        f"{printable(model.source)}{weights} in {_FRAMEWORKS[model.framework]}: {', '.join(of)}",
        "; ".join(run),
        *preparation_lines(report.preparation),
    ]


def _batches(report: Layers) -> list[str]:
    """Return how many training batches of each size were run."""
    drawn = {
        size: max(one.drawn for layer in report.layers if (one := of_size(layer, size)) is not None)
        for size in sizes_of(report.layers)
    }
    told = [f"{count:,} of {size:,}" for size, count in drawn.items() if count]
    return [f"training batches: {joined(told)}"] if told else []


def chosen(report: Layers, *, every: bool) -> list[LayerResult]:
    """Return the layers that are shown, in network order: all, or those that matter and then the first ones."""
    if every or len(report.layers) <= MOST_ROWS:
        return list(report.layers)
    matter = {layer.layer for layer, _ in payers(report.layers)} | {finding.layer for finding in report.findings}
    order = sorted(range(len(report.layers)), key=lambda place: report.layers[place].layer not in matter)
    return [report.layers[place] for place in sorted(order[:MOST_ROWS])]


def hidden_line(report: Layers, shown: Sequence[LayerResult]) -> str:
    """Return how many layers are not shown; empty if all are."""
    hidden = len(report.layers) - len(shown)
    if not hidden:
        return ""
    return (
        f"{plural(hidden, 'more norm')} (--all shows all): these {len(shown):,} are those with findings or that change "
        "the output, and the first ones"
    )
