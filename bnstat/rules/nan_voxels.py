"""A channel holds NaN.

What it does: reports a channel with at least one NaN among the values that are reduced.

Why it matters: one NaN makes mean and variance of its channel NaN, in every framework, then the running statistics,
the output and the gradients. Other channels are not touched. A resampled scan often has NaN outside of its field of
view.

What to do: replace them before training (`numpy.nan_to_num`), or mask them out when resampling.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report import Finding, Report
from bnstat.rules.rule import Rule, each_channel
from bnstat.wording import plural


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    for batch, channel in each_channel(report):
        if channel.nan:
            message = (
                f"channel {channel.channel} holds {plural(channel.nan, 'NaN')} among {plural(channel.count, 'value')}: "
                "its mean and variance are NaN in every framework, and its running statistics from then on. "
                "Replace them before training (numpy.nan_to_num)."
            )
            yield rule.finding(report, batch, channel, message, value=float(channel.nan), threshold=0.0)


RULE = Rule("BN104", "nan-voxels", "error", _check)
