"""Normalizers: what a layer computes from moments, a file each. The tables of them are made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bnstat.layers.columns import plain
from bnstat.layers.normalizers import batch, group, instance, layer, renorm, rms, weight_init
from bnstat.layers.normalizers.statistics import deviations
from bnstat.layers.results import Batch, Channel, Group
from bnstat.layers.settings import Settings
from bnstat.moments.moments import Moments

__all__ = ["normalize"]

# Normalizers that reduce over the batch, each channel alone.
_BY_CHANNEL: dict[str, Callable[[Moments, Settings], tuple[Channel, ...]]] = {
    "batch": batch.normalize,
    "renorm": batch.normalize,
    "weight-init": weight_init.normalize,
}

# Normalizers that take each sample by itself.
_BY_SAMPLE: dict[str, Callable[[Moments, tuple[int, ...], Settings], tuple[Group, ...]]] = {
    "instance": instance.normalize,
    "layer": layer.normalize,
    "group": group.normalize,
    "rms": rms.normalize,
}


def normalize(batches: Sequence[tuple[Batch, Moments]], settings: Settings) -> tuple[Batch, ...]:
    """Fill batches with what the layer computes.

    Args:
        batches: in the order of training, each a tensor without numbers, and its moments of shape (samples, channels).
        settings: the layer.
    """
    filled = tuple(_filled(one, samples, settings) for one, samples in batches)
    return renorm.correct(filled, settings) if settings.kind == "renorm" else filled


def _filled(one: Batch, samples: Moments, settings: Settings) -> Batch:
    kind = settings.kind
    if kind in _BY_CHANNEL:
        channels = _named(_BY_CHANNEL[kind](samples, settings), one.names)
        return replace(one, channels=channels, deviations=tuple(channel.std for channel in channels))
    groups = _groups_named(_BY_SAMPLE[kind](samples, one.samples, settings), one.names)
    kept = (0, one.axis) if kind == "instance" else (0,)
    running = instance.buffers(groups, samples.shape[1], settings) if kind == "instance" else ()
    apart = deviations(samples.merged(axis=0))
    reduced = tuple(axis for axis in range(len(one.input_shape)) if axis not in kept)
    return replace(one, groups=groups, running=running, reduction_axes=reduced, deviations=tuple(plain(apart)))


def _named(channels: tuple[Channel, ...], names: Sequence[str]) -> tuple[Channel, ...]:
    """Return channels with their names, if these are known."""
    return tuple(replace(one, name=names[one.channel]) for one in channels) if names else channels


def _groups_named(groups: tuple[Group, ...], names: Sequence[str]) -> tuple[Group, ...]:
    """Return groups with the name of their channel, if they have a single one and its name is known."""
    if not names:
        return groups
    return tuple(replace(one, name=names[one.channels[0]]) if len(one.channels) == 1 else one for one in groups)
