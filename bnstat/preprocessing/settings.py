"""What voxels go through before the layer gets them, as it was asked for: plain values that can be saved and sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patching:
    """Patches in place of whole volumes.

    Attributes:
        size: voxels on each spatial axis, in file order; one number is that of all axes.
        number: patches that are drawn of each volume.
        per_volume: patches that a batch takes of one volume.
        foreground: "F", the share of patches around a voxel of the foreground, or "nnunet:F"; None for none.
        labels: the image of the labels, `{case}` in it being the name of the case; None for that of the data set.
        pad: what a volume that is smaller than the patch is padded with: "zero", "edge" or "none", which refuses it.
        seed: of the choice.
    """

    size: tuple[int, ...]
    number: int = 8
    per_volume: int = 1
    foreground: str | None = None
    labels: str | None = None
    pad: str = "zero"
    seed: int = 0


@dataclass(frozen=True)
class Preparation:
    """What is done to the voxels of a volume, in this order.

    Attributes:
        intensity: steps as they were given, "clip:-1000,1000|zscore"; None for none.
        mask: where statistics are taken, as it was given; None for everywhere.
        patches: None for whole volumes.
    """

    intensity: str | None = None
    mask: str | None = None
    patches: Patching | None = None

    def __post_init__(self) -> None:
        if self.intensity is not None and self.intensity.strip() == "none":  # which is to say nothing
            object.__setattr__(self, "intensity", None)

    @property
    def plain(self) -> bool:
        """Whether the layer gets the values of the file."""
        return self == UNPREPARED


UNPREPARED = Preparation()
