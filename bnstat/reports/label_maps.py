"""What a report says first if some of its inputs look like label maps, by the findings of that rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from bnstat.reports.finding import Finding
from bnstat.sources.sample import Sample
from bnstat.text import capitalized, channel_title, joined, plural

CODE = "BN406"
_NOTHING = "statistics of label numbers say nothing about an image"


@dataclass(frozen=True)
class LabelMapsFound:
    """The inputs of a report that look like label maps.

    Attributes:
        findings: All findings of the report.
        samples: Its samples.
        channels: The number of channels.
        names: The names of the channels, if they have any.
    """

    findings: Sequence[Finding]
    samples: Sequence[Sample]
    channels: int
    names: Sequence[str] = ()

    @cached_property
    def files(self) -> tuple[str, ...]:
        """All inputs, each once."""
        return tuple(dict.fromkeys(sample.source for sample in self.samples))

    @cached_property
    def whole(self) -> tuple[str, ...]:
        """The inputs that are nothing but labels."""
        own = (one.source for one in self._own if self.channels == 1 or one.channel is None)
        return tuple(source for source in dict.fromkeys(own) if source is not None)

    @cached_property
    def _own(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.rule == CODE)

    @property
    def everywhere(self) -> bool:
        """True if no input is an image."""
        return bool(self.whole) and len(self.whole) == len(self.files)

    @property
    def sentence(self) -> str:
        """What they are, what that means and what to do; empty if there are none."""
        return " ".join((*self._on_files(), *self._on_channels()))

    def _on_files(self) -> Iterator[str]:
        if self.everywhere:
            one = len(self.files) == 1
            what = "This looks like a label map" if one else f"All {len(self.files):,} volumes look like label maps"
            yield f"{what} ({CODE}): {_NOTHING}. Give the {'image' if one else 'images'} instead."
        elif self.whole:
            looks = "looks like a label map" if len(self.whole) == 1 else "look like label maps"
            yield (
                f"{len(self.whole):,} of {plural(len(self.files), 'volume')} {looks} ({CODE}): {_NOTHING}, and neither "
                f"does what is pooled with them. {left_out(self.whole, self.files, one=len(self.whole) == 1)}."
            )

    def _on_channels(self) -> Iterator[str]:
        parts = [one for one in self._own if self.channels > 1 and one.channel is not None]
        channels = sorted({one.channel for one in parts if one.channel is not None})
        if channels:
            named = joined([channel_title(channel, self.names) for channel in channels])
            looks = "looks" if len(channels) == 1 else "look"
            number = len({one.source for one in parts})
            where = "" if len(self.files) == 1 else f" in {number:,} of {len(self.files):,} volumes"
            yield (
                f"{capitalized(named)} {looks} like labels{where} ({CODE}): {_NOTHING}. Give the network's images "
                "without labels, unless it gets them as a channel."
            )


def left_out(files: Sequence[str], every: Sequence[str], *, one: bool) -> str:
    """Return what leaves files out of many, as a sentence on one of them, or on all, without its end."""
    from bnstat.sources.exclusion import options_without  # noqa: PLC0415  (rules are listed without numpy)

    options = options_without(files, every)
    return f"Leave {'it' if one else 'them'} out with `{options}`" if options else "Name the images alone"
