"""A channel is reduced over a single value.

What it does: reports a channel for which batch size × remaining axes is 1.

Why it matters: a single value has no spread, so normalizing it gives β and nothing of the value is left. PyTorch
refuses to train then. Batch size 1 alone never causes this: a 3-D volume has many values in each channel.

What to do: use a larger batch, fewer levels of downsampling, or check that `--axis` names the channels.
"""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.report import Batch, Finding, Report
from bnstat.rules.rule import Rule


def _check(rule: Rule, report: Report) -> Iterator[Finding]:
    for batch in report.batches:
        if batch.channels and batch.channels[0].count == 1:
            message = (
                f"each channel has one value, so its variance is 0; {_consequence(report, batch)} "
                "Use a larger batch, or check that --axis names the channels."
            )
            yield rule.finding(report, batch, None, message, value=1.0, threshold=2.0)


def _consequence(report: Report, batch: Batch) -> str:
    framework = report.settings.framework
    if framework.refusal is None:
        return f"{framework.title} gives β for every input."
    return f'{framework.title} refuses to train: "{framework.refusal.format(shape=_channels_first(batch))}".'


def _channels_first(batch: Batch) -> list[int]:
    """The shape that a layer which keeps axis 1 sees when the kept axis is moved there."""
    shape = list(batch.input_shape)
    kept = shape.pop(batch.axis)
    return [shape[0], kept, *shape[1:]]


RULE = Rule("BN201", "single-value-per-channel", "error", _check)
