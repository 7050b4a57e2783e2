"""The settings of a training, as its own file has them, in the words of this package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.text import plural

# The largest relative difference of two spacings that are the same.
_ALIKE = 1e-3


@dataclass(frozen=True)
class Training:
    """The settings of a training.

    Attributes:
        file: the file that they were read from.
        title: the file and the part of it, as notes name them.
        values: values by the names of parameters: `framework`, `normalizer`, `epsilon`, `batch_size`, `size`, `number`,
            `per_volume`, `foreground`, `pad` and `intensity`, as far as the file has them.
        overruled: the values that are not used, because the user asked for others.
        notes: what the training does otherwise than these values say, a sentence each.
        spacing: the distance of voxels along the axes of a file that images are resampled to; None for an axis, or for
            all of them, that keep theirs.
        array_size: the size of a patch along the axes of an array that the training has preprocessed, read as an image;
            None if its axes are those of the file.
        channels: the number of channels that it has intensities of; None if any number.
        order: the axes of a file in the order in which the network gets them, as (2, 1, 0) for z, y, x; None if that is
            the order of the file.
    """

    file: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    overruled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    spacing: tuple[float | None, ...] | None = None
    array_size: tuple[int, ...] | None = None
    channels: int | None = None
    order: tuple[int, ...] | None = None

    def taking(self, names: Collection[str], overruled: Collection[str], notes: Sequence[str] = ()) -> Training:
        """Return the training with these of its values only.

        Args:
            names: the names of the values that are used.
            overruled: the names of values in place of which the user asked for others.
            notes: further notes.
        """
        kept = {name: value for name, value in self.values.items() if name in names}
        said = tuple(self._said(name) for name in overruled)
        return replace(self, values=kept, overruled=said, notes=(*self.notes, *notes))

    @property
    def told(self) -> tuple[str, ...]:
        """Notes: the values that were taken, those that were not, and what else the training does."""
        taken = f"{self.title} sets {', '.join(map(self._said, self.values)) or 'nothing that is asked here'}"
        but = f"; you override {', '.join(self.overruled)}" if self.overruled else ""
        return (f"{taken}{but}", *self.notes)

    def _said(self, name: str) -> str:
        value = self.values[name]
        return f'`{name}="{value}"`' if isinstance(value, str) else f"`{name}={value}`"

    def resampling(self, spacings: Mapping[str, tuple[float, ...]]) -> tuple[str, ...]:
        """Return a note if volumes have another spacing than that which the training resamples them to.

        Args:
            spacings: the spacing of each volume along its first three axes, by its name.
        """
        target = self.spacing
        other = [] if target is None else [name for name, own in spacings.items() if not _alike(own, target)]
        if target is None or not other:
            return ()
        wanted = " × ".join("any" if one is None else f"{one:.4g}" for one in target)
        own = " × ".join(f"{one:.4g}" for one in spacings[other[0]])
        return (
            f"{len(other)} of {plural(len(spacings), 'volume')} {'has' if len(other) == 1 else 'have'} another spacing "
            f"than the {wanted}{NO_BREAK_SPACE}mm of {self.title}, as {other[0]} with {own}{NO_BREAK_SPACE}mm; the "
            "training resamples volumes, which bnstat does not do, so a patch shows another part of the body",
        )


def _alike(own: tuple[float, ...], target: tuple[float | None, ...]) -> bool:
    """Return True if two spacings agree to a thousandth, as those of headers in float32 and of rounded plans do."""
    pairs = zip(own, target, strict=False)
    return all(wanted is None or abs(one - wanted) <= _ALIKE * abs(wanted) for one, wanted in pairs)
