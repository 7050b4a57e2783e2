"""What a verdict in words is made from: the answers of the commands, and the sentences that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from bnstat.layers.settings import Settings
from bnstat.reports.check import Check, RuleInfo
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.finding import Finding, Severity
from bnstat.reports.full.kinds import KindsOfVolumes
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.reports.full.volumes import ReportedVolume
from bnstat.reports.inspect import Report
from bnstat.reports.label_maps import LabelMapsFound
from bnstat.sources.sample import channel_names_of
from bnstat.text import channel_title, joined, plural, printable

# The volumes and files that a sentence names before it counts the rest.
MOST_NAMED = 5
# The volumes that are named where sizes without them are, which a sentence says more than once.
_MOST_LEFT_OUT = 3
# The longest names that are said again.
_LONGEST_NAMES = 60
# The rules on what a batch size does, which the verdict on batch sizes speaks for.
ON_BATCH_SIZE = ("BN202", "BN203", "BN204", "BN205")


@dataclass(frozen=True)
class Remark:
    """Sentences of the verdict, with what they are about.

    Attributes:
        text: The sentences.
        volumes: The places of the volumes that they are about.
        rule: The code of the rule whose findings they tell of; None for none.
        tone: How grave it is; "good" if all is in order, and "plain" for plain facts.
    """

    text: str
    volumes: tuple[int, ...] = ()
    rule: str | None = None
    tone: Severity | Literal["good", "plain"] = "plain"


def first_names(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names, the first of many, as in "a, b, c, d, e and 7 more"; empty without any."""
    if len(names) <= most:
        return joined(names) if names else ""
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


@dataclass(frozen=True)
class Answers:
    """The answers of the commands on the same volumes.

    Attributes:
        check: The verdict of `bnstat check`.
        inspected: The report of `bnstat inspect`.
        comparison: The comparison of batch sizes; None if the volumes cannot be compared.
        not_compared: Why not, in a sentence.
        volumes: The volumes.
        volume_names: The names of all volumes of the report, by their place.
        silent: The codes of the rules that had nothing to judge, each with the reason.
        inside: True if the page has measurements of the layers inside of a network.
        without_odd: The comparison without the volumes that are odd or broken; None if there is none.
        left_out: The places of these volumes.
        others: True if these are the answers for the other volumes alone.
        kinds: The two kinds that the volumes are of; None if they are of one kind.
    """

    check: Check
    inspected: Report
    comparison: Comparison | None
    not_compared: str | None
    volumes: tuple[ReportedVolume, ...]
    volume_names: VolumeNames
    silent: Mapping[str, str] = field(default_factory=dict)
    inside: bool = False
    without_odd: Comparison | None = None
    left_out: tuple[int, ...] = ()
    others: bool = False
    kinds: KindsOfVolumes | None = None

    @property
    def layer(self) -> Settings:
        """The layer that was asked about."""
        return self.check.settings.layer

    @property
    def size(self) -> int:
        """The batch size that was asked about, of all ranks together."""
        return self.layer.batch_size * self.layer.ranks

    @property
    def patched(self) -> bool:
        """True if samples are patches of volumes."""
        return self.layer.preparation.patches is not None

    @cached_property
    def word(self) -> str:
        """The word for what differs: "volume", or "sample" for entries of a file or an array."""
        return self.volume_names.noun

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the channels; none if they are not known."""
        return channel_names_of(self.check.samples)

    @cached_property
    def channels(self) -> int:
        """The greatest number of channels of a volume."""
        return max((len(one.channels) for one in self.volumes), default=0)

    def name_of(self, place: int) -> str:
        """Return the name of a volume in a sentence."""
        return self.volume_names.full[place]

    def title_of(self, channel: int) -> str:
        """Return the name of a channel in a sentence."""
        return printable(channel_title(channel, self.names))

    def counted(self, number: int) -> str:
        """Return a number of volumes with its word, as in "12 volumes"."""
        return plural(number, self.word)

    def batched(self, number: int) -> str:
        """Return a number of what a batch consists of with its word, as in "34 patches"."""
        return plural(number, "patch", "patches") if self.patched else self.counted(number)

    @property
    def judging(self) -> tuple[RuleInfo, ...]:
        """The rules that had something to judge."""
        return tuple(one for one in self.check.rules if one.code not in self.silent)

    @property
    def quiet(self) -> tuple[RuleInfo, ...]:
        """Those of them that found nothing."""
        found = {one.rule for one in (*self.check.findings, *self.check.known)}
        return tuple(one for one in self.judging if one.code not in found)

    @property
    def labels(self) -> LabelMapsFound:
        """The inputs that look like label maps."""
        return LabelMapsFound(self.check.findings, self.check.samples, self.channels, self.names)

    def about(self, finding: Finding) -> tuple[ReportedVolume, ...]:
        """Return the volumes that a finding is about; none if it is about all of them."""
        return self._volumes_of.get(finding, ())

    @cached_property
    def _volumes_of(self) -> dict[Finding, tuple[ReportedVolume, ...]]:
        """The volumes that each finding is about, as far as it is about some."""
        found: dict[Finding, list[ReportedVolume]] = {}
        for volume in self.volumes:
            for finding in dict.fromkeys(self.check.findings[at] for at in volume.findings):
                found.setdefault(finding, []).append(volume)
        return {finding: tuple(volumes) for finding, volumes in found.items()}

    def named(self, places: Sequence[int]) -> str:
        """Return the names of volumes, the first of many."""
        return first_names([self.name_of(place) for place in places])

    @property
    def names_left_out(self) -> str:
        """The names of the volumes that are left out of the second comparison, the first of many."""
        return first_names([self.name_of(place) for place in self.left_out], _MOST_LEFT_OUT)

    @property
    def left_out_in_short(self) -> str:
        """What a sentence calls these volumes once they were named: their names again, unless these are long."""
        names, number = self.names_left_out, len(self.left_out)
        if len(names) <= _LONGEST_NAMES:
            return names
        return f"the odd or broken {self.word}" if number == 1 else f"the {number:,} odd or broken {self.word}s"

    @cached_property
    def without(self) -> Answers | None:
        """The answers for the volumes that are neither odd nor broken; None if all are, or were not compared again.

        No rule judged a batch of these volumes alone, so they have no finding on the batch size.
        """
        if self.without_odd is None:
            return None
        about = {at for place in self.left_out for at in self.volumes[place].findings}
        kept = [at for at, one in enumerate(self.check.findings) if at not in about and one.rule not in ON_BATCH_SIZE]
        now = {at: place for place, at in enumerate(kept)}
        return replace(
            self,
            check=replace(self.check, findings=tuple(self.check.findings[at] for at in kept)),
            comparison=self.without_odd,
            volumes=tuple(
                replace(one, findings=tuple(now[at] for at in one.findings if at in now))
                for one in self.volumes
                if one.place not in self.left_out
            ),
            without_odd=None,
            left_out=(),
            others=True,
        )
