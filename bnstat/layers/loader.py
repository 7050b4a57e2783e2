"""The order in which batches get the patches of several volumes, as a loader gives them.

Round by round each volume in turn gives so many patches as a batch takes of one. With "nnunet:F" every volume has
patches of two kinds, anywhere and forced ones, and which of them is taken is decided by the slot of the batch that it
falls into, after volumes that could not be read have left and samples were shuffled. So each volume can be read by
itself, and moments that were kept serve any batch size.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.layers.batches import order_of
from bnstat.preprocessing.patch_positions import Foreground, wants_foreground
from bnstat.preprocessing.settings import Patching
from bnstat.sources.sample import Sample


def loader_order(
    samples: Sequence[Sample], patching: Patching, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> tuple[int, ...]:
    """Which of the samples are used, and in which order before they are shuffled.

    Args:
        samples: patches, volume by volume.
        patching: how they were drawn.
        batch_size: patches in a batch.
        shuffle: whether the order will be shuffled.
        seed: of that.

    Returns:
        Places in `samples`.
    """
    volumes = list(_volumes(samples).values())
    if patching.foreground is None or not Foreground.of(patching.foreground).forced:
        return tuple(_rounds(volumes, patching.per_volume))
    foreground = Foreground.of(patching.foreground)
    kinds = [_kinds(places, samples) for places in volumes]
    anywhere = _rounds([kind[0] for kind in kinds], patching.per_volume)
    forced = _rounds([kind[1] for kind in kinds], patching.per_volume)
    found = anywhere.copy()
    for position, place in enumerate(order_of(len(anywhere), shuffle=shuffle, seed=seed)):
        if foreground.forces(position % batch_size, batch_size):
            found[place] = forced[place]
    return tuple(found)


def without_foreground(samples: Sequence[Sample], patching: Patching) -> int:
    """How many volumes have no foreground for a patch that was to be put around it.

    Args:
        samples: all patches that were drawn, volume by volume.
        patching: how.
    """
    if patching.foreground is None:
        return 0
    foreground = Foreground.of(patching.foreground)
    missed = 0
    for (name, index), places in _volumes(samples).items():
        wanted = foreground.share > 0 and (
            foreground.forced
            or any(wants_foreground(name, index, one, patching, foreground.share) for one in range(patching.number))
        )
        missed += wanted and not any(_is_foreground(samples[place]) for place in places)
    return missed


def _is_foreground(sample: Sample) -> bool:
    return sample.patch is not None and sample.patch.foreground


def _volumes(samples: Sequence[Sample]) -> dict[tuple[str, int | None], list[int]]:
    """The places of the patches of each volume."""
    found: dict[tuple[str, int | None], list[int]] = {}
    for place, sample in enumerate(samples):
        found.setdefault(sample.volume, []).append(place)
    return found


def _kinds(places: list[int], samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Patches anywhere and forced ones, as many of each; halves where nothing tells them apart, for want of labels."""
    forced = [place for place in places if _is_foreground(samples[place])]
    if not forced:
        return places[: len(places) // 2], places[len(places) // 2 :]
    return [place for place in places if not _is_foreground(samples[place])], forced


def _rounds(volumes: Sequence[list[int]], per_volume: int) -> list[int]:
    """So many patches of each volume in turn, then the next ones."""
    longest = max(map(len, volumes), default=0)
    starts = range(0, longest, per_volume)
    return [place for start in starts for places in volumes for place in places[start : start + per_volume]]
