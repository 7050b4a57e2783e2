"""The volumes that are left out of a second comparison of batch sizes: those that `check` calls odd or broken."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.reports.finding import Finding
from bnstat.reports.full.volumes import ReportedVolume

# The rule on volumes that are far from the others.
ODD = "BN207"
# The rules that find a fault in a volume itself, whatever the layer: a constant, NaN, Inf, a missing channel, and
# labels instead of an image.
BROKEN = ("BN101", "BN104", "BN105", "BN405", "BN406")


def left_out_of(volumes: Sequence[ReportedVolume], findings: Sequence[Finding]) -> tuple[int, ...]:
    """Return the places of the volumes that are odd or broken; none if the others are too few, or no majority."""
    found = tuple(
        volume.place for volume in volumes if any(findings[at].rule in (ODD, *BROKEN) for at in volume.findings)
    )
    left = len(volumes) - len(found)
    return found if left >= FEWEST_SAMPLES and left > len(found) else ()
