"""The sentence that answers the batch-size question for these data."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from bnstat.layers.normalizers.renorm import MOST_D, MOST_R
from bnstat.layers.results import Batch, Channel, Statistics
from bnstat.layers.settings import Settings
from bnstat.report.inspect import Report
from bnstat.text import plural


def answer(report: Report) -> str | None:
    """What this batch size means for these data, in a few sentences; None where there is no batch."""
    parts = [part for batch in report.batches for part in batch.parts]
    if not parts:
        return None
    if report.settings.by_sample:
        return _joined(_alone(report.settings, parts), _constants(report))
    if report.settings.kind == "weight-init":
        return _joined(_start(report), _constants(report))
    if all(part.count == 1 for part in parts):
        single = "Here each channel has a single value, so there is no variance to normalize with."
        return _joined(single, _synchronized(report))
    if report.settings.kind == "renorm":
        return _joined(_corrections(report), _constants(report), _between(report.batches, report))
    return _joined(
        _reduction(report, parts), _constants(report), _between(report.batches, report), _synchronized(report)
    )


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _alone(settings: Settings, parts: Sequence[Statistics]) -> str:
    """What a normalizer that takes each sample by itself reduces."""
    if settings.kind == "instance":
        what = "each channel of a sample"
    elif settings.groups and settings.groups > 1:
        what = f"each of {settings.groups} groups of channels of a sample"
    else:
        what = "each sample, all of its channels together,"
    name = settings.layer[0].upper() + settings.layer[1:]
    return f"{name} does not depend on the batch size: {what} is reduced over {_values(parts)} of its own."


def _values(parts: Sequence[Statistics]) -> str:
    least, most = min(part.count for part in parts), max(part.count for part in parts)
    return plural(least, "value") if least == most else f"{least:,} to {most:,} values"


def _start(report: Report) -> str:
    """How far the start would differ with another first batch, for the channel where it does most."""
    one = "Weight norm starts from its first batch: g and b give each channel of it that varies mean 0 and variance 1."
    spreads = []
    for places in _by_channel(report.batches):
        found = [place.start.g for place in places if place.start is not None and place.start.g is not None]
        if len(found) > 1:
            spreads.append((max(found) / min(found), places[0].channel, min(found), max(found)))
    if not spreads:
        return one
    _, channel, least, most = max(spreads)
    between = f"Between these {len(report.batches)} batches"
    return f"{one} {between} g of {report.title_of(channel)} is from {least:,.4g} to {most:,.4g}."


def _corrections(report: Report) -> str:
    """The range of r and d, and how often the paper's limits would clip them."""
    found = [
        channel.correction for batch in report.batches for channel in batch.channels if channel.correction is not None
    ]
    rs = [one.r for one in found if one.r is not None]
    ds = [abs(one.d) for one in found if one.d is not None]
    if not rs or not ds:
        return "No r and d are defined for these batches."
    limits = f"r in [1/{MOST_R:g}, {MOST_R:g}], |d| ≤ {MOST_D:g}"
    clipped = sum(bool(one.r_clipped or one.d_clipped) for one in found)
    return (
        f"Batch renorm leads each batch back to the running statistics before it, here with r from {min(rs):.3g} to "
        f"{max(rs):.3g} and |d| up to {max(ds):.3g}; the paper's limits ({limits}) would clip "
        f"{clipped} of {len(rs)}. Running statistics start at mean 0 and variance 1, far from data of another scale."
    )


def _synchronized(report: Report) -> str:
    """What merging the ranks changes."""
    if not report.synchronized:
        return ""
    together = [part for batch in report.synchronized for part in batch.parts]
    size = report.settings.batch_size * report.settings.ranks
    reduced = (
        f"Synchronized over {report.settings.ranks} ranks, a batch of {size} reduces {_values(together)} a channel."
    )
    jumps = _jumps(report.synchronized, size)
    if not jumps:
        return reduced
    channel, jump, share = max(jumps, key=lambda one: one[2])
    return (
        f"{reduced} Its mean of {report.title_of(channel)} then has a standard deviation of {jump:,.4g} between steps, "
        f"{share:.2f} of that of all values."
    )


def _reduction(report: Report, channels: Sequence[Statistics]) -> str:
    values = _values(channels)
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
    if report.settings.by_sample:
        return _constant_groups(report)
    always: list[int] = []
    sometimes: list[int] = []
    for places in _by_channel(report.batches):
        constant = [channel.constant for channel in places]
        if any(constant):
            (always if all(constant) else sometimes).append(places[0].channel)
    if not always and not sometimes:
        return ""
    parts = [_named(always, report, ""), _named(sometimes, report, " in some batches")]
    return f"Variance is zero only where a channel is constant: {', '.join(part for part in parts if part)}."


def _constant_groups(report: Report) -> str:
    found = [group.title for batch in report.batches for group in batch.groups if group.constant]
    if not found:
        return ""
    listed = ", ".join(found[:3]) + (f", … ({len(found) - 3} more)" if len(found) > 3 else "")
    return f"Variance is zero only where all values are one: {listed}."


def _named(channels: Sequence[int], report: Report, where: str) -> str:
    if not channels:
        return ""
    listed = ", ".join(report.title_of(channel).removeprefix("channel ") for channel in channels[:5]) + (
        ", …" if len(channels) > 5 else ""
    )
    return f"{'channel' if len(channels) == 1 else 'channels'} {listed}{where}"


def _by_channel(batches: Sequence[Batch]) -> list[tuple[Channel, ...]]:
    """For each channel that all batches have, its numbers in each batch."""
    return list(zip(*(batch.channels for batch in batches), strict=False))


def _between(batches: Sequence[Batch], report: Report) -> str:
    """How far batch means lie apart, for the channel where they do most, or how to find out."""
    jumps = _jumps(batches, report.settings.batch_size)
    if not jumps:
        return (
            "What one batch cannot show is how statistics differ between batches: "
            "give several volumes, or all to `bnstat compare`."
        )
    channel, jump, share = max(jumps, key=lambda one: one[2])
    whole = sum(len(batch.samples) == report.settings.batch_size for batch in batches)
    return (
        f"Between these {whole} batches the mean of {report.title_of(channel)} has a standard deviation of "
        f"{jump:,.4g}, {share:.2f} of that of all values: so much do batch statistics jump from step to step."
    )


def _jumps(batches: Sequence[Batch], size: int) -> list[tuple[int, float, float]]:
    """The jump of each channel between the batches of full size."""
    whole = [batch for batch in batches if len(batch.samples) == size]
    return [found for places in _by_channel(whole) if (found := _jump(places)) is not None]


def _jump(places: Sequence[Channel]) -> tuple[int, float, float] | None:
    """A channel, the standard deviation of its batch means, and the same in standard deviations of all its values."""
    found = [(one.count, one.mean, one.variance) for one in places if one.mean is not None and one.variance is not None]
    if len(found) < 2 or len(found) < len(places):
        return None
    total = sum(count for count, _, _ in found)
    mean = sum(count * mean for count, mean, _ in found) / total
    try:
        variance = sum(count * (variance + (one - mean) ** 2) for count, one, variance in found) / total
        middle = sum(one for _, one, _ in found) / len(found)
        jump = sqrt(sum((one - middle) ** 2 for _, one, _ in found) / (len(found) - 1))
    except OverflowError:  # of means that float64 cannot square
        return None
    return (places[0].channel, jump, jump / sqrt(variance)) if variance else None
