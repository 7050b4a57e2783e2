"""The verdict on batch sizes in sentences, from the numbers of a recommendation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from bnstat.batch_size.confidence import fewest_of
from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.batch_size.results import ChannelFigures, NeededSize, Recommendation
from bnstat.batch_size.settings import CompareSettings
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.text import beyond, capitalized, channel_title, listed, plural

# The reason why a channel is not judged that no batch size changes.
ALL_EQUAL = "all its values are equal"

OTHERWISE = "Instance and group norm do not depend on the batch size."

# What the layer is applied to, as the verdict says it.
APPLIED = {
    "input": "at the network's input",
    "array": "applied to these saved values",
    "layer": "on what enters this layer of the network",
    "below-batch-norm": "on what enters this layer as the network ran, and for no training batches: a batch norm runs "
    "before it",
}

# The two parts of a size that is needed, as the sentences name them.
_PARTS = ("mean and variance", "the train/eval gap")


@dataclass(frozen=True)
class Verdict:
    """What is said of batch sizes.

    Attributes:
        found: the numbers; its `headline` and `reason` are not looked at.
        sizes: the compared sizes in ascending order.
        channels: the number of all channels.
        settings: layer, ranks, groups and patches.
        names: the names of the channels, if they have any.
        files: where the samples are entries of too few files to tell how volumes differ, the number of these files.
        closest: where no compared size is enough, the figures of the largest one; None otherwise.
        whole: a compared size that is within the limits only because it holds every sample; None without one.
    """

    found: Recommendation
    sizes: Sequence[int]
    channels: int
    settings: CompareSettings
    names: Sequence[str]
    files: int | None = None
    closest: ChannelFigures | None = None
    whole: int | None = None

    @property
    def headline(self) -> str:
        """The first sentence: whether the smallest compared size is enough, and which size would be."""
        return next(self._sentences())

    @property
    def text(self) -> str:
        """The verdict: the headline, the figures behind it, the sizes needed, and what this does not hold for."""
        return " ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        """Yield the sentences of the verdict."""
        if self.found.channel is None:
            yield self._nothing()
            return
        if self._entries:
            yield self._of_few_files()
        yield from self._opening()
        if self.found.batch_size is None or self.found.batch_size != self.sizes[0]:
            yield from self._needed()
            yield from self._compared()
            yield OTHERWISE
        yield from self._limited()

    # --- Words ---------------------------------------------------------------------------------------------------

    @property
    def _drawn(self) -> str:
        """The word for what is drawn independently."""
        return "sample" if self.settings.preparation.patches is None else "volume"

    @property
    def _entries(self) -> bool:
        """True if the samples are entries of a few image files, and are taken for a part of a larger set."""
        found = self.found
        return self.files is not None and found.applies_to != "array" and found.population == "infinite"

    @property
    def _these(self) -> str:
        """The samples that the verdict is about."""
        if self.found.population == "finite":
            return f"exactly these {self._drawn}s"
        return "these entries" if self._entries else "this cohort"

    @property
    def _confidence(self) -> str:
        """The confidence in words; empty if nothing is estimated."""
        confidence = self.found.confidence
        return "" if confidence is None else f"with {100 * confidence:g}{NO_BREAK_SPACE}% confidence"

    @property
    def _sure(self) -> str:
        """The confidence as the end of a clause; empty if nothing is estimated."""
        return f" {self._confidence}" if self._confidence else ""

    def _size(self, size: NeededSize) -> str:
        """Return a needed size that is known, as in "about 34 (71 with 90 % confidence)"."""
        if not self._confidence:
            return f"{size.estimate:,}"
        surely = "" if size.most is None else f" ({size.most:,}{self._sure})"
        return f"about {size.estimate:,}{surely}"

    # --- Sentences -----------------------------------------------------------------------------------------------

    def _nothing(self) -> str:
        """Return why nothing is recommended."""
        unjudged = self.found.unjudged
        if not any(one.reason == ALL_EQUAL for one in unjudged) and len(unjudged) < self.channels:
            return f"Some channel has too few samples for a batch of {self.sizes[0]:,}."
        if all(one.reason == ALL_EQUAL for one in unjudged):
            return "In every channel all values are equal, so no batch size is better than another."
        numbers = {one.samples for one in unjudged}
        if len(numbers) > 1:
            return f"No batch size is recommended. {self._unjudged()}"
        number = numbers.pop()
        few = f"{plural(number, f'usable {self._drawn}')} {'is' if number == 1 else 'are'} too few"
        return f"{few} to tell how {self._drawn}s differ; give at least {fewest_of(self.found.population)}."

    def _of_few_files(self) -> str:
        """Return why entries of a few files tell nothing of other volumes."""
        return capitalized(entries_of_files(self.found.samples, self.files or 1))

    def _opening(self) -> Iterator[str]:
        """Yield what the smallest compared size does, and its figures."""
        found, smallest = self.found, self.found.smallest
        if smallest is None:
            yield f"Some channel has too few samples for a batch of {self.sizes[0]:,}."
            return
        size, figures = f"Batch size {smallest.batch_size:,}", self._figures(smallest, every=False)
        if figures:
            yield f"{size} is too small for {self._these}{self._enough()}."
        elif found.batch_size == smallest.batch_size:
            yield f"{size} is enough for {self._these}{self._sure}."
        elif found.confidence is None:
            yield f"{size} takes all of these {self._drawn}s, and has no noise for that reason alone."
            return
        else:
            few = f"{plural(found.samples, self._drawn)} are too few to say so{self._sure}"
            yield f"{size} may be enough for {self._these}, but {few}."
        figures = figures or self._figures(smallest, every=True)
        if figures:
            where = f"in {channel_title(smallest.channel, self.names)} " if self.channels > 1 else ""
            yield f"At batch size {smallest.batch_size:,} {where}{listed(figures)}."

    def _enough(self) -> str:
        """Return which size would be enough, as in "; about 34 would be enough (71 with 90 % confidence)"."""
        found = self.found
        if found.estimate is None:
            return ""
        about = "about " if self._confidence else ""
        patched = self.settings.preparation.patches is not None
        enough = plural(found.estimate, "patch", "patches") if patched else f"{found.estimate:,}"
        surely = f" ({found.most:,}{self._sure})" if self._confidence and found.most is not None else ""
        return f"; {about}{enough} would be enough{surely}"

    def _figures(self, one: ChannelFigures, *, every: bool) -> list[str]:
        """Return the figures of a batch size with their limits; unless `every` is True, only those beyond them.

        A figure that float64 cannot hold is left out.
        """
        limits, parts = self.found.limits, []
        if isfinite(one.noise) and (every or one.noise > limits.noise):
            shown = beyond(one.noise, limits.noise, 3)
            meant = f"standard deviations of the population, limit {limits.noise:g}"
            parts.append(f"the batch mean is off by {shown}{NO_BREAK_SPACE}SD ({meant})")
        if isfinite(one.shortfall) and (every or one.shortfall > limits.shortfall):
            lacking = beyond(100 * one.shortfall, 100 * limits.shortfall, 3)
            limit = f"{100 * limits.shortfall:g}{NO_BREAK_SPACE}%"
            parts.append(f"the batch variance is {lacking}{NO_BREAK_SPACE}% too low (limit {limit})")
        if one.gap is not None and isfinite(one.gap) and (every or one.gap > limits.gap):
            parts.append(f"the train/eval gap is {beyond(one.gap, limits.gap, 3)} (limit {limits.gap:g})")
        return parts

    def _needed(self) -> Iterator[str]:
        """Yield the sizes that mean and variance need and that the gap needs, where they differ."""
        sizes = (self.found.mean_and_variance, self.found.gap)
        known = [
            (size, words)
            for size, words in zip(sizes, _PARTS, strict=True)
            if size is not None and size.estimate is not None
        ]
        if len({self._size(size) for size, _ in known}) < 2:
            return
        verbs = {_PARTS[0]: "need", _PARTS[1]: "needs"}
        yield f"{capitalized(listed([f'{words} {verbs[words]} {self._size(size)}' for size, words in known]))}."

    def _compared(self) -> Iterator[str]:
        """Yield whether one of the compared sizes is enough, and which one comes closest."""
        found = self.found
        if found.batch_size is not None:
            yield f"Of the compared sizes, {found.batch_size:,} is the smallest that is enough{self._sure}."
            return
        if self.whole is not None:
            if self.whole != self.sizes[0]:
                yield (
                    f"Of the compared sizes, {self.whole:,} is within the limits, but only because it holds every "
                    f"{self._drawn}."
                )
            return
        estimated = next((size for size in self.sizes if found.estimate is not None and size >= found.estimate), None)
        if estimated is not None and found.confidence is not None:
            if estimated != self.sizes[0]:
                yield f"{estimated:,} is enough by the estimate, but not{self._sure}."
        elif len(self.sizes) > 1:
            yield f"No compared size is enough{self._nearest()}."

    def _nearest(self) -> str:
        """Return which compared size comes closest, with the figures that it has beyond their limits."""
        if self.closest is None:
            return ""
        one, limits = self.closest, self.found.limits
        parts = []
        if one.noise > limits.noise:
            parts.append(f"batch mean off by {beyond(one.noise, limits.noise, 3)}{NO_BREAK_SPACE}SD")
        if one.shortfall > limits.shortfall:
            lacking = beyond(100 * one.shortfall, 100 * limits.shortfall, 3)
            parts.append(f"batch variance {lacking}{NO_BREAK_SPACE}% too low")
        if one.gap is not None and one.gap > limits.gap:
            parts.append(f"train/eval gap {beyond(one.gap, limits.gap, 3)}")
        figures = f" ({', '.join(parts)})" if parts else ""
        return f"; {one.batch_size:,} comes closest{figures}"

    def _limited(self) -> Iterator[str]:
        """Yield what the verdict holds for, and what it does not speak of."""
        found, ranks = self.found, self.settings.ranks
        if ranks > 1 and found.synchronized is not None:
            yield f"With {ranks} synchronized ranks, {found.synchronized:,} per rank is enough."
        if self.settings.group_by is not None:
            yield "This is for batches that mix all groups."
        if found.unjudged:
            yield self._unjudged()
        where = APPLIED[found.applies_to]
        if self.files is not None and found.applies_to == "array" and found.population == "infinite":
            where += ", if these samples are independent"
        yield f"This holds for a batch-norm layer {where}."

    def _unjudged(self) -> str:
        """Return the channels that nothing is said of, with the reasons."""
        reasons: dict[str, list[str]] = {}
        for one in self.found.unjudged:
            reasons.setdefault(one.reason, []).append(channel_title(one.channel, self.names))
        each = [f"{', '.join(channels)} ({reason})" for reason, channels in reasons.items()]
        return f"Nothing is said of {'; '.join(each)}."


def entries_of_files(samples: int, files: int) -> str:
    """Return what samples that are entries of a few files show, and what they do not."""
    come = "one file" if files == 1 else plural(files, "file")
    its = "its" if files == 1 else "their"
    return (
        f"all {samples:,} samples come from {come}. They show how {its} entries differ, not how volumes differ; "
        f"give at least {FEWEST_SAMPLES} volumes."
    )
