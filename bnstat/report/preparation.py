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


@dataclass(frozen=True)
class Reading:
    """How inputs are found and read.

    Attributes:
        channels: a pattern with `{channel}` that joins files into cases; None for none.
        preparation: what is done to their voxels.
        jobs: processes that read at most; None for as many as there are processors, where there is enough to share. A
            script that asks for more than 1 needs `if __name__ == "__main__":`, as with `multiprocessing`.
        dask: the address of a Dask scheduler that reads instead; None for this machine.
        protocols: names of protocols of fsspec that URLs may have beside the usual ones. What a description of a data
            set names keeps to the protocol and the host of that description, whatever is allowed here.
    """

    channels: str | None = None
    preparation: Preparation = UNPREPARED
    jobs: int | None = 1
    dask: str | None = None
    protocols: tuple[str, ...] = ()


FILES_AS_THEY_ARE = Reading()
