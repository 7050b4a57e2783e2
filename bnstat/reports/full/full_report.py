"""The result of `bnstat report`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from bnstat.reading.voxels.results import Histogram, Slices, Voxels
from bnstat.reports.check import Check, RuleInfo
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.documents.document import Document, Fields
from bnstat.reports.finding import Failure, Finding
from bnstat.reports.full.curves import SizeFigures, continued_of, drawn_of
from bnstat.reports.full.epsilon import Epsilons, epsilons_of
from bnstat.reports.full.frameworks import FrameworksOnData
from bnstat.reports.full.kinds import KindsOfVolumes, kinds_of_volumes
from bnstat.reports.full.made import Made
from bnstat.reports.full.network import NetworkLayer, ReportedNetwork
from bnstat.reports.full.verdict.answers import Answers
from bnstat.reports.full.verdict.page_verdict import PageVerdict, verdict_of
from bnstat.reports.full.volume_names import VolumeNames, names_of
from bnstat.reports.full.volumes import ReportedVolume
from bnstat.reports.inspect import Report
from bnstat.sources.sample import Sample

# The title of a page that is given none.
TITLE = "Normalization statistics"


@dataclass(frozen=True, repr=False)
class FullReport(Document):
    """The answers of several commands on the same volumes, from one reading.

    Attributes:
        check: The verdict of `bnstat check`, whose findings these are.
        inspected: What `bnstat inspect` says of each batch that was checked.
        comparison: What `bnstat compare` says of batch sizes; None if the volumes cannot be compared.
        not_compared: Why not, in a sentence; None if they are.
        frameworks: What each framework makes of the checked batches; None without a batch, or for a layer that no
            framework has.
        volumes: The volumes, in the order in which they were given.
        voxels: Histograms and slices.
        network: What `bnstat layers --format json` said of a network; None without such a file.
        made: How the report was made.
        title: The title of the page.
        silent: The codes of the rules that had nothing to judge, each with the reason.
        without_odd: What `bnstat compare` says of batch sizes without the volumes that are odd or broken; None if none
            is, or the others are too few.
        left_out: The places of the volumes that are left out of it.
    """

    check: Check
    inspected: Report
    comparison: Comparison | None
    not_compared: str | None
    frameworks: FrameworksOnData | None
    volumes: tuple[ReportedVolume, ...]
    voxels: Voxels = field(default_factory=Voxels)
    network: ReportedNetwork | None = None
    made: Made = field(default_factory=Made, compare=False)
    title: str = TITLE
    silent: Mapping[str, str] = field(default_factory=dict)
    without_odd: Comparison | None = None
    left_out: tuple[int, ...] = ()

    @cached_property
    def volume_names(self) -> VolumeNames:
        """The names of the volumes, short enough for a table and a plot."""
        return names_of(self.volumes, patched=self.check.settings.layer.preparation.patches is not None)

    @cached_property
    def answers(self) -> Answers:
        """The answers of the commands, from which the verdict is made."""
        return Answers(
            check=self.check,
            inspected=self.inspected,
            comparison=self.comparison,
            not_compared=self.not_compared,
            volumes=self.volumes,
            volume_names=self.volume_names,
            silent=self.silent,
            inside=self.network is not None,
            without_odd=self.without_odd,
            left_out=self.left_out,
            kinds=self.kinds,
        )

    @cached_property
    def kinds(self) -> KindsOfVolumes | None:
        """The two kinds that the volumes are of, without those that are left out; None if they are of one kind."""
        return kinds_of_volumes(self.volumes, self.left_out)

    @cached_property
    def verdict(self) -> PageVerdict:
        """The verdict in words, for a reader who does not know batch norm."""
        return verdict_of(self.answers)

    @cached_property
    def drawn(self) -> tuple[SizeFigures, ...]:
        """The figures of the batches that `compare` drew, in the units of its closed forms."""
        return drawn_of(self.comparison)

    @cached_property
    def continued(self) -> tuple[SizeFigures, ...]:
        """The closed forms of `compare` beyond its sizes, up to the one that is needed."""
        return continued_of(self.comparison)

    @cached_property
    def continued_without_odd(self) -> tuple[SizeFigures, ...]:
        """The closed forms of the comparison without odd volumes beyond its sizes, up to the one that is needed."""
        return continued_of(self.without_odd)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples that were read."""
        return self.check.samples

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of the check."""
        return self.check.findings

    @property
    def errors(self) -> tuple[Failure, ...]:
        """The inputs that could not be read."""
        return self.check.errors

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the channels; none if they are not known."""
        return self.answers.names

    @property
    def channels(self) -> int:
        """The greatest number of channels of a volume."""
        return self.answers.channels

    @property
    def batch_size(self) -> int:
        """The batch size that the rules judged."""
        return self.check.settings.layer.batch_size

    @cached_property
    def epsilons(self) -> Epsilons | None:
        """What ε does to the checked batches; None without a batch, or for a layer that adds none."""
        return epsilons_of(self.inspected, self.check.settings.limits.epsilon_share)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how inputs and settings were understood."""
        compared = () if self.comparison is None else self.comparison.notes
        return tuple(dict.fromkeys((*self.check.notes, *compared, *self.voxels.notes)))

    @property
    def summary(self) -> str:
        """The content of the report in a few words; it has a verdict only if a finding could have failed the check."""
        return self.check.counts if self.check.settings.fail_on == "never" else self.check.summary

    @property
    def schema(self) -> str:
        """The name and version of the schema that the document follows."""
        return "bnstat.report/1"

    def to_fields(self) -> Fields:
        """Return the fields of the document that follow its schema and version: a document for each command."""
        return {
            "title": self.title,
            **self.verdict.to_fields(),
            "judged": [rule.code for rule in self.answers.judging],
            "found_nothing": [rule.code for rule in self.answers.quiet],
            "not_judged": list(self.silent),
            "rules": [_rule(rule, self.silent.get(rule.code)) for rule in self.check.rules],
            "check": self.check.to_dict(),
            "inspect": self.inspected.to_dict(),
            "compare": None if self.comparison is None else self.comparison.to_dict(),
            "not_compared": self.not_compared,
            "compare_without_odd": None if self.without_odd is None else self.without_odd.to_dict(),
            "left_out": list(self.left_out),
            "kinds": None if self.kinds is None else _kinds(self.kinds),
            "drawn": [asdict(one) for one in self.drawn],
            "continued": [asdict(one) for one in self.continued],
            "continued_without_odd": [asdict(one) for one in self.continued_without_odd],
            "epsilon": None if self.epsilons is None else self.epsilons.to_fields(),
            "frameworks": None if self.frameworks is None else self.frameworks.to_fields(),
            "volumes": [_volume(volume) for volume in self.volumes],
            "histograms": [_histogram(one) for one in self.voxels.histograms],
            "slices": [_slices(one) for one in self.voxels.slices],
            "typical": self.voxels.typical,
            "no_voxels": self.voxels.missing,
            "layers": None if self.network is None else self.network.document,
            "by_layer": [] if self.network is None else [_layer(layer) for layer in self.network.layers],
            "made": _made(self.made),
            "notes": list(self.notes),
        }

    def to_rows(self) -> list[Fields]:
        """Return a row for each volume and channel."""
        return [
            {"volume": volume.title, "group": volume.group, **asdict(channel)}
            for volume in self.volumes
            for channel in volume.channels
        ]


def _rule(rule: RuleInfo, silent: str | None) -> Fields:
    """Return what a rule looks for, why it matters, and why it had nothing to judge, if so."""
    return {**asdict(rule), "not_judged": silent}


def _layer(layer: NetworkLayer) -> Fields:
    return {**asdict(layer), "shape": list(layer.shape)}


def _volume(volume: ReportedVolume) -> Fields:
    return {
        "source": volume.sample.source,
        "index": volume.sample.index,
        "samples": volume.samples,
        "shape": list(volume.sample.shape),
        "dtype": volume.sample.dtype,
        "group": volume.group,
        "findings": list(volume.findings),
        "channels": [asdict(channel) for channel in volume.channels],
    }


def _histogram(one: Histogram) -> Fields:
    fields: dict[str, Any] = {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars(one).items()
    }
    return {**fields, "volumes": [list(counts) for counts in one.volumes]}


def _kinds(kinds: KindsOfVolumes) -> Fields:
    groups = None if kinds.groups is None else list(kinds.groups)
    return {**asdict(kinds), "lower": list(kinds.lower), "upper": list(kinds.upper), "groups": groups}


def _made(made: Made) -> Fields:
    return {**asdict(made), "command": list(made.command), "settings": [list(one) for one in made.settings]}


def _slices(one: Slices) -> Fields:
    """Return which slices are shown, without the pictures."""
    planes = [{"axis": plane.axis, "index": plane.index} for plane in one.planes]
    return {"volume": one.volume, "channel": one.channel, "low": one.low, "high": one.high, "planes": planes}
