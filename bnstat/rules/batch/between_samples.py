"""The figures and the advice shared by rules that judge how batch statistics differ between batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.reports.evidence import Evidence

if TYPE_CHECKING:  # its classes take milliseconds that one volume does not need
    from bnstat.batch_size.results import CurveChannel, NeededSize

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


def needed(evidence: Evidence, channel: CurveChannel, name: str) -> NeededSize | None:
    """Return the batch size that a channel needs; None if it is not known, or no more than the size asked about.

    Args:
        evidence: The evidence.
        channel: The channel.
        name: The figure, as in "noise".
    """
    found: NeededSize | None = next(
        (getattr(one, name) for one in evidence.needs if one.channel == channel.channel), None
    )
    known = found is not None and found.estimate is not None and found.estimate > size_asked(evidence)
    return found if known else None


def advice(falls: str, size: NeededSize | None) -> str:
    """Say which batch size to use, as far as it is known, and what else would help.

    Args:
        falls: How the figure falls, as in "the noise falls as 1/√B".
        size: The batch size that is needed.
    """
    why = f"{falls}, where B is the batch size"
    if size is None or size.estimate is None:
        return f"Use a larger batch ({why}), {OTHERWISE}."
    from bnstat.batch_size.confidence import CONFIDENCE  # noqa: PLC0415  (loaded by then; without sizes not needed)

    certain = f"{100 * CONFIDENCE:g}{NO_BREAK_SPACE}% confidence"
    sure = "" if size.most is None else f", or {size.most:,} for {certain}"
    return f"Use a batch size of about {size.estimate:,}{sure} ({why}). Or {OTHERWISE}."
