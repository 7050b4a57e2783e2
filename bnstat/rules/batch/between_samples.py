"""The figures and the advice shared by rules that judge how batch statistics differ between batches."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from bnstat.report.evidence import Evidence

if TYPE_CHECKING:  # its classes take milliseconds that one volume does not need
    from bnstat.batch_size.results import CurveChannel

# What to do besides a larger batch: shared by the messages.
OTHERWISE = (
    "synchronize the batch statistics of ranks that hold as many samples together, or use instance or group norm"
)


def judged(evidence: Evidence) -> Iterator[CurveChannel]:
    """Yield the channels of batches of the size that is asked about; none if nothing is known of them.

    Only plain batch norm is judged: other layers take each sample by itself, and batch renorm corrects for what is
    found here.
    """
    if evidence.curve is not None and evidence.settings.kind == "batch":
        yield from evidence.curve.channels


def size_asked(evidence: Evidence) -> int:
    """Return the batch size of the curve, of all ranks together."""
    return evidence.curve.batch_size if evidence.curve is not None else evidence.settings.batch_size


def full_size(evidence: Evidence) -> int:
    """Return the size from which figures fall as they are said to: for patches, M·V for batches of V volumes.

    Of a larger set the variance of the mean of any batch is at most (M·τ_v² + τ_p²)/B, and that of a batch of V volumes
    at least the value of this at B = M·V (docs/patch-noise.md): what is advised from that size on is enough.
    """
    size, patches = size_asked(evidence), evidence.settings.preparation.patches
    if patches is None:
        return size
    ranks, each = evidence.settings.ranks, patches.per_volume
    return ranks * -(-size // (ranks * each)) * each


def certainty(evidence: Evidence) -> str:
    """Return the verb of a size that is advised: with forced slots, the share of foreground depends on the size."""
    patches = evidence.settings.preparation.patches
    forced = patches is not None and patches.foreground is not None and patches.foreground.startswith("nnunet:")
    return "may be" if forced else "is"


def enough(size: int, figure: float, limit: float, power: int) -> int | None:
    """Return the batch size at which a figure that falls as 1/B^(1/power) meets its limit; None for a limit of 0."""
    try:
        return ceil(size * (figure / limit) ** power - 1e-9)
    except (ZeroDivisionError, OverflowError):
        return None


def advice(falls: str, size: int | None, verb: str = "is") -> str:
    """Say which batch size to use, as far as it is known, and what else would help.

    Args:
        falls: How the figure falls, as in "the noise falls as 1/√B".
        size: The batch size that is advised.
        verb: "is" if that size is enough, "may be" if it probably is.
    """
    why = f"{falls}, where B is the batch size"
    if size is None:
        return f"Use a larger batch ({why}), {OTHERWISE}."
    probably = " may be enough" if verb != "is" else ""
    use = f"A batch size of {size:,} or more" if probably else f"Use a batch size of {size:,} or more"
    otherwise = f"; or {OTHERWISE}" if probably else f", {OTHERWISE}"
    return f"{use}{probably} ({why}){otherwise}."
