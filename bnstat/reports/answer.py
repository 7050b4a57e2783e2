"""The sentences below the table: what the batch size means for these data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan, prod, sqrt
from typing import TYPE_CHECKING

from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.layers.normalizers.renorm import MOST_D, MOST_R
from bnstat.layers.results import Batch, Channel
from bnstat.reports.inspect import Report
from bnstat.text import capitalized, number, plural

if TYPE_CHECKING:  # numpy, as in `Report.parts`
    from bnstat.layers.parts import Parts


def answer(report: Report, *, judged: bool = False) -> str | None:
    """Say in a few sentences what this batch size means for these data; return None if there is no batch.

    Args:
        report: The report.
        judged: True if its verdict says whether the batch is too small.
    """
    if not len(report.parts):
        return None
    if report.settings.by_sample:
        return _alone(report)
    if report.settings.kind == "weight-init":
        return _start(report)
    if (report.parts.number("count") == 1).all():
        single = "Here each channel has a single value, so there is no variance to normalize with."
        return _joined(single, _synchronized(report))
    first = _corrections(report) if report.settings.kind == "renorm" else _reduction(report)
    return _joined(first, _between(report, judged=judged or report.label_maps.everywhere), _synchronized(report))


def _joined(*sentences: str) -> str:
    return " ".join(sentence for sentence in sentences if sentence)


def _alone(report: Report) -> str:
    """Say over what a layer normalizes if it takes each sample by itself."""
    settings = report.settings
    if settings.kind == "instance":
        what = "each channel of a sample"
    elif settings.groups and settings.groups > 1:
        what = f"each of the {settings.groups} groups of channels of a sample"
    else:
        what = "each sample, all of its channels together,"
    over = _values(report.parts)
    return f"{capitalized(settings.layer)} does not depend on the batch size: it normalizes {what} over {over}."


def _values(parts: Parts, word: str = "value") -> str:
    counts = parts.number("count")
    least, most = int(counts.min()), int(counts.max())
    return plural(least, word) if least == most else f"{least:,} to {most:,} {word}s"


def _start(report: Report) -> str:
    """Say how far weight norm's start differs with another first batch, for the channel in which it differs most."""
    exact = "" if not report.settings.epsilon else ", up to ε,"
    one = (
        "Weight norm takes its start from the first batch: with its scale g and its bias b, each channel that varies "
        f"gets mean 0 and{exact} variance 1 in that batch."
    )
    spreads = []
    for channels in _by_channel(report.batches):
        found = [one.start.g for one in channels if one.start is not None and one.start.g is not None]
        if len(found) > 1:
            spreads.append((max(found) / min(found), channels[0].channel, min(found), max(found)))
    if not spreads:
        return one
    ratio, channel, least, most = max(spreads)
    if ratio == 1:
        return f"{one} It is the same whichever of these {len(report.batches)} batches comes first."
    first = f"Depending on which of these {len(report.batches)} batches comes first"
    return f"{one} {first}, g of {report.title_of(channel)} is between {number(least)} and {number(most)}."


def _corrections(report: Report) -> str:
    """Say how large batch renorm's corrections are, and how often the paper's limits would clip them."""
    found = [
        channel.correction for batch in report.batches for channel in batch.channels if channel.correction is not None
    ]
    rs = [one.r for one in found if one.r is not None]
    ds = [abs(one.d) for one in found if one.d is not None]
    if not rs or not ds:
        return "The scale r and the shift d of batch renorm are undefined for these batches."
    limits = f"r in [1/{MOST_R:g}, {MOST_R:g}], |d| ≤ {MOST_D:g}"
    clipped = sum(bool(one.r_clipped or one.d_clipped) for one in found)
    mean, variance = report.settings.framework.running_start
    least, most = number(min(rs)), number(max(rs))
    sizes = f"is {least}" if least == most else f"is between {least} and {most}"
    far = (
        f" The running statistics start at mean {mean:g} and variance {variance:g}, far from these data."
        if clipped
        else ""
    )
    return (
        "Batch renorm corrects each batch with a scale r and a shift d towards the running statistics before it. "
        f"Here r {sizes}, and |d| is at most {number(max(ds))}. The limits of the paper ({limits}) would clip "
        f"{clipped} of {plural(len(rs), 'correction')}.{far}"
    )


def _synchronized(report: Report) -> str:
    """Say what merging the ranks changes."""
    if not report.synchronized:
        return ""
    from bnstat.layers.parts import Parts  # noqa: PLC0415  (numpy, as in `Report.parts`)

    size = report.settings.batch_size * report.settings.ranks
    inside = "" if report.settings.preparation.mask is None else " inside the mask"
    merged = (
        f"Synchronized over {report.settings.ranks} ranks, a batch of {size} averages each channel over "
        f"{_values(Parts(report.synchronized))}{inside}."
    )
    spread = _widest(report.synchronized, size)
    if spread is None:
        return merged
    return (
        f"{merged} From step to step the mean of {report.title_of(spread.channel)} then varies by {spread.in_sd} "
        "(standard deviations of all its values)."
    )


