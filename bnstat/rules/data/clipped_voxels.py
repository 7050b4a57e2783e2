"""The intensity steps clip many voxels.

What it does: reports a channel, or a group of channels, of which the steps of `--intensity` clip more than 10 % of the
values: a value below the lower end of a clip becomes that end, and one above the upper end becomes that. It counts
`clip`, `ct` and `scale-percentile` with `clip`, over the values that the statistics are of.

Why it matters: clipped voxels have one value at each end, so the network cannot tell them apart. The variance shrinks
with them, and the mean moves to the end where they are. A range in the wrong unit does this to most of a volume:
Hounsfield units for a scan that was stored from 0 on, or the numbers of another data set's fingerprint.

Example:
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(30, 50, (1, 16, 16, 16, 1))
    >>> np.save("ct.npy", values)
    $ bnstat inspect ct.npy --intensity clip:0,100
    warning BN109 clipped-voxels
      channel 0 loses 36.6 % of its values to clipping (limit 10 %): 28.5 %
      become the lower end of the range and 8.08 % the upper end. The network
      cannot tell these voxels apart. Widen the range, as with --intensity
      clip:p0.5,p99.5, unless all of them are background, such as air in CT.

What to do: look at the minimum and the maximum without the clip, and choose a range that has the tissue of interest.
`clip:p0.5,p99.5` clips 1 % of a volume, whatever its unit. If the clipped voxels are background, crop the volumes to
the body, or take the statistics inside of it with `--mask`. nnU-Net takes its range from the foreground, so that it
clips air in CT by design: `--ignore clipped-voxels` or a higher limit.

Threshold: 10 % of the values, `--limit clipped-voxels=0.1`. Usual ranges of percentiles clip 1 to 10 %.

Sources: Isensee et al. 2021, nnU-Net, which clips CT to the percentiles 0.5 and 99.5 of the foreground. MONAI's
ScaleIntensityRangePercentiles, whose tutorials use percentiles from 0 to 5 and from 95 to 100.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reports.evidence import Evidence
from bnstat.reports.finding import Finding
from bnstat.rules.rule import Rule
from bnstat.text import beyond


def _check(rule: Rule[Evidence], evidence: Evidence) -> Iterator[Finding]:
    limit = evidence.limits.clipped_voxels
    parts = evidence.report.parts
    for batch, part in parts.where(parts.number("clipped_share") > limit):
        clipped, share = part.clipped, part.clipped_share
        if clipped is not None and share is not None and share > limit:
            low, high = (100 * end / part.count for end in clipped)
            message = (
                f"{part.title} loses {beyond(100 * share, 100 * limit, 3)} % of its values to clipping (limit "
                f"{100 * limit:g} %): {_ends(low, high)}. The network cannot tell these voxels apart. Widen the "
                "range, as with --intensity clip:p0.5,p99.5, unless all of them are background, such as air in CT."
            )
            yield rule.finding(evidence, batch, part, message, value=share, threshold=limit)


def _ends(low: float, high: float) -> str:
    """Say how many percent became which end."""
    if not high:
        return "all of them become the lower end of the range"
    if not low:
        return "all of them become the upper end of the range"
    return f"{low:.3g} % become the lower end of the range and {high:.3g} % the upper end"


RULE = Rule("BN109", "clipped-voxels", "warning", _check)
