"""What `--foreground` says: the share of patches around labelled voxels, drawn by chance or forced as nnU-Net does."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from bnstat.errors import UsageError

_NNUNET = "nnunet:"


@dataclass(frozen=True)
class Foreground:
    """How patches are put around the foreground.

    Attributes:
        share: the share of patches around the foreground, from 0 to 1.
        forced: True if slots of a batch are forced, as in nnU-Net; otherwise the share is a probability, as in MONAI.
    """

    share: float
    forced: bool

    def __post_init__(self) -> None:
        if not (isfinite(self.share) and 0 <= self.share <= 1):
            raise UsageError(f"`foreground` must be a share from 0 to 1, as in 0.33, and is {self.share:g}")

    @classmethod
    def of(cls, text: str) -> Foreground:
        """Return what "0.33" or "nnunet:0.33" means.

        Raises:
            UsageError: if it means neither.
        """
        try:
            return cls(float(text.removeprefix(_NNUNET)), text.startswith(_NNUNET))
        except (ValueError, UsageError):
            raise UsageError(
                "`foreground` must be a share from 0 to 1, as in 0.33, or nnunet:0.33 for forced slots, "
                f"and is {text!r}"
            ) from None

    def forces(self, slot: int, batch_size: int) -> bool:
        """Return True if the patch in this slot of a batch is put around the foreground."""
        return slot >= round(batch_size * (1 - self.share))
