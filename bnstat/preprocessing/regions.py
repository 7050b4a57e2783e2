"""The region that statistics are taken over, as `--mask` names it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from bnstat.errors import UsageError
from bnstat.sources.neighbours import meant_by
from bnstat.sources.regular import exists
from bnstat.text import closest

# The parts of a path that stand for the name of the case and for its folder: in the path of its mask or labels.
CASE, FOLDER = "{case}", "{folder}"
# Longest first, so that >= is not taken for >.
COMPARISONS = (">=", "<=", ">", "<")
_GRAMMAR = "nonzero, labels, >T, >=T, <T, <=T, or a file, as in '>-500' or 'masks/{case}_mask.nii.gz'"


@dataclass(frozen=True)
class Threshold:
    """The voxels of a channel whose values are above or below a limit; without a comparison, those that are not 0."""

    comparison: str | None = None
    limit: float = 0.0


@dataclass(frozen=True)
class MaskFile:
    """The voxels where an image is above 0; `{case}` in its path is the name of the case, `{folder}` its folder."""

    path: str


@dataclass(frozen=True)
class CaseLabels:
    """The voxels where the label map of the case is above 0: the one that its data set has."""

    name: ClassVar[str] = "labels"


Region = Threshold | MaskFile | CaseLabels


def region_of(text: str) -> Region:
    """Return the region that a text names.

    Raises:
        UsageError: if it is neither a threshold, nor "labels", nor a file that exists.
    """
    if text == "nonzero":
        return Threshold()
    if text == CaseLabels.name:
        return CaseLabels()
    for sign in COMPARISONS:
        if text.startswith(sign):
            return Threshold(sign, _limit(text, text.removeprefix(sign)))
    if CASE not in text and FOLDER not in text and not _is_there(text):
        near = [f"'{one}'" for one in closest(text.lower(), ["nonzero", CaseLabels.name])] or list(
            filter(None, [meant_by(text)])
        )
        hint = f"; did you mean {near[0]}?" if near else "."
        raise UsageError(f"`mask`: {text!r} is not known, and no such file exists{hint} A mask is {_GRAMMAR}")
    return MaskFile(text)


def _is_there(path: str) -> bool:
    """Return True if a file exists, or the archive of an array such as 'masks.npz[brain]'."""
    file = path.rpartition("[")[0] if path.endswith("]") else path
    try:
        return bool(file) and exists(file)
    except (OSError, ValueError):  # the text is too long for a name, or has a NUL
        return False


def _limit(text: str, number: str) -> float:
    try:
        limit = float(number)
    except ValueError:
        raise UsageError(f"`mask`: the threshold of {text!r} is not a number. A mask is {_GRAMMAR}") from None
    if not isfinite(limit):
        raise UsageError(f"`mask`: the threshold of {text!r} is not a finite number. A mask is {_GRAMMAR}")
    return limit
