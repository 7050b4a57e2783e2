"""The voxels of patches: where they are cut out of the files of a case, and what the intensity steps make of them.

Moments of patches (`patches`) and patches as arrays (`tensors`) are both made from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstat.moments.counting import Counting
from bnstat.preprocessing.clipped_values import ClippedChannels
from bnstat.preprocessing.intensity import resolve
from bnstat.preprocessing.labels import Labels, read_labels
from bnstat.preprocessing.patch_positions import PatchedVolume, patches_of
from bnstat.preprocessing.patch_size import patch_size, require_patches, require_room
from bnstat.preprocessing.settings import Patching, Preparation
from bnstat.preprocessing.stored_voxels import beyond, crops_of, cut
from bnstat.sources.case import Case, CaseFile
from bnstat.sources.formats.memory import InMemory
from bnstat.sources.opened import Planned, plan_case
from bnstat.sources.sample import Patch
from bnstat.sources.volume import OnBytes, PlainVoxels

# A patch, and the entry on the batch axis of the file that it is cut out of; None if the file is one sample.
IndexedPatch = tuple[int | None, Patch]


@dataclass(frozen=True)
class Crops:
    """The patches that were drawn from a case, before a voxel is read.

    Attributes:
        planned: the headers of the case.
        preparation: the preprocessing.
        size: the voxels of a patch along each spatial axis.
        chosen: the patches, sample by sample.
    """

    planned: Planned
    preparation: Preparation
    size: tuple[int, ...]
    chosen: tuple[IndexedPatch, ...]

    @classmethod
    def drawn(cls, planned: Planned, preparation: Preparation) -> Crops:
        """Draw the patches of all samples of a case.

        Raises:
            InputError: if the label map cannot be read, or does not fit the case, or the case is too small.
            UsageError: if such patches cannot be drawn from the case.
        """
        require_patches([planned], preparation)
        patching = preparation.patches or Patching(planned.tensor.sample_shape[:-1])
        size = patch_size(planned, patching)
        require_room(planned, patching, size)
        return cls(planned, preparation, size, tuple(_chosen(planned, patching, size)))

    @property
    def by_patch(self) -> bool:
        """True if the steps take their statistics over each patch by itself."""
        return self.preparation.intensity is not None and self.preparation.intensity_per == "patch"

    def stored(self, part: CaseFile, on_bytes: OnBytes | None, counting: Counting | None) -> Iterator[NDArray[Any]]:
        """Yield the voxels of each patch in one file, in the type that they are stored in.

        What is beyond the volume is left out; it is there only if the padding repeats the border.
        """
        crops = crops_of(part, self.chosen, on_bytes)
        for place, ((_, patch), crop) in enumerate(zip(self.chosen, crops, strict=True)):
            inside = self._edged(crop, patch)
            if counting is not None:
                counting.add_crop(inside, place)
            yield inside

    def changed(
        self, on_bytes: OnBytes | None = None, countings: Sequence[Counting] = ()
    ) -> Iterator[tuple[NDArray[np.float64], ClippedChannels]]:
        """Yield the voxels of each patch after the steps, whose statistics are those of the volume.

        The steps see all channels of a patch side by side. What pads a patch with zeros is added after them.

        Yields:
            The values without what is beyond the volume, and how many of each channel a step clips.
        """
        resolved = resolve(self.planned, self.preparation, on_bytes)
        columns = self._columns(on_bytes, countings)
        for (index, patch), *crops in zip(self.chosen, *columns, strict=True):
            of_sample = resolved[index or 0]
            filled = None if of_sample.filled is None else self._edged(cut(of_sample.filled, patch), patch)
            yield of_sample.counted(np.concatenate(crops, axis=-1), filled)

    def as_entries(
        self, on_bytes: OnBytes | None = None, countings: Sequence[Counting] = ()
    ) -> tuple[Planned, Preparation]:
        """Return an array whose entries are the patches, and the preprocessing of each by itself.

        A patch is what the training has cut out, with its padding.
        """
        columns, case = self._columns(on_bytes, countings), self.planned.case
        whole = [
            np.concatenate([self.padded(crop, patch) for crop in crops], axis=-1)
            for (_, patch), *crops in zip(self.chosen, *columns, strict=True)
        ]
        held = Case(case.name, (case.name,), case.channels, held=InMemory(case.name, np.stack(whole)))
        alone = replace(self.preparation, patches=None, intensity_per="volume")
        return plan_case(held, axis=-1, batch_axis=0), alone

    def padded(self, crop: NDArray[np.float64], patch: Patch) -> NDArray[np.float64]:
        """Return a crop with zeros where its patch reaches beyond the volume."""
        shape = self.planned.tensor.sample_shape[:-1]
        return np.pad(crop, [*beyond(patch, shape), (0, 0)]) if crop.shape[:-1] != patch.size else crop

    def _columns(self, on_bytes: OnBytes | None, countings: Sequence[Counting]) -> list[Iterator[NDArray[np.float64]]]:
        """Return the voxels of all patches in each file, in float64, scale factors applied, one by one.

        A patch is converted when it is asked for. Until then those of a compressed file are kept as they are stored,
        so that of several such files only one is held whole.
        """
        parts = list(zip_longest(self.planned.parts, countings))
        columns: list[Iterator[NDArray[np.float64]]] = []
        for part, counting in parts:
            crops = self.stored(part, on_bytes, counting)
            apart = len(parts) == 1 or isinstance(part.volume.voxels, PlainVoxels)
            columns.append(_scaled(part, crops if apart else [crop.copy() for crop in crops]))
        return columns

    def _edged(self, crop: NDArray[Any], patch: Patch) -> NDArray[Any]:
        """Return a crop, with the border of the volume repeated where its patch reaches beyond it."""
        pad = "zero" if self.preparation.patches is None else self.preparation.patches.pad
        widths = beyond(patch, self.planned.tensor.sample_shape[:-1])
        return np.pad(crop, [*widths, (0, 0)], mode="edge") if pad == "edge" and any(map(any, widths)) else crop


def _scaled(part: CaseFile, crops: Iterable[NDArray[Any]]) -> Iterator[NDArray[np.float64]]:
    """Yield crops in float64, scale factors applied."""
    for crop in crops:
        with np.errstate(all="ignore"):
            yield crop.astype(np.float64) * part.volume.slope + part.volume.intercept


def _chosen(planned: Planned, patching: Patching, size: tuple[int, ...]) -> list[IndexedPatch]:
    """Draw the patches of all samples of a case."""
    labels = read_labels(planned, patching) if patching.foreground is not None else None
    several = planned.parts[0].arrangement.samples_axis is not None
    shape = planned.tensor.sample_shape[:-1]
    found: list[IndexedPatch] = []
    shared = None if labels is None or labels.ndim > len(shape) else Labels(labels)
    for index in range(planned.samples) if several else (None,):
        own = Labels(labels[index]) if labels is not None and shared is None else shared
        volume = PatchedVolume(planned.case.name, index, shape, own)
        found += [(index, patch) for patch in patches_of(volume, patching, size)]
    return found
