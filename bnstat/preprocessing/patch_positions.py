"""Where in a volume patches are cut out: anywhere, or around voxels of a label image.

Each choice is drawn by a generator of its own, which is seeded by the seed, the name of the volume and the number of
the patch. So it is the same in whichever process and order volumes are read.

- Without foreground every start from 0 to shape − size is equally likely, as in MONAI's RandSpatialCrop.
- "F" is MONAI's RandCropByPosNegLabel with pos/(pos + neg) = F: with probability F the centre is a voxel of the
  foreground, otherwise one of the background, each of its voxels being equally likely, and the patch is then moved
  into the volume. A volume that has only one of both is cut around that. (MONAI 1.6, `transforms/utils.py`.)
- "nnunet:F" is nnU-Net's loader: in a batch of B the slots from round(B·(1 − F)) on are forced, round being Python's,
  which takes halves to the even number. A forced patch is put around a voxel of one of the classes that are there,
  first the class being drawn and then the voxel; all others, and those of volumes without foreground, are anywhere in
  the volume. nnU-Net keeps only the lower end of a forced patch in the volume, so that one around a voxel near the
  upper end reaches beyond it. (nnU-Net 2.8, `training/dataloading/data_loader.py`.)

The centre of a patch is its voxel size // 2. Where a volume is smaller than the patch, the smaller half of what is
missing comes first, as in MONAI's SpatialPad; with "nnunet:F" either half does, as in nnU-Net.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnstat.preprocessing.settings import Patching
from bnstat.sources.names import without_ending
from bnstat.sources.sample import Patch

# A class of a label image, or all of them, or none of them.
Kind = float | Literal["foreground", "background"]


class Labels:
    """A label image, which has the spatial axes of a volume; foreground is where it is more than 0."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._planes = np.moveaxis(values, -1, 0)
        self._counted: dict[Kind, NDArray[np.intp]] = {}
        self._classes: list[float] | None = None

    def classes(self) -> list[float]:
        """The classes that are there, in order."""
        if self._classes is None:
            self._classes = sorted({one for plane in self._planes for one in np.unique(plane[plane > 0]).tolist()})
        return self._classes

    def has(self, kind: Kind) -> bool:
        """Whether any voxel is of a kind."""
        return bool(self._counts(kind)[-1])

    def voxel(self, kind: Kind, draw: np.random.Generator) -> tuple[int, ...]:
        """One of the voxels of a kind, each being equally likely. Only a plane of them is ever listed."""
        counts = self._counts(kind)
        rank = int(draw.integers(counts[-1]))
        place = int(np.searchsorted(counts, rank, side="right"))
        before = int(counts[place - 1]) if place else 0
        plane = self._of_kind(self._planes[place], kind)
        flat = np.flatnonzero(plane)[rank - before]
        return (*(int(at) for at in np.unravel_index(flat, plane.shape)), place)

    def _counts(self, kind: Kind) -> NDArray[np.intp]:
        """How many voxels of a kind there are up to each plane."""
        if kind not in self._counted:
            counts = [np.count_nonzero(self._of_kind(plane, kind)) for plane in self._planes]
            self._counted[kind] = np.cumsum(counts)
        return self._counted[kind]

    @staticmethod
    def _of_kind(plane: NDArray[Any], kind: Kind) -> NDArray[np.bool_]:
        if kind == "foreground":
            return np.asarray(plane > 0)
        return np.asarray(~(plane > 0) if kind == "background" else plane == kind)


@dataclass(frozen=True)
class Volume:
    """What patches are cut out of.

    Attributes:
        name: that of its case.
        index: its entry on the batch axis of the file; None where the file is one sample.
        shape: its spatial axes, in file order.
        labels: its label image, where patches are put around its foreground.
    """

    name: str
    index: int | None
    shape: tuple[int, ...]
    labels: Labels | None = None


def patches_of(volume: Volume, patching: Patching, size: tuple[int, ...]) -> tuple[Patch, ...]:
    """The patches of one volume: so many as were asked for; with "nnunet:F" so many anywhere, then so many forced.

    Which of both a batch gets is known when its slots are, in `loader`.
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
    """Whether a patch is to be put around the foreground, if there is any, where that is a matter of probability."""
    return _wants(_generator(name, index, number, patching), share)


def _wants(draw: np.random.Generator, share: float) -> bool:
    return bool(draw.random() < share)


def _anywhere(volume: Volume, patching: Patching, size: tuple[int, ...], number: int, *, forced: bool = False) -> Patch:
    draw = _generator(volume.name, volume.index, number, patching, forced=forced)
    return Patch(tuple(int(draw.integers(*ends, endpoint=True)) for ends in _ends(volume, patching, size)), size)


def _balanced(
    volume: Volume, labels: Labels, patching: Patching, size: tuple[int, ...], number: int, share: float
) -> Patch:
    """Around the foreground with its probability, else around the background; around what there is, if only one is."""
    draw = _generator(volume.name, volume.index, number, patching)
    wanted = _wants(draw, share)
    kind: Kind = "foreground" if labels.has("foreground") and (wanted or not labels.has("background")) else "background"
    ends = _ends(volume, patching, size)
    starts = zip(_around(labels.voxel(kind, draw), size), ends, strict=True)
    return Patch(tuple(min(max(at, low), high) for at, (low, high) in starts), size, kind == "foreground")


def _forced(volume: Volume, labels: Labels, patching: Patching, size: tuple[int, ...], number: int) -> Patch:
    """Around a voxel of one of the classes."""
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
    """The start of a patch whose centre is a voxel."""
    return [at - length // 2 for at, length in zip(voxel, size, strict=True)]


def _ends(volume: Volume, patching: Patching, size: tuple[int, ...]) -> list[tuple[int, int]]:
    """The least and the greatest start on each axis."""
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
    """What draws one patch. The ending of a file is no part of its name here: compressing it changes no patch.

    All is hashed together: seeds of several words, of which the last ones count up, gave starts that are not uniform.
    """
    known = f"{patching.seed}\0{without_ending(name)}\0{index}\0{number}\0{forced}".encode(errors="surrogateescape")
    return np.random.default_rng(int.from_bytes(hashlib.sha256(known).digest()[:16], "little"))
