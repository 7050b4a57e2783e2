"""The sentence that answers the batch-size question for these data."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from bnstat.report import Batch, Channel, Report
from bnstat.wording import plural


def answer(report: Report) -> str | None:
    """What this batch size means for these data, in a few sentences; None where there is no batch."""
    channels = [channel for batch in report.batches for channel in batch.channels]
    if not channels:
        return None
    if all(channel.count == 1 for channel in channels):
        return "Here each channel has a single value, so there is no variance to normalize with."
    parts = (_reduction(report, channels), _constants(report), _between(report))
    return " ".join(part for part in parts if part)


def _reduction(report: Report, channels: Sequence[Channel]) -> str:
    least, most = min(channel.count for channel in channels), max(channel.count for channel in channels)
    values = plural(least, "value") if least == most else f"{least:,} to {most:,} values"
    size = report.settings.batch_size
    if size > 1:
        return f"A batch of {size} reduces {values} a channel."
    over = (
        f"each channel is still reduced over {values} of {'this volume' if len(report.samples) == 1 else 'one sample'}"
    )
    varied = any(channel.variance for channel in channels)
    return f"Batch size 1 is not zero variance: {over}." if varied else f"With batch size 1 {over}."


def _constants(report: Report) -> str:
    """Where the variance is zero: in channels that are constant, in every batch or in some."""
    always: list[int] = []
    sometimes: list[int] = []
    for places in _by_channel(report.batches):
        constant = [channel.constant for channel in places]
        if any(constant):
            (always if all(constant) else sometimes).append(places[0].channel)
    if not always and not sometimes:
        return ""
    parts = [_named(always, ""), _named(sometimes, " in some batches")]
    return f"Variance is zero only where a channel is constant: {', '.join(part for part in parts if part)}."


def _named(channels: Sequence[int], where: str) -> str:
    if not channels:
        return ""
    listed = ", ".join(str(channel) for channel in channels[:5]) + (", …" if len(channels) > 5 else "")
    return f"{'channel' if len(channels) == 1 else 'channels'} {listed}{where}"


def _by_channel(batches: Sequence[Batch]) -> list[tuple[Channel, ...]]:
    """For each channel that all batches have, its numbers in each batch."""
    return list(zip(*(batch.channels for batch in batches), strict=False))


def _between(report: Report) -> str:
    """How far batch means lie apart, for the channel where they do most, or how to find out."""
    whole = [batch for batch in report.batches if len(batch.samples) == report.settings.batch_size]
    jumps = [found for places in _by_channel(whole) if (found := _jump(places)) is not None]
    if not jumps:
        return (
            "What one batch cannot show is how statistics differ between batches: "
            "give several volumes, or all to `bnstat compare`."
        )
    channel, jump, share = max(jumps, key=lambda one: one[2])
    return (
        f"Between these {len(whole)} batches the mean of channel {channel} has a standard deviation of {jump:,.4g}, "
        f"{share:.2f} of that of all values: so much do batch statistics jump from step to step."
    )


def _jump(places: Sequence[Channel]) -> tuple[int, float, float] | None:
    """A channel, the standard deviation of its batch means, and the same in standard deviations of all its values."""
    found = [(one.count, one.mean, one.variance) for one in places if one.mean is not None and one.variance is not None]
    if len(found) < 2 or len(found) < len(places):
        return None
    total = sum(count for count, _, _ in found)
    mean = sum(count * mean for count, mean, _ in found) / total
    variance = sum(count * (variance + (one - mean) ** 2) for count, one, variance in found) / total
    middle = sum(one for _, one, _ in found) / len(found)
    jump = sqrt(sum((one - middle) ** 2 for _, one, _ in found) / (len(found) - 1))
    return (places[0].channel, jump, jump / sqrt(variance)) if variance else None
