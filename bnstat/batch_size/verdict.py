"""The verdict on batch sizes in sentences, from the numbers of a recommendation."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.batch_size.confidence import fewest_of
from bnstat.batch_size.results import ChannelFigures, Recommendation
from bnstat.batch_size.settings import CompareSettings
from bnstat.text import NO_BREAK_SPACE, beyond, channel_title, plural

# The reason why a channel is not judged that no batch size changes.
ALL_EQUAL = "all its values are equal"

OTHERWISE = "Instance and group norm do not depend on the batch size."


def verdict(
    found: Recommendation, sizes: Sequence[int], channels: int, settings: CompareSettings, names: Sequence[str]
) -> str:
    """Return the verdict: what the smallest compared size lacks, which size is enough, and what this does not hold for.

    Args:
        found: the numbers; its `reason` is not looked at.
        sizes: the compared sizes in ascending order.
        channels: the number of all channels.
        settings: layer and ranks.
        names: the names of the channels, if they have any.
    """
    if found.channel is None:
        return _nothing(found, settings, names)
    parts = [
        _opening(found, sizes, channels, names),
        *_sizes(found, sizes),
        *_limited(found, settings, names),
    ]
    return " ".join(parts)


def _nothing(found: Recommendation, settings: CompareSettings, names: Sequence[str]) -> str:
    """Return why nothing is recommended."""
    if all(one.reason == ALL_EQUAL for one in found.unjudged):
        return "In every channel all values are equal, so no batch size is better than another."
    numbers = {one.samples for one in found.unjudged}
    if len(numbers) > 1:
        return f"No batch size is recommended. {_unjudged(found, names)}"
    number, word = numbers.pop(), "sample" if settings.preparation.patches is None else "volume"
    few = f"{plural(number, f'usable {word}')} {'is' if number == 1 else 'are'} too few"
    return f"{few} to tell how {word}s differ; give at least {fewest_of(found.population)}."


def _opening(found: Recommendation, sizes: Sequence[int], channels: int, names: Sequence[str]) -> str:
    """Return what the smallest compared size does."""
    smallest = found.smallest
    if smallest is None:
        return f"These samples have no batch of {sizes[0]} in every channel."
    where = f"in {channel_title(smallest.channel, names)} " if channels > 1 else ""
    these = "this cohort" if found.population == "infinite" else "these samples"
    lacks = _figures(found, smallest, all_of_them=False)
    if lacks:
        return f"Batch size {smallest.batch_size:,} is too small for {these}: {where}{lacks}."
    said = _figures(found, smallest, all_of_them=True)
    sure = "" if found.confidence is None else f" with {_percent(found.confidence)} confidence"
    if found.batch_size == smallest.batch_size:
        return f"Batch size {smallest.batch_size:,} is enough for {these}{sure}: {where}{said}."
    return (
        f"Batch size {smallest.batch_size:,} may be enough for {these}, but {plural(found.samples, 'sample')} are too "
        f"few to say so{sure}: {where}{said}."
    )


def _figures(found: Recommendation, one: ChannelFigures, *, all_of_them: bool) -> str:
    """Return the figures of a batch size with their limits; only those beyond them unless all are asked for."""
    limits, parts = found.limits, []
    if all_of_them or one.noise > limits.noise:
        shown = beyond(one.noise, limits.noise, 3)
        parts.append(f"the batch mean is off by {shown}{NO_BREAK_SPACE}SD (limit {limits.noise:g})")
    if all_of_them or one.shortfall > limits.shortfall:
        lacking = beyond(100 * one.shortfall, 100 * limits.shortfall, 3)
        parts.append(
            f"the batch variance is {lacking}{NO_BREAK_SPACE}% too low "
            f"(limit {100 * limits.shortfall:g}{NO_BREAK_SPACE}%)"
        )
    if one.gap is not None and (all_of_them or one.gap > limits.gap):
        parts.append(f"the train/eval gap is {beyond(one.gap, limits.gap, 3)} (limit {limits.gap:g})")
    return ", and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _sizes(found: Recommendation, sizes: Sequence[int]) -> list[str]:
    """Return which size is enough, and whether one of the compared sizes is."""
    if found.batch_size is not None and found.batch_size == sizes[0]:
        return []
    return [*_needed(found), _compared(found), OTHERWISE]


def _needed(found: Recommendation) -> list[str]:
    """Return the sizes that would be enough for mean and variance, and for the gap."""
    whole, gap = found.mean_and_variance, found.gap
    assert whole is not None
    asked = [(whole, "mean and variance"), *([] if gap is None else [(gap, "the train/eval gap")])]
    known = [(one, words) for one, words in asked if one.estimate is not None]
    if not known:
        return []
    about = "About " if found.population == "infinite" else ""
    sizes = [one.estimate or 0 for one, _ in known]
    if len(known) == 2 and sizes[0] == sizes[1]:
        first = f"{about}{sizes[0]:,} samples would be enough"
    else:
        each = [
            f"{size:,}{' samples would be enough' * (not place)} for {known[place][1]}"
            for place, size in enumerate(sizes)
        ]
        first = about + ", and ".join(each)
    if found.confidence is None:
        return [first + "."]
    most = [one.most for one, _ in known]
    if None in most:
        return [first + "."]
    numbers = dict.fromkeys(f"{size:,}" for size in most)
    return [f"{first}; with {_percent(found.confidence)} confidence, {' and '.join(numbers)}."]


def _compared(found: Recommendation) -> str:
    sure = "" if found.confidence is None else " with that confidence"
    if found.batch_size is None:
        return f"No compared batch size is enough{sure}."
    return f"Of the compared batch sizes, {found.batch_size:,} is the smallest that is enough{sure}."


def _limited(found: Recommendation, settings: CompareSettings, names: Sequence[str]) -> list[str]:
    """Return what the verdict holds for, and what it does not speak of."""
    parts = []
    if settings.ranks > 1 and found.synchronized is not None:
        parts.append(f"With {settings.ranks} synchronized ranks, {found.synchronized:,} per rank is enough.")
    if settings.group_by is not None:
        parts.append("This is for batches that mix all groups.")
    if found.unjudged:
        parts.append(_unjudged(found, names))
    where = {"input": "at the network's input", "array": "applied to these saved values"}[found.applies_to]
    return [*parts, f"This holds for a batch-norm layer {where}."]


def _unjudged(found: Recommendation, names: Sequence[str]) -> str:
    """Return the channels that nothing is said of, with the reasons."""
    reasons: dict[str, list[str]] = {}
    for one in found.unjudged:
        reasons.setdefault(one.reason, []).append(channel_title(one.channel, names))
    each = [f"{', '.join(channels)} ({reason})" for reason, channels in reasons.items()]
    return f"Nothing is known of {'; '.join(each)}."


def _percent(confidence: float) -> str:
    return f"{100 * confidence:g}{NO_BREAK_SPACE}%"
