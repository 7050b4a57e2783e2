"""The positions of patches in a volume: anywhere, or around voxels of a label map.

Each position is drawn by its own generator, which is seeded by the seed, the name of the volume and the number of the
patch. So it does not depend on the process or the order in which volumes are read.

- Without a foreground, every start from 0 to shape − size is equally likely, as in MONAI's RandSpatialCrop.
- "F" is MONAI's RandCropByPosNegLabel with pos/(pos + neg) = F. With probability F the centre is a voxel of the
  foreground, otherwise one of the background; each of its voxels is equally likely. The patch is then moved into the
  volume. If a volume has only one of both, all its patches are around that. (MONAI 1.6, `transforms/utils.py`.)
- "nnunet:F" is nnU-Net's loader. In a batch of B the slots from round(B·(1 − F)) on are forced; round is Python's,
  which rounds halves to the even number. For a forced patch first one of the classes in the volume is drawn, then one
  of its voxels. All other patches, and those of volumes without foreground, are anywhere in the volume. nnU-Net keeps
  only the lower end of a forced patch in the volume, so that a patch around a voxel near the upper end reaches beyond
  it. (nnU-Net 2.8, `training/dataloading/data_loader.py`.)

The centre of a patch is its voxel size // 2. If a volume is smaller than the patch, the smaller half of the padding
comes first, as in MONAI's SpatialPad; with "nnunet:F" either half does, as in nnU-Net.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnstat.preprocessing.labels import Labels, VoxelClass
from bnstat.preprocessing.settings import Patching
from bnstat.sources.names import without_ending
from bnstat.sources.sample import Patch


@dataclass(frozen=True)
class PatchedVolume:
    """A volume that patches are cut out of.

    Attributes:
        name: the name of its case.
        index: its entry on the batch axis of the file; None if the file is one sample.
        shape: its spatial axes, in file order.
        labels: its label map, if patches are put around its foreground.
    """

    name: str
    index: int | None
    shape: tuple[int, ...]
    labels: Labels | None = None


def patches_of(volume: PatchedVolume, patching: Patching, size: tuple[int, ...]) -> tuple[Patch, ...]:
    """Return the patches of one volume. With "nnunet:F" they are as many anywhere, followed by as many forced ones.

    Which of the two kinds a batch gets depends on its slots (`layers.loader`).
    """
    numbers = range(patching.number)
    if patching.around is None or volume.labels is None:
        return tuple(_anywhere(volume, patching, size, number) for number in numbers)
    if not patching.around.forced:
        share = patching.around.share
        return tuple(_balanced(volume, volume.labels, patching, size, number, share) for number in numbers)
    anywhere = [_anywhere(volume, patching, size, number) for number in numbers]
    return (*anywhere, *(_forced(volume, volume.labels, patching, size, number) for number in numbers))


def wants_foreground(name: str, index: int | None, number: int, patching: Patching, share: float) -> bool:
    """Return True if a patch with a probability for it is to be put around the foreground, if the volume has any."""
    return _wants(_generator(name, index, number, patching), share)


def _wants(draw: np.random.Generator, share: float) -> bool:
    return bool(draw.random() < share)


def _anywhere(
    volume: PatchedVolume, patching: Patching, size: tuple[int, ...], number: int, *, forced: bool = False
) -> Patch:
    draw = _generator(volume.name, volume.index, number, patching, forced=forced)
    return Patch(tuple(int(draw.integers(*ends, endpoint=True)) for ends in _ends(volume, patching, size)), size)


def _balanced(
    volume: PatchedVolume, labels: Labels, patching: Patching, size: tuple[int, ...], number: int, share: float
) -> Patch:
    """Draw a patch around the foreground with probability `share`, else around the background; around what there is."""
    draw = _generator(volume.name, volume.index, number, patching)
    wanted = _wants(draw, share)
    kind: VoxelClass = (
        "foreground" if labels.has("foreground") and (wanted or not labels.has("background")) else "background"
    )
    ends = _ends(volume, patching, size)
    starts = zip(_around(labels.voxel(kind, draw), size), ends, strict=True)
    return Patch(tuple(min(max(at, low), high) for at, (low, high) in starts), size, kind == "foreground")


def _forced(volume: PatchedVolume, labels: Labels, patching: Patching, size: tuple[int, ...], number: int) -> Patch:
    """Draw a patch around a voxel of one of the classes."""
    classes = labels.classes()
    if not classes:
        return _anywhere(volume, patching, size, number, forced=True)
    draw = _generator(volume.name, volume.index, number, patching, forced=True)
    kind = classes[int(draw.integers(len(classes)))]
    starts = []
    for at, (low, high) in zip(_around(labels.voxel(kind, draw), size), _ends(volume, patching, size), strict=True):
        starts.append(max(at, low) if patching.pad != "none" else min(max(at, low), high))
    return Patch(tuple(starts), size, foreground=True)


def _around(voxel: Sequence[int], size: Sequence[int]) -> list[int]:
    """Return the start of a patch whose centre is a voxel."""
    return [at - length // 2 for at, length in zip(voxel, size, strict=True)]


def _ends(volume: PatchedVolume, patching: Patching, size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the least and the greatest start along each axis."""
    forced = patching.around is not None and patching.around.forced
    found = []
    for length, wanted in zip(volume.shape, size, strict=True):
        missing = wanted - length
        if missing <= 0:
            found.append((0, -missing))
        else:
            found.append((-(missing - missing // 2) if forced else -(missing // 2), -(missing // 2)))
    return found


def _generator(
    name: str, index: int | None, number: int, patching: Patching, *, forced: bool = False
) -> np.random.Generator:
    """Return the generator that draws one patch. It ignores a file's ending: compressing the file changes no patch.

    Everything is hashed together, because numpy's seeds of several words that count up gave starts that were not
    uniform.
    """
    known = f"{patching.seed}\0{without_ending(name)}\0{index}\0{number}\0{forced}".encode(errors="surrogateescape")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(known).digest()[:16], "little"))
