"""`bnstat.torch.watch`: what enters the normalizations of a model while the user's own code runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn

from bnstat.errors import UsageError
from bnstat.networks.measurements.evaluation import EvaluatedLayer
from bnstat.networks.measurements.figures import result_of
from bnstat.networks.normalization import Seen
from bnstat.networks.pytorch.modules import is_scripted, unwrapped
from bnstat.networks.pytorch.watcher import Known, Watcher
from bnstat.networks.pytorch.watching import watched
from bnstat.networks.results import LayerResult, PerChannel, middle
from bnstat.text import by, number, plural

# The columns of the table, of which all but the first two stand at the right.
_TITLES = ("layer", "kind", "shape", "values", "samples", "ρ", "ε share", "dead", "mean gap", "variance ratio")
_LEFT = 2
_DIGITS = 3
# Shares below this are shown as less than it.
_LEAST_SHARE = 1e-4


@contextmanager
def watch(model: nn.Module) -> Iterator[Watched]:
    """Watch what enters the normalizations of a model while your own code runs it, in training or evaluation mode.

    The model computes the same numbers, and has no hook of it afterwards. What runs in a backward pass is not watched:
    activation checkpointing calls layers again there. Models in `torch.compile` run uncompiled meanwhile. The moments
    of each sample are kept, so watch some passes; `bnstat.torch.record` is for a whole training. Meanwhile PyTorch's
    fast path for transformer layers is off, in which norms cannot be seen; the last bits of such a model may differ.

    Example:
        with bnstat.torch.watch(model) as watched:
            model(images)
        print(watched)

    Args:
        model: The network, also in a wrapper of `torch.compile`, DataParallel or DistributedDataParallel.

    Yields:
        What was seen so far. It can be read during the passes and after them.

    Raises:
        UsageError: if the model is TorchScript, or a DataParallel on several devices.
    """
    if is_scripted(unwrapped(model)):
        raise UsageError("`model` is TorchScript, which runs no hooks; watch the model before torch.jit.script")
    if isinstance(model, nn.DataParallel) and len(model.device_ids) > 1:
        raise UsageError(
            f"`model` runs on {len(model.device_ids)} devices in threads, which cannot be watched; watch model.module"
        )
    seen = Watched(Known.of(model))
    with watched(Watcher(seen.known, seen.add)):
        yield seen


class Watched:
    """What entered the normalizations of a model in the passes that were watched. Printed, it is a table.

    Attributes:
        known: What the passes showed of the model.
    """

    def __init__(self, known: Known) -> None:
        self.known = known
        self._layers: dict[str, EvaluatedLayer] = {}

    def add(self, seen: Seen) -> None:
        """Add what entered a normalization, sample by sample."""
        samples = seen.moments.shape[0]
        for place in range(samples):
            one = replace(
                seen,
                shape=(max(seen.shape[0] // samples, 1), *seen.shape[1:]),
                moments=seen.moments[place : place + 1],
                place_variances=None if seen.place_variances is None else seen.place_variances[place : place + 1],
            )
            layer = self._layers.setdefault(seen.normalization.layer, EvaluatedLayer(one))
            layer.add(len(layer.cells), one)

    @property
    def layers(self) -> tuple[LayerResult, ...]:
        """The normalizations in the order in which they first ran, with the figures of all samples so far."""
        return tuple(result_of(layer, None, None, ()) for layer in self._layers.values())

    @property
    def missed(self) -> tuple[str, ...]:
        """Sentences on normalizations that cannot be seen."""
        return tuple(self.known.missed)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a row for each layer and channel, as `pandas.DataFrame` takes them. Undefined numbers are None."""
        return [row for layer in self.layers for row in _channels(layer)]

    def __repr__(self) -> str:
        layers = self.layers
        if not layers:
            return "no normalization ran"
        rows = [_TITLES, *(_row(layer) for layer in layers)]
        columns = [place for place in range(len(_TITLES)) if any(row[place] for row in rows[1:])]
        widths = {place: max(len(row[place]) for row in rows) for place in columns}
        lines = [
            "  ".join(_padded(row[place], widths[place], left=place < _LEFT) for place in columns).rstrip()
            for row in rows
        ]
        about = f"{plural(len(layers), 'normalization')}; a figure of a layer is the median over its channels"
        return "\n".join([*lines, about, *self.missed])


def _padded(text: str, width: int, *, left: bool) -> str:
    return text.ljust(width) if left else text.rjust(width)


def _row(layer: LayerResult) -> tuple[str, ...]:
    return (
        layer.layer,
        layer.kind,
        by(layer.shape, "x"),
        f"{layer.values:,}",
        f"{layer.samples:,}",
        _share(layer.rho),
        _share(layer.epsilon_share),
        f"{len(layer.dead):,}",
        _middle(layer.mean_gap),
        _middle(layer.variance_ratio),
    )


def _middle(figures: PerChannel) -> str:
    """Return the median of the channels in which a figure is defined; empty if there is none."""
    found = middle(figures)
    return "" if found is None else number(found, _DIGITS)


def _share(figures: PerChannel) -> str:
    """Return the median of shares in percent; empty if there is none."""
    found = middle(figures)
    if found is None:
        return ""
    return "<0.01%" if 0 < found < _LEAST_SHARE else f"{number(100 * found, _DIGITS)}%"


def _channels(layer: LayerResult) -> Iterator[dict[str, Any]]:
    """Yield a row for each channel of a layer."""
    for channel in range(layer.channels):
        yield {
            "layer": layer.layer,
            "kind": layer.kind,
            "channel": channel,
            "shape": by(layer.shape, "x"),
            "values": layer.values,
            "samples": layer.samples,
            "rho": _figure(layer.rho, channel),
            "epsilon_share": _figure(layer.epsilon_share, channel),
            "mean_gap": _figure(layer.mean_gap, channel),
            "variance_ratio": _figure(layer.variance_ratio, channel),
            "dead": channel in layer.dead,
            "constant_in_a_sample": channel in layer.constant_in_a_sample,
            "not_finite": channel in layer.not_finite,
        }


def _figure(figures: PerChannel, channel: int) -> float | None:
    return figures[channel] if figures else None
