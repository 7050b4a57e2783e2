"""Where in a checkpoint a finding is: a layer, and channels of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from bnstat.text import first_ones, numbered, plural

if TYPE_CHECKING:
    from bnstat.networks.checkpoints.audit import LayerAudit

# What is wrong in other rules' words is said there: such channels are left out of all rules that come later.
_ELSEWHERE = ("nan", "inf", "negative", "dead", "faded")


def place(layer: LayerAudit, channels: Sequence[int]) -> str:
    """Return channels of a layer, as in "channels 3, 7 of layer encoder.0.norm (2 of 32)"."""
    if len(channels) == layer.channels:
        every = "the only channel" if layer.channels == 1 else f"all {layer.channels:,} channels"
        return f"{every} of layer {layer.title}"
    of_all = f" ({len(channels):,} of {layer.channels:,})" if len(channels) > 1 else ""
    return f"{numbered('channel', 'channels', channels)} of layer {layer.title}{of_all}"


def layers_of(layers: Collection[LayerAudit], of: int) -> str:
    """Return layers, as in "layer a" or "2 of 18 layers (a, b)".

    Args:
        layers: The layers.
        of: The number of layers with running statistics.
    """
    names = [layer.title for layer in layers]
    if len(names) == of:
        every = "both" if of == 2 else f"all {of:,}"
        return f"layer {names[0]}" if of == 1 else f"{every} layers with running statistics"
    if len(names) == 1:
        return f"layer {names[0]}"
    return f"{len(names):,} of {plural(of, 'layer')} ({first_ones('', names).strip()})"


def only(channels: Sequence[int]) -> int | None:
    """Return the channel that a finding is about; None if there are several."""
    return channels[0] if len(channels) == 1 else None


def left(layer: LayerAudit, channels: Sequence[int]) -> tuple[int, ...]:
    """Return the channels without those that a rule on NaN, Inf, negative variances or dead channels reports."""
    told = {channel for name in _ELSEWHERE for channel in getattr(layer, name)}
    return tuple(channel for channel in channels if channel not in told)


def numbers_with(layer: LayerAudit, channels: Sequence[int], wrong: Callable[[float], bool]) -> list[str]:
    """Return the names of the statistics and parameters of which one of these channels is wrong."""
    named = {
        "the running mean": layer.mean,
        "the running variance": layer.variance,
        "γ (the learned scale)": layer.stored.scale,
        "β (the learned bias)": layer.stored.shift,
    }
    return [
        name
        for name, values in named.items()
        if values is not None and any(wrong(float(values[channel])) for channel in channels)
    ]