def _reduction(report: Report) -> str:
    """Say over how many values the layer averages, and that a batch size of 1 alone leaves a variance."""
    size = report.settings.batch_size
    over = f"each channel is averaged over {_voxels(report)}"
    if size > 1:
        return f"In a batch of {size}, {over}."
    varied = bool((report.parts.number("variance") > 0).any())
    return f"A batch size of 1 does not make the variance zero: {over}." if varied else f"{capitalized(over)}."


def _voxels(report: Report) -> str:
    """Return the number of values in words; they are voxels if the last of five axes is kept."""
    from bnstat.layers.batch_columns import counts_of_layouts  # noqa: PLC0415  (numpy, as in `Report.parts`)

    layouts = counts_of_layouts(report.batches)
    shapes = [(one.batch.input_shape, one.batch.axis) for one in layouts]
    if any(axis != len(shape) - 1 or len(shape) != 5 for shape, axis in shapes):
        return _values(report.parts)
    voxels = _values(report.parts, "voxel")
    if report.settings.preparation.mask is not None:
        return f"{voxels} inside the mask"
    if report.settings.batch_size > 1:
        return voxels
    whole = all((one.counts == prod(one.batch.input_shape[1:-1])).all() for one in layouts)
    different = {int(end) for one in layouts for end in (one.counts.min(), one.counts.max())}
    everything = "all " if whole and len(different) == 1 else ""
    return f"{everything}{voxels} of {'the' if len(report.samples) == 1 else 'a'} {_sample(report)}"


def _sample(report: Report) -> str:
    """Name what a sample is."""
    if report.patched:
        return "patch"
    return "volume" if all(sample.index is None for sample in report.samples) else "sample"


def _by_channel(batches: Sequence[Batch]) -> list[tuple[Channel, ...]]:
    """Return for each channel that all batches have its numbers in each batch."""
    return list(zip(*(batch.channels for batch in batches), strict=False))


def _between(report: Report, *, judged: bool) -> str:
    """Say how far batch means lie apart, for the channel in which they do most, or how to find out."""
    size = report.settings.batch_size
    whole = len(_whole(report.batches, size))
    if whole < 2:
        if judged:
            return ""
        return (
            f"To learn whether the batch is too small, give at least {FEWEST_SAMPLES} volumes: `bnstat compare FOLDER`."
        )
    spread = _widest(report.batches, size)
    if spread is None:
        return ""
    if not spread.deviation:
        return (
            f"The means of these {whole} batches are equal, so they cannot show how batch statistics differ between "
            f"samples: give at least {FEWEST_SAMPLES} different volumes."
        )
    channel = report.title_of(spread.channel)
    return (
        f"From batch to batch, as these {whole} lie, the mean varies by {spread.in_sd}. SD is the standard "
        f"deviation of all values of {channel}; the means of these {whole} batches have a standard deviation of "
        f"{number(spread.deviation)}."
    )


@dataclass(frozen=True)
class _Spread:
    """The distance of the batch means of one channel.

    Attributes:
        channel: The index of the channel.
        deviation: The standard deviation of its batch means, in the unit of the values.
        share: The same in standard deviations of all its values.
    """

    channel: int
    deviation: float
    share: float

    @property
    def in_sd(self) -> str:
        """The spread in standard deviations of all values, as in "0.55 SD"."""
        return f"{number(self.share, 2)} SD"


def _whole(batches: Sequence[Batch], size: int) -> Sequence[Batch]:
    """Return the batches of full size; those that are columns stay such."""
    from bnstat.layers.batch_columns import Batches  # noqa: PLC0415  (numpy, as in `Report.parts`)

    if isinstance(batches, Batches):
        return batches.of_size(size)
    return [batch for batch in batches if len(batch.samples) == size]


def _widest(batches: Sequence[Batch], size: int) -> _Spread | None:
    """Return the channel whose batches of full size lie furthest apart; None if that is known of no channel."""
    from bnstat.layers.parts import Parts  # noqa: PLC0415  (numpy, as in `Report.parts`)

    parts = Parts(_whole(batches, size))
    columns = [parts.number(name) for name in ("count", "mean", "variance")]
    found = [
        spread
        for channel, places in enumerate(parts.of_every_batch())
        if (spread := _spread(channel, *(column[places].tolist() for column in columns))) is not None
    ]
    return max(found, key=lambda spread: spread.share, default=None)


def _spread(
    channel: int, counts: Sequence[float], means: Sequence[float], variances: Sequence[float]
) -> _Spread | None:
    """Return how far the batch means of one channel lie apart; None if one is unknown, or all values are equal."""
    every = zip(map(int, counts), means, variances, strict=True)
    found = [one for one in every if not (isnan(one[1]) or isnan(one[2]))]
    if len(found) < 2 or len(found) < len(counts):
        return None
    total = sum(count for count, _, _ in found)
    mean = sum(count * mean for count, mean, _ in found) / total
    try:
        variance = sum(count * (variance + (one - mean) ** 2) for count, one, variance in found) / total
        middle = sum(one for _, one, _ in found) / len(found)
        deviation = sqrt(sum((one - middle) ** 2 for _, one, _ in found) / (len(found) - 1))
    except OverflowError:  # of means that float64 cannot square
        return None
    share = deviation / sqrt(variance) if variance else nan
    return _Spread(channel, deviation, share) if isfinite(share) else None
