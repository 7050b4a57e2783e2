"""The order in which batches get the patches of several volumes, as a data loader gives them.

Round by round, each volume in turn gives as many patches as a batch takes from one volume. With "nnunet:F" every volume
has patches of two kinds: those anywhere and forced ones. The slot of the batch decides which of the two is taken, after
volumes that cannot be read have been skipped and samples shuffled. So each volume can be read by itself, and a moments
file serves any batch size.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.layers.batches import order_of
from bnstat.layers.settings import Batching
from bnstat.preprocessing.settings import Patching
from bnstat.sources.sample import Sample


def loader_order(samples: Sequence[Sample], patching: Patching, batching: Batching) -> tuple[int, ...]:
    """Return which of the samples are used, and in which order before they are shuffled.

    Args:
        samples: patches, volume by volume.
        patching: how they were drawn.
        batching: how they become batches.

    Returns:
        Indices into `samples`.
    """
    volumes = list(_volumes(samples).values())
    around = patching.around
    if around is None or not around.forced:
        return tuple(_rounds(volumes, patching.per_volume))
    kinds = [_kinds(places, samples) for places in volumes]
    anywhere = _rounds([kind[0] for kind in kinds], patching.per_volume)
    forced = _rounds([kind[1] for kind in kinds], patching.per_volume)
    found = anywhere.copy()
    for position, place in enumerate(order_of(len(anywhere), batching)):
        if around.forces(position % batching.size, batching.size):
            found[place] = forced[place]
    return tuple(found)


def without_foreground(samples: Sequence[Sample], patching: Patching) -> int:
    """Return the number of volumes that have no foreground for a patch that was to be put around it.

    Args:
        samples: all patches that were drawn, volume by volume.
        patching: how they were drawn.
    """
    around = patching.around
    if around is None or around.share == 0:
        return 0
    from bnstat.preprocessing.patch_positions import wants_foreground

    missed = 0
    for (name, index), places in _volumes(samples).items():
        wanted = around.forced or any(
            wants_foreground(name, index, one, patching, around.share) for one in range(patching.number)
        )
        missed += wanted and not any(_is_foreground(samples[place]) for place in places)
    return missed


def _is_foreground(sample: Sample) -> bool:
    return sample.patch is not None and sample.patch.foreground


def _volumes(samples: Sequence[Sample]) -> dict[tuple[str, int | None], list[int]]:
    """Return the indices of the patches of each volume."""
    found: dict[tuple[str, int | None], list[int]] = {}
    for place, sample in enumerate(samples):
        found.setdefault(sample.volume, []).append(place)
    return found


def _kinds(places: list[int], samples: Sequence[Sample]) -> tuple[list[int], list[int]]:
    """Split patches into those anywhere and forced ones, as many of each; without labels, into halves."""
    forced = [place for place in places if _is_foreground(samples[place])]
    if not forced:
        return places[: len(places) // 2], places[len(places) // 2 :]
    return [place for place in places if not _is_foreground(samples[place])], forced


def _rounds(volumes: Sequence[list[int]], per_volume: int) -> list[int]:
    """Return `per_volume` patches of each volume in turn, then the next ones."""
    longest = max(map(len, volumes), default=0)
    starts = range(0, longest, per_volume)
    return [place for start in starts for places in volumes for place in places[start : start + per_volume]]
