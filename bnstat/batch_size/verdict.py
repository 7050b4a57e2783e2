"""The verdict on batch sizes in sentences, from the numbers of a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bnstat.batch_size.confidence import fewest_of
from bnstat.batch_size.results import ChannelFigures, Recommendation
from bnstat.batch_size.settings import CompareSettings
from bnstat.text import NO_BREAK_SPACE, beyond, channel_title, listed, plural

# The reason why a channel is not judged that no batch size changes.
ALL_EQUAL = "all its values are equal"

OTHERWISE = "Instance and group norm do not depend on the batch size."


@dataclass(frozen=True)
class Verdict:
    """What is said of batch sizes.

    Attributes:
        found: the numbers; its `reason` is not looked at.
        sizes: the compared sizes in ascending order.
        channels: the number of all channels.
        settings: layer, ranks, groups and patches.
        names: the names of the channels, if they have any.
    """

    found: Recommendation
    sizes: Sequence[int]
    channels: int
    settings: CompareSettings
    names: Sequence[str]

    @property
    def text(self) -> str:
        """The verdict: what the smallest compared size lacks, which size is enough, and what this does not hold for."""
        if self.found.channel is None:
            return self._nothing()
        first = self.found.batch_size is not None and self.found.batch_size == self.sizes[0]
        later = [] if first else [*self._needed(), self._compared(), OTHERWISE]
        return " ".join([self._opening(), *later, *self._limited()])

    @property
    def _drawn(self) -> str:
        """The word for what is drawn independently."""
        return "sample" if self.settings.preparation.patches is None else "volume"

    @property
    def _sure(self) -> str:
        """The confidence as the end of a clause; empty if nothing is estimated."""
        confidence = self.found.confidence
        return "" if confidence is None else f" with {100 * confidence:g}{NO_BREAK_SPACE}% confidence"

    def _nothing(self) -> str:
        """Return why nothing is recommended."""
        unjudged = self.found.unjudged
        if all(one.reason == ALL_EQUAL for one in unjudged):
            return "In every channel all values are equal, so no batch size is better than another."
        numbers = {one.samples for one in unjudged}
        if len(numbers) > 1:
            return f"No batch size is recommended. {self._unjudged()}"
        number = numbers.pop()
        few = f"{plural(number, f'usable {self._drawn}')} {'is' if number == 1 else 'are'} too few"
        return f"{few} to tell how {self._drawn}s differ; give at least {fewest_of(self.found.population)}."

    def _opening(self) -> str:
        """Return what the smallest compared size does."""
        found, smallest = self.found, self.found.smallest
        if smallest is None:
            return f"Some channel has too few samples for a batch of {self.sizes[0]:,}."
        where = f"in {channel_title(smallest.channel, self.names)} " if self.channels > 1 else ""
        these = "this cohort" if found.population == "infinite" else f"exactly these {self._drawn}s"
        size = f"Batch size {smallest.batch_size:,}"
        lacking = self._figures(smallest, every=False)
        if lacking:
            return f"{size} is too small for {these}: {where}{lacking}."
        said = f"{where}{self._figures(smallest, every=True)}"
        if found.batch_size == smallest.batch_size:
            return f"{size} is enough for {these}{self._sure}: {said}."
        if found.confidence is None:
            return f"{size} takes all of these {self._drawn}s, and has no noise for that reason alone."
        few = f"{plural(found.samples, self._drawn)} are too few to say so{self._sure}"
        return f"{size} may be enough for {these}, but {few}: {said}."

    def _figures(self, one: ChannelFigures, *, every: bool) -> str:
        """Return the figures of a batch size with their limits; unless `every` is True, only those beyond them."""
        limits, parts = self.found.limits, []
        if every or one.noise > limits.noise:
            shown = beyond(one.noise, limits.noise, 3)
            parts.append(f"the batch mean is off by {shown}{NO_BREAK_SPACE}SD (limit {limits.noise:g})")
        if every or one.shortfall > limits.shortfall:
            lacking = beyond(100 * one.shortfall, 100 * limits.shortfall, 3)
            limit = f"{100 * limits.shortfall:g}{NO_BREAK_SPACE}%"
            parts.append(f"the batch variance is {lacking}{NO_BREAK_SPACE}% too low (limit {limit})")
        if one.gap is not None and (every or one.gap > limits.gap):
            parts.append(f"the train/eval gap is {beyond(one.gap, limits.gap, 3)} (limit {limits.gap:g})")
        return listed(parts)

    def _needed(self) -> Iterator[str]:
        """Yield the sizes that would be enough for mean and variance, and for the gap."""
        found = self.found
        asked = ((found.mean_and_variance, "mean and variance"), (found.gap, "the train/eval gap"))
        known = [
            (one.estimate, one.most, words) for one, words in asked if one is not None and one.estimate is not None
        ]
        if not known:
            return
        word = "samples" if self.settings.preparation.patches is None else "patches"
        (first, _, words), about = known[0], "About " if found.confidence is not None else ""
        if len({size for size, _, _ in known}) == 1 and len(known) > 1:
            line = f"{about}{first:,} {word} would be enough"
        else:
            others = "".join(f", and {size:,} for {what}" for size, _, what in known[1:])
            line = f"{about}{first:,} {word} would be enough for {words}{others}"
        most = [size for _, size, _ in known]
        if found.confidence is None or None in most:
            yield f"{line}."
        else:
            yield f"{line} ({' and '.join(dict.fromkeys(f'{size:,}' for size in most))}{self._sure})."

    def _compared(self) -> str:
        """Return whether one of the compared sizes is enough."""
        if self.found.batch_size is None:
            return f"No compared batch size is enough{self._sure}."
        return f"Of the compared batch sizes, {self.found.batch_size:,} is the smallest that is enough{self._sure}."

    def _limited(self) -> Iterator[str]:
        """Yield what the verdict holds for, and what it does not speak of."""
        found, ranks = self.found, self.settings.ranks
        if ranks > 1 and found.synchronized is not None:
            yield f"With {ranks} synchronized ranks, {found.synchronized:,} per rank is enough."
        if self.settings.group_by is not None:
            yield "This is for batches that mix all groups."
        if found.unjudged:
            yield self._unjudged()
        where = {"input": "at the network's input", "array": "applied to these saved values"}[found.applies_to]
        yield f"This holds for a batch-norm layer {where}."

    def _unjudged(self) -> str:
        """Return the channels that nothing is said of, with the reasons."""
        reasons: dict[str, list[str]] = {}
        for one in self.found.unjudged:
            reasons.setdefault(one.reason, []).append(channel_title(one.channel, self.names))
        each = [f"{', '.join(channels)} ({reason})" for reason, channels in reasons.items()]
        return f"Nothing is said of {'; '.join(each)}."
