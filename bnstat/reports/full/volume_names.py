"""The names of volumes on the page: short enough for a cell and a plot, and never two alike."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bnstat.reports.full.volumes import ReportedVolume
from bnstat.sources.formats.registry import IMAGE_ENDINGS
from bnstat.text import printable

# Characters of a name in a plot, and those of them that are of its beginning.
MOST_IN_PLOT, _HEAD = 32, 10


@dataclass(frozen=True)
class VolumeNames:
    """The names of the volumes of a report.

    Attributes:
        folder: The folder that all have in common, with its separator; empty if there is none.
        full: The name of each volume below that folder.
        short: The name of each in a plot, cut in the middle if it is long.
        noun: The word for one of them: "volume", or "sample" for entries of a file or an array.
    """

    folder: str
    full: tuple[str, ...]
    short: tuple[str, ...]
    noun: str


def names_of(volumes: Sequence[ReportedVolume], *, patched: bool) -> VolumeNames:
    """Return the names of all volumes of a report, by their place.

    Args:
        volumes: the volumes.
        patched: True if samples are patches of volumes.
    """
    titles = [volume.title for volume in volumes]
    folder = _common_folder(titles)
    full = _apart([printable(title.removeprefix(folder)) for title in titles])
    entries = any(volume.sample.index is not None for volume in volumes)
    noun = "sample" if entries and not patched else "volume"
    return VolumeNames(printable(folder), full, _apart([_cut(name) for name in _stems(full)]), noun)


def _common_folder(titles: Sequence[str]) -> str:
    """Return what all names begin with, up to the last separator."""
    # the key of an array in brackets may have slashes too
    shared = posixpath.commonprefix(list(titles)).partition("[")[0]
    folder = shared[: max(shared.rfind("/"), shared.rfind(os.sep)) + 1]
    return "" if folder in titles else folder


def _stems(names: Sequence[str]) -> Sequence[str]:
    """Return names without the ending that all have in common; as they are if there is none."""
    for ending in sorted(IMAGE_ENDINGS, key=len, reverse=True):
        if all(name.lower().endswith(ending) and len(name) > len(ending) for name in names):
            return [name[: -len(ending)] for name in names]
    return names


def _cut(name: str) -> str:
    """Return a name without its middle if it is long."""
    if len(name) <= MOST_IN_PLOT:
        return name
    return f"{name[:_HEAD]}…{name[_HEAD + 1 - MOST_IN_PLOT :]}"


def _apart(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of which no two look alike: those that would have their number, from 1, behind them."""
    # A page shows several spaces as one.
    seen = [" ".join(name.split()) for name in names]
    alike = {name for name, count in Counter(seen).items() if count > 1}
    if not alike:
        return tuple(names)
    numbered = [
        f"{name} (no. {place})" if look in alike else name
        for place, (name, look) in enumerate(zip(names, seen, strict=True), start=1)
    ]
    # A file may have such a name itself.
    if len({" ".join(name.split()) for name in numbered}) < len(names):
        return tuple(f"{place}. {name}" for place, name in enumerate(names, start=1))
    return tuple(numbered)
