"""Compare positions of patches with MONAI and nnU-Net: how often each start comes, and which slots are forced.

Run it where monai and nnunetv2 are installed: `python scripts/conformance/patches.py`. A line tells how far the
frequencies of starts are apart (half the sum of differences), and how far two runs of the original are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from monai.transforms.croppad.array import RandSpatialCrop
from monai.transforms.utils import generate_pos_neg_label_crop_centers
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

from bnstat.preprocessing.foreground import Foreground
from bnstat.preprocessing.labels import Labels
from bnstat.preprocessing.patch_positions import PatchedVolume, patches_of
from bnstat.preprocessing.settings import Patching

DRAWS = 40_000
SHAPE = (9, 12, 7)
SHARE = 0.4
Start = tuple[int, ...]


class Loader(nnUNetDataLoader):  # type: ignore[misc]  # of a package without types
    """nnU-Net's loader without its files."""

    def __init__(self, size: Start = (1, 1, 1), batch_size: int = 1, share: float = 0.0) -> None:
        self.patch_size, self.need_to_pad = size, np.zeros(3, int)
        self.has_ignore, self.annotated_classes_key = False, (-1, 0, 1, 2)
        self.batch_size, self.oversample_foreground_percent = batch_size, share


def labels() -> np.ndarray[Any, Any]:
    """Return a block of one class at a corner, and two voxels of another."""
    found = np.zeros(SHAPE, np.uint8)
    found[1, 2, 1] = found[4, 5, 3] = 1
    found[7:9, 9:12, 5:7] = 2
    return found


def apart(one: Counter[Start], other: Counter[Start]) -> float:
    """Return half the sum of differences between two tables of frequencies."""
    return sum(abs(one[start] - other[start]) for start in {*one, *other}) / 2 / DRAWS


def ours(size: Start, foreground: str | None, kind: int = 0) -> Counter[Start]:
    """Return the starts of bnstat. With nnU-Net's foreground, starts anywhere are kind 0 and forced ones kind 1."""
    asked = Patching(size, DRAWS, foreground=foreground)
    found = patches_of(PatchedVolume("x", None, SHAPE, Labels(labels())), asked, size)
    return Counter(patch.start for patch in found[kind * DRAWS : (kind + 1) * DRAWS])


def told(name: str, mine: Counter[Start], theirs: Callable[[int], Counter[Start]]) -> None:
    """Print one comparison."""
    first, second = theirs(1), theirs(2)
    same = "same" if set(mine) == set(first) else "OTHER"
    print(f"{name:44} {same} {len(first):4} starts, {apart(mine, first):.4f} apart, itself {apart(first, second):.4f}")


def monai_balanced(size: Start, seed: int) -> Counter[Start]:
    """Return the starts of MONAI's RandCropByPosNegLabel."""
    flat, state = labels().ravel(), np.random.RandomState(seed)
    there = (np.flatnonzero(flat), np.flatnonzero(flat == 0))
    centres = generate_pos_neg_label_crop_centers(size, DRAWS, SHARE, SHAPE, *there, state)
    return Counter(tuple(at - length // 2 for at, length in zip(one, size, strict=True)) for one in centres)


def monai_anywhere(size: Start, seed: int) -> Counter[Start]:
    """Return the starts of MONAI's RandSpatialCrop."""
    crop = RandSpatialCrop(size, random_size=False)
    crop.set_random_state(seed)
    found: Counter[Start] = Counter()
    for _ in range(DRAWS):
        crop.randomize(SHAPE)
        found[tuple(one.start for one in crop._slices)] += 1
    return found


def nnunet(size: Start, forced: bool, seed: int) -> Counter[Start]:
    """Return the starts of nnU-Net's get_bbox."""
    classes = {kind: np.array([[0, *voxel] for voxel in np.argwhere(labels() == kind)]) for kind in (1, 2)}
    loader, shape = Loader(size), np.array(SHAPE)
    np.random.seed(seed)
    boxes = (loader.get_bbox(shape, forced, classes)[0] for _ in range(DRAWS))
    return Counter(tuple(int(at) for at in box) for box in boxes)


def slots_apart() -> int:
    """Count the slots of batches that only one of nnU-Net and bnstat forces."""
    return sum(
        Loader(batch_size=size, share=share)._oversample_last_XX_percent(slot)
        != Foreground(share, True).forces(slot, size)
        for size in range(1, 33)
        for share in np.linspace(0, 1, 101)
        for slot in range(size)
    )


def main() -> None:
    """Print all comparisons."""
    for size in ((4, 5, 3), (9, 6, 7), (3, 12, 2)):
        told(f"MONAI anywhere {size}", ours(size, None), partial(monai_anywhere, size))
        told(f"MONAI around labels {size}", ours(size, str(SHARE)), partial(monai_balanced, size))
    for size in ((4, 5, 3), (12, 5, 10), (10, 12, 9)):
        for kind, name in enumerate(("anywhere", "forced")):
            told(f"nnU-Net {name} {size}", ours(size, f"nnunet:{SHARE}", kind), partial(nnunet, size, kind == 1))
    print(f"slots of batches of 1 to 32 that differ: {slots_apart()}")


if __name__ == "__main__":
    main()
