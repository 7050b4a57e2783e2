"""The slices of a volume that has a file or a frame for each: their order along the normal, and what is missing."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.text import plural

# Slices that are less than this apart are at the same place, in mm; scanners write places to some micrometers.
_SAME_MM = 1e-3
# Directions whose cosines differ by less are the same; scanners write them with six decimals.
_SAME_COSINE = 1e-3
# The part of the usual distance by which another one may differ, and the multiple from which a slice is missing.
_EVEN, _MISSING = 0.05, 1.5


@dataclass(frozen=True)
class Slice:
    """A slice.

    Attributes:
        path: its file.
        frame: its place in the file, from 0.
        position: the place of its first voxel in space, in mm; None if it is not known.
        directions: the cosines of the directions of its rows and of its columns; None if they are not known.
        number: the number that the scanner gave it; None if it gave none.
        slope: the scale factor of its values.
        intercept: the number that is added after scaling.
    """

    path: str
    frame: int = 0
    position: tuple[float, ...] | None = None
    directions: tuple[float, ...] | None = None
    number: int | None = None
    slope: float = 1.0
    intercept: float = 0.0


@dataclass(frozen=True)
class Stack:
    """Slices in the order of a volume.

    Attributes:
        slices: the slices.
        distance: the usual distance of two that follow each other, in mm; None if it is not known.
        notes: what the user should know about their order, a clause each.
    """

    slices: tuple[Slice, ...]
    distance: float | None = None
    notes: tuple[str, ...] = ()


def stacked(source: str, slices: Sequence[Slice]) -> Stack:
    """Put slices in order along their normal; by their numbers where their places are not known.

    Raises:
        InputError: if they are not parallel, or several are at one place.
    """
    if len(slices) == 1:
        return Stack(tuple(slices))
    if any(one.position is None or one.directions is None for one in slices):
        listed = sorted(slices, key=lambda one: (one.number is None, one.number or 0, one.path, one.frame))
        told = "numbers" if all(one.number is not None for one in slices) else "numbers and names of files"
        note = f"its slices (or frames) have no place in space and are read in the order of their {told}"
        return Stack(tuple(listed), notes=(note,))
    normal = _normal(source, slices)
    places = np.array([np.dot(normal, one.position or ()) for one in slices])
    order = np.argsort(places, kind="stable")
    distances = np.diff(places[order])
    _refuse_twice(source, os.path.dirname(slices[0].path), distances)
    usual = float(np.median(distances))
    return Stack(tuple(slices[at] for at in order), usual, _gaps(distances, usual))


def _normal(source: str, slices: Sequence[Slice]) -> NDArray[np.float64]:
    """Return the direction in which the slices follow each other.

    Raises:
        InputError: if they are not parallel.
    """
    directions = np.array([one.directions for one in slices], np.float64)
    normals = np.cross(directions[:, :3], directions[:, 3:])
    if np.abs(normals - normals[0]).max() > _SAME_COSINE:
        raise InputError(
            source,
            "its slices are not parallel, as those of a localizer, so they make no volume; give the other series, or "
            "single slices",
        )
    return np.asarray(normals[0])


def _refuse_twice(source: str, folder: str, distances: NDArray[np.float64]) -> None:
    """Raise InputError if slices are at one place."""
    twice = int(np.count_nonzero(distances < _SAME_MM))
    if twice:
        raise InputError(
            source,
            f"{twice:,} of its {plural(distances.size + 1, 'slice')} {'is' if twice == 1 else 'are'} at the place of "
            "another one, so it contains several volumes (echoes, time points) or copies; convert it to NIfTI, which "
            f"tells them apart: dcm2niix -z y -o out {shlex.quote(folder)}",
        )


def _gaps(distances: NDArray[np.float64], usual: float) -> tuple[str, ...]:
    """Return a note if slices are missing, or are not evenly far apart."""
    wide = distances[distances > _MISSING * usual]
    if wide.size:
        missing = int(np.rint(wide / usual).sum()) - wide.size
        seem = "seems" if missing == 1 else "seem"
        return (
            f"{plural(missing, 'slice')} {seem} to be missing: slices are {usual:.4g}{NO_BREAK_SPACE}mm apart, and "
            f"{wide.max():.4g}{NO_BREAK_SPACE}mm at the widest gap; copy it again",
        )
    if np.abs(distances - usual).max() > _EVEN * usual:
        return (
            f"its slices are between {distances.min():.4g} and {distances.max():.4g}{NO_BREAK_SPACE}mm apart, and are "
            "read as if they were evenly far apart",
        )
    return ()
