"""The sentence that answers the batch-size question for these data."""

from __future__ import annotations

from math import sqrt

from bnstat.report import Batch, Report


def answer(report: Report) -> str | None:
    """What this batch size means for these data, in a few sentences; None where there is no batch."""
    if not report.batches:
        return None
    batch = report.batches[0]
    count = batch.channels[0].count
    if count == 1:
        return "Here each channel has a single value, so there is no variance to normalize with."
    return " ".join(part for part in (_reduction(report, batch, count), _exceptions(report), _between(report)) if part)


def _reduction(report: Report, batch: Batch, count: int) -> str:
    size = len(batch.samples)
    if size == 1:
        return (
            f"Batch size 1 is not zero variance: each channel is still reduced over {count:,} values "
            f"of {'this volume' if len(report.samples) == 1 else 'one sample'}."
        )
    return f"A batch of {size} reduces {size} × {count // size:,} = {count:,} values a channel."


def _exceptions(report: Report) -> str:
    constant = {channel.channel for batch in report.batches for channel in batch.channels if channel.constant}
    if not constant:
        return ""
    named = ", ".join(str(channel) for channel in sorted(constant)[:5]) + (", …" if len(constant) > 5 else "")
    return (
        f"Variance is zero only where a channel is constant: {'channel' if len(constant) == 1 else 'channels'} {named}."
    )


def _between(report: Report) -> str:
    """How far batch means lie apart, for the channel where they do most, or how to find out."""
    jumps = _jumps(report)
    if not jumps:
        return (
            "What one batch cannot show is how statistics differ between batches: "
            "give more samples, as training sees them."
        )
    channel, jump, share = max(jumps, key=lambda found: found[2])
    return (
        f"Between these {len(report.batches)} batches the mean of channel {channel} has a standard deviation of "
        f"{jump:,.4g}, {share:.2f} of that of the values: so much do batch statistics jump from step to step."
    )


def _jumps(report: Report) -> list[tuple[int, float, float]]:
    """Channel, standard deviation of its batch means, and the same in standard deviations of its values."""
    if len(report.batches) < 2:
        return []
    found = []
    for channels in zip(*(batch.channels for batch in report.batches), strict=False):
        means = [channel.mean for channel in channels if channel.mean is not None]
        variances = [channel.variance for channel in channels if channel.variance is not None]
        if len(means) > 1 and len(means) == len(variances):
            jump = _standard_deviation(means)
            total = sum(variances) / len(variances) + jump**2
            if total > 0:
                found.append((channels[0].channel, jump, jump / sqrt(total)))
    return found


def _standard_deviation(numbers: list[float]) -> float:
    """Of a sample, with n − 1."""
    mean = sum(numbers) / len(numbers)
    return sqrt(sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
