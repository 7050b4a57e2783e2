"""Label maps: foreground and classes, of which voxels are drawn."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.preprocessing.patch_size import labels_name
from bnstat.preprocessing.settings import Patching
from bnstat.preprocessing.stored_voxels import stored_voxels
from bnstat.sources.opened import Planned
from bnstat.sources.opening import open_volume
from bnstat.text import by

# One class of a label map, all classes together, or what is of no class.
VoxelClass = float | Literal["foreground", "background"]


class Labels:
    """The label map of one sample, with its spatial axes. The foreground is where it is above 0."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._planes = np.moveaxis(values, -1, 0)
        self._counted: dict[VoxelClass, NDArray[np.intp]] = {}
        self._classes: list[float] | None = None

    def classes(self) -> list[float]:
        """Return the classes that have a voxel, in order."""
        if self._classes is None:
            self._classes = sorted({one for plane in self._planes for one in np.unique(plane[plane > 0]).tolist()})
        return self._classes

    def has(self, kind: VoxelClass) -> bool:
        """Return True if any voxel is of a class."""
        return bool(self._counts(kind)[-1])

    def voxel(self, kind: VoxelClass, draw: np.random.Generator) -> tuple[int, ...]:
        """Draw one of the voxels of a class, each being equally likely. Only one plane of them is ever listed."""
        counts = self._counts(kind)
        rank = int(draw.integers(counts[-1]))
        plane_number = int(np.searchsorted(counts, rank, side="right"))
        before = int(counts[plane_number - 1]) if plane_number else 0
        plane = _of_class(self._planes[plane_number], kind)
        flat = np.flatnonzero(plane)[rank - before]
        return (*(int(at) for at in np.unravel_index(flat, plane.shape)), plane_number)

    def _counts(self, kind: VoxelClass) -> NDArray[np.intp]:
        """Return how many voxels of a class there are up to each plane."""
        if kind not in self._counted:
            counts = [np.count_nonzero(_of_class(plane, kind)) for plane in self._planes]
            self._counted[kind] = np.cumsum(counts)
        return self._counted[kind]


def _of_class(plane: NDArray[Any], kind: VoxelClass) -> NDArray[np.bool_]:
    if kind == "foreground":
        return np.asarray(plane > 0)
    return np.asarray(~(plane > 0) if kind == "background" else plane == kind)


def read_labels(planned: Planned, patching: Patching) -> NDArray[Any]:
    """Read the label map of a case.

    Returns:
        An array with the spatial axes of a sample; if each sample has its own labels, after an axis for the samples.

    Raises:
        InputError: if the label map cannot be read, or has another shape.
    """
    name = labels_name(planned.case, patching)
    assert name is not None, "require_patches refused a case without labels"
    try:
        volume = open_volume(name, planned.case.access if patching.labels is None else planned.case.beside)
        values = stored_voxels(volume)
    except InputError as error:
        raise InputError(planned.case.name, f"its labels cannot be read: {error}") from error
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        values = values * volume.slope + volume.intercept
    fitting = _fitting(values, planned)
    if fitting is None:
        raise InputError(
            planned.case.name,
            f"it is {by(planned.shape)}, and its labels {name} are {by(volume.shape)}; resample them to one grid",
        )
    return fitting


def _fitting(labels: NDArray[Any], planned: Planned) -> NDArray[Any] | None:
    """Return labels for all samples, or for each along the first axis; None if they have another shape."""
    shape, axis = planned.tensor.sample_shape[:-1], planned.parts[0].arrangement.samples_axis
    if axis is not None and labels.shape == (*shape[:axis], planned.samples, *shape[axis:]):
        return np.moveaxis(labels, axis, 0)
    while labels.ndim > len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    return labels if labels.shape == shape else None
