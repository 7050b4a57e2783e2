"""Arrays whose axes have names: space first, as x, y and z, and channels last, wherever they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnstat.text import by, plural

SPACE, CHANNELS, TIME = ("x", "y", "z"), "c", "t"


@dataclass(frozen=True)
class Layout:
    """How an array with named axes is read.

    Attributes:
        shape: its axes: space, then others such as time, then channels.
        order: these axes from the slowest to the fastest in memory.
        notes: what the user should know about it, a clause each.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    notes: tuple[str, ...]


def laid_out(names: Sequence[str], shape: Sequence[int]) -> Layout:
    """Return how an array is read whose axes have names.

    Axes of one entry are left out, but those of space. If there is no axis of channels, one of one entry is added.

    Args:
        names: the name of each axis in lower case, each once; the first is the slowest in memory.
        shape: their sizes.
    """
    sizes = dict(zip(names, shape, strict=True))
    space = [name for name in SPACE if name in sizes]
    others = [name for name in names if name not in {*SPACE, CHANNELS} and sizes[name] > 1]
    read = [*space, *others, CHANNELS]
    order = [read.index(name) for name in names if name in read]
    if CHANNELS not in sizes:
        order.insert(0, len(read) - 1)
    return Layout(
        shape=tuple(sizes.get(name, 1) for name in read),
        order=tuple(order),
        notes=(*_told(names, shape, read), *_reduced(read, others, sizes)),
    )


def _told(names: Sequence[str], shape: Sequence[int], read: Sequence[str]) -> tuple[str, ...]:
    """Return a note if the order of the axes is another one than in the file, beside that of space."""
    if CHANNELS not in names or len(names) < 3:
        return ()
    stored, shown = ", ".join(names), ", ".join(read)
    return (f"stored as {by(shape)} ({stored}) and read as ({shown}), with channels last",)


def _reduced(read: Sequence[str], others: Sequence[str], sizes: dict[str, int]) -> tuple[str, ...]:
    """Return a note for each axis that is reduced with space and may be one of samples."""
    title = {TIME: "time point"}
    return tuple(
        f"its {plural(sizes[name], title.get(name, f'entry on the axis {name}'), _several(name))} are reduced as space "
        f"is; `batch_axis={read.index(name)}` makes each a sample"
        for name in others
    )


def _several(name: str) -> str:
    return "time points" if name == TIME else f"entries on the axis {name}"
