"""Normalizers: what a layer computes from moments, a file each. The tables of them are made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from bnstat.layers.columns import plain
from bnstat.layers.normalizers import batch, group, instance, layer, renorm, rms, weight_init
from bnstat.layers.normalizers.statistics import Samples, deviations
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
_BY_SAMPLE: dict[str, Callable[[Moments, Samples, Settings], tuple[Group, ...]]] = {
    "instance": instance.normalize,
    "layer": layer.normalize,
    "group": group.normalize,
    "rms": rms.normalize,
}


# Cells that are merged at once, which takes some megabytes.
_AT_ONCE = 1 << 14


def normalize(batches: Sequence[tuple[Batch, Moments]], settings: Settings) -> tuple[Batch, ...]:
    """Fill batches with what the layer computes.

    Args:
        batches: in the order of training, each a tensor without numbers, and its moments of shape (samples, channels).
        settings: the layer.
    """
    filled = [one for one, _ in batches]
    for places in _alike([table for _, table in batches]):
        together = Moments.stack([batches[place][1] for place in places])
        for place, one in zip(places, _filled([filled[place] for place in places], together, settings), strict=True):
            filled[place] = one
    return renorm.correct(filled, settings) if settings.kind == "renorm" else tuple(filled)


def _alike(tables: Sequence[Moments]) -> Iterator[Sequence[int]]:
    """Yield the places of tables of one shape and type, so many that their arithmetic is worth its calls."""
    found: dict[object, list[int]] = {}
    for place, table in enumerate(tables):
        found.setdefault((table.shape, table.minimum.dtype), []).append(place)
    for places in found.values():
        step = max(_AT_ONCE // max(tables[places[0]].finite.size, 1), 1)
        yield from (places[at : at + step] for at in range(0, len(places), step))


def _filled(several: Sequence[Batch], table: Moments, settings: Settings) -> Iterator[Batch]:
    """Yield batches of one shape with what the layer computes, from moments of shape (batches, samples, channels)."""
    kind, (number, size, width) = settings.kind, table.shape
    if kind in _BY_CHANNEL:
        found = iter(_BY_CHANNEL[kind](table, settings))
        for one in several:
            channels = _named(tuple(islice(found, width)), one.names)
            yield replace(one, channels=channels, deviations=tuple(channel.std for channel in channels))
        return
    samples = Samples(tuple(place for one in several for place in one.samples), size)
    every = _BY_SAMPLE[kind](table.reshape((number * size, width)), samples, settings)
    groups, each = iter(every), len(every) // number
    for one, apart in zip(several, deviations(table.merged(axis=1)), strict=True):
        own = _groups_named(tuple(islice(groups, each)), one.names)
        kept = (0, one.axis) if kind == "instance" else (0,)
        running = instance.buffers(own, width, settings) if kind == "instance" else ()
        reduced = tuple(axis for axis in range(len(one.input_shape)) if axis not in kept)
        yield replace(one, groups=own, running=running, reduction_axes=reduced, deviations=tuple(plain(apart)))


def _named(channels: tuple[Channel, ...], names: Sequence[str]) -> tuple[Channel, ...]:
    """Return channels with their names, if these are known."""
    return tuple(replace(one, name=names[one.channel]) for one in channels) if names else channels


def _groups_named(groups: tuple[Group, ...], names: Sequence[str]) -> tuple[Group, ...]:
    """Return groups with the name of their channel, if they have a single one and its name is known."""
    if not names:
        return groups
    return tuple(replace(one, name=names[one.channels[0]]) if len(one.channels) == 1 else one for one in groups)
