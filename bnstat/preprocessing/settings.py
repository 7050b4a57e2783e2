"""What voxels go through before the layer gets them: requests that validate themselves and can be saved and sent."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bnstat.errors import UsageError, require_least, text, wholes
from bnstat.text import by

if TYPE_CHECKING:  # what parses steps, masks and foregrounds takes milliseconds that most volumes do without
    from bnstat.preprocessing.by_channel import StepLists
    from bnstat.preprocessing.foreground import Foreground
    from bnstat.preprocessing.regions import Region
    from bnstat.preprocessing.steps import Step

PER = ("volume", "patch")
PADS = ("zero", "edge", "none")


@dataclass(frozen=True)
class Patching:
    """Patches in place of whole volumes.

    Attributes:
        size: voxels along each spatial axis, in file order; one number holds for all axes.
        number: patches that are drawn from each volume.
        per_volume: patches that a batch takes from one volume.
        foreground: "F", the share of patches around a foreground voxel, or "nnunet:F"; None, or "none", to
            ignore labels.
        labels: the label maps, with `{case}` for the name of the case and `{folder}` for its folder; None for those of
            the data set.
        pad: how a volume that is smaller than the patch is padded: "zero", "edge", or "none" to refuse it.
        seed: the seed of the draws.

    Raises:
        UsageError: if no volume has such patches.
    """

    size: tuple[int, ...]
    number: int = 8
    per_volume: int = 1
    foreground: str | None = None
    labels: str | None = None
    pad: str = "zero"
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", wholes("size", self.size))
        if not self.size or min(self.size) < 1:
            said = by(self.size, "x") or "empty"
            raise UsageError(f"`size` must be at least 1 along each axis, as in `size=(96, 96, 96)`, and is {said}")
        if self.foreground == "none":
            object.__setattr__(self, "foreground", None)
        require_least("number", self.number, 1)
        require_least("per_volume", self.per_volume, 1)
        require_least("seed", self.seed, 0)
        if self.per_volume > self.number:
            raise UsageError(
                f"a batch cannot take {self.per_volume} patches from a volume that gives {self.number}; "
                f"raise `number` to {self.per_volume}, or lower `per_volume`"
            )
        if self.pad not in PADS:
            raise UsageError(f"`pad` must be one of {', '.join(PADS)}, and is {self.pad!r}")
        if self.around is None and self.labels is not None:
            raise UsageError(
                "`labels` needs `foreground`, the share of patches around labelled voxels; "
                'add it, as in `foreground="0.33"`, or leave `labels` out'
            )

    @cached_property
    def around(self) -> Foreground | None:
        """The parsed `foreground`."""
        if self.foreground is None:
            return None
        from bnstat.preprocessing.foreground import Foreground

        return Foreground.of(self.foreground)


@dataclass(frozen=True)
class Preparation:
    """What is done to the voxels of a volume, in this order.

    Attributes:
        intensity: the steps on the values, as in "clip:-1000,1000|zscore", or a list of steps for each channel, by its
            name or its number, as in "CT=clip:-1000,1000|zscore;1=none;*=zscore"; None for none.
        mask: where statistics are taken, as in "nonzero", ">-500", "masks/{case}.nii.gz" or "{folder}/mask.nii.gz";
            None for everywhere.
        patches: how patches are drawn; None for whole volumes.
        intensity_per: "volume" if the steps' own statistics are those of the volume, "patch" if a training normalizes
            each patch by itself; without steps it means nothing.
        recorded: True to note down what a moments file says. Files that it names may be gone and are not read.

    Raises:
        UsageError: if a step or the mask is not known, or a file that one of them names cannot be used.
    """

    intensity: str | None = None
    mask: str | None = None
    patches: Patching | None = None
    intensity_per: str = "volume"
    recorded: InitVar[bool] = False

    def __post_init__(self, recorded: bool) -> None:
        if (
            self.intensity is not None and text("intensity", self.intensity).strip() == "none"
        ):  # which is to say nothing
            object.__setattr__(self, "intensity", None)
        if not recorded:
            self._require_patches()
            _ = self.region  # parsed once, here; workers get the parsed values
            if self.intensity is not None:
                self._require_steps()
            if self.patches is not None and self.mask is not None:
                raise UsageError(
                    "`mask` and patches exclude each other, since a patch is judged by all its voxels; "
                    "leave out one of them"
                )

    def _require_steps(self) -> None:
        """Parse the steps, and raise UsageError if they need a mask that is not there."""
        from bnstat.preprocessing.steps import of_mask

        inside = of_mask(self.steps)
        if inside is not None and self.mask is None:
            raise UsageError(
                f"`intensity`: {inside} takes the statistics inside of a mask, and there is none; name it, as in "
                '`mask="masks/{case}.nii.gz"`, or take those of values that are not 0 '
                f"({inside.replace(':mask', '-nonzero').replace(',mask', ',nonzero')})"
            )

    def _require_patches(self) -> None:
        """Raise UsageError if steps cannot have the statistics of patches, because there are none."""
        if self.intensity_per not in PER:
            raise UsageError(f"`intensity_per` must be one of {', '.join(PER)}, and is {self.intensity_per!r}")
        if self.intensity_per == "patch" and self.patches is None:
            raise UsageError(
                '`intensity_per="patch"` needs patches; give their size, as in `size=(96, 96, 96)`, or leave it out'
            )

    @cached_property
    def step_lists(self) -> StepLists:
        """The parsed `intensity`."""
        from bnstat.preprocessing.by_channel import step_lists

        return step_lists(None if self.intensity is None else text("intensity", self.intensity))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all channels, one list after the other."""
        return () if self.intensity is None else self.step_lists.every

    @cached_property
    def region(self) -> Region | None:
        """The parsed `mask`."""
        if self.mask is None:
            return None
        from bnstat.preprocessing.regions import region_of

        return region_of(text("mask", self.mask))

    @property
    def plain(self) -> bool:
        """True if the layer gets the values of the file, whole volumes of them."""
        return self == UNPREPARED

    @property
    def changes_values(self) -> bool:
        """True if there is a mask or a step: the step "none" is neither."""
        return self.mask is not None or bool(self.steps)


UNPREPARED = Preparation()
