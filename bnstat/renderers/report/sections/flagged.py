"""Findings by the volumes and channels that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bnstat.renderers.report.blocks import Link, Paragraph
from bnstat.renderers.report.plots import Role
from bnstat.reports.finding import SEVERITIES, Finding, Severity
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.left_out import ODD
from bnstat.reports.full.verdict.apart import apart_of
from bnstat.reports.full.verdict.on_data import lying_apart
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import MOST_PLACES, capitalized, channel_title, numbered, plural, printable, sentence


@dataclass(frozen=True)
class Flags:
    """The findings about volumes.

    Attributes:
        findings: The findings of the check.
        places: The places of those about each volume, by the place of the volume.
    """

    findings: tuple[Finding, ...]
    places: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, report: FullReport) -> Flags:
        """Return the findings of a report."""
        return cls(report.findings, tuple(volume.findings for volume in report.volumes))

    def about(self, volume: int, channel: int | None = None) -> list[Finding]:
        """Return the findings about a volume, or about one of its channels and the volume as a whole."""
        found = [self.findings[place] for place in self.places[volume]]
        return [one for one in found if channel is None or one.channel in (None, channel)]

    def odd(self, channel: int) -> list[int]:
        """Return the volumes that a finding calls odd in a channel, in order."""
        return [
            volume
            for volume in range(len(self.places))
            if any(one.rule == ODD and one.channel == channel for one in self.about(volume))
        ]

    def odd_together(self) -> list[tuple[list[int], list[int]]]:
        """Return the odd volumes, those of channels with the same ones together: the channels, and the volumes."""
        found: dict[tuple[int, ...], list[int]] = {}
        for channel in self.channels():
            found.setdefault(tuple(self.odd(channel)), []).append(channel)
        return [(channels, list(volumes)) for volumes, channels in found.items() if volumes]

    def many_odd(self, channel: int) -> bool:
        """Return True if one finding calls so many volumes odd in a channel that it names only the first ones."""
        return any(one.rule == ODD and one.channel == channel and one.source is None for one in self.findings)

    def channels(self) -> list[int]:
        """Return the channels that findings about volumes and about the whole cohort name, in order."""
        return sorted({one.channel for one in self.findings if one.channel is not None})


def worst(findings: Iterable[Finding]) -> Severity | None:
    """Return the gravest severity of findings; None without findings."""
    return min((one.severity for one in findings), key=SEVERITIES.index, default=None)


def rules_of(findings: Iterable[Finding]) -> list[Finding]:
    """Return the first finding of each rule, the gravest first."""
    first: dict[str, Finding] = {}
    for one in findings:
        first.setdefault(one.rule, one)
    return sorted(first.values(), key=lambda one: SEVERITIES.index(one.severity))


def finding_anchor(rule: str) -> str:
    """Return the `id` of the card of a rule's findings."""
    return f"finding-{rule}"


def links_to(findings: Iterable[Finding]) -> tuple[Link, ...]:
    """Return a link to the card of each rule."""
    return tuple(Link(one.name, finding_anchor(one.rule)) for one in rules_of(findings))


def what_it_says(findings: Sequence[Finding]) -> Iterator[Paragraph]:
    """Yield what the first of some findings says, with what to do, and how many others there are; nothing of none."""
    if findings:
        first, others = findings[0], len(findings) - 1
        more = f" Also found in {plural(others, 'other place')}." if others else ""
        links = (Link("The findings", finding_anchor(first.rule)),)
        yield Paragraph(capitalized(f"{sentence(first.message)}{more}"), first.severity, links=links)


def whole_sentence(report: FullReport, message: str) -> str:
    """Return a message with a capital letter and a full stop; the name of an input at its start stays as it is."""
    told = sentence(message).removesuffix(".")
    named = (*(one.source for one in report.samples), *(one.source for one in report.errors))
    return f"{told}." if any(map(message.startswith, named)) else f"{capitalized(told)}."


def not_called_odd(report: FullReport, noun: str) -> str:
    """Return the sentence on a report in which no finding calls a volume odd: whether that is a verdict."""
    if ODD not in {rule.code for rule in report.check.rules}:
        return f"The check was told not to look for odd {noun}s (rule odd-volume, {ODD})."
    if ODD in report.silent:
        return f"{capitalized(sentence(report.silent[ODD]))}. Look for one that lies apart from the others."
    return f"The check calls no {noun} odd (rule odd-volume, {ODD})."


@dataclass(frozen=True)
class ToldApart:
    """Volumes that plots show in a colour of their own.

    Attributes:
        places: Their places.
        role: Their colour.
        name: What they are, for a legend.
    """

    places: tuple[int, ...] = ()
    role: Role = "warning"
    name: str = "odd (warning odd-volume)"


def told_apart(report: FullReport, flags: Flags, channel: int) -> ToldApart:
    """Return the volumes that the check calls odd in a channel; if it calls none odd, the one that lies apart."""
    odd = flags.odd(channel)
    if odd:
        return ToldApart(tuple(odd))
    apart = apart_of(report.answers)
    if apart is not None and apart.channel == channel:
        return ToldApart((apart.place,), "note", "lies apart (no finding)")
    return ToldApart()


def odd_or_apart(report: FullReport, names: VolumeNames, flags: Flags) -> list[Paragraph]:
    """Return what is said of odd volumes: those of the check, or that it has none and whether one lies apart."""
    odd = list(_odd_ones(report, names, flags))
    if odd:
        return odd
    remarks = list(lying_apart(report.answers))
    if remarks:
        links = (Link("its numbers", f"volume-{remarks[0].volumes[0]}"),)
        return [Paragraph(remark.text, remark.tone, links=links) for remark in remarks]
    return [Paragraph(not_called_odd(report, names.noun))]


def _odd_ones(report: FullReport, names: VolumeNames, flags: Flags) -> Iterator[Paragraph]:
    """Yield the volumes that the check calls odd, and the channels in which it finds two kinds of them."""
    card = Link("what that means and what to do", finding_anchor(ODD))
    for channels, volumes in flags.odd_together():
        where = printable(channels_title(channels, report.names))
        if len(volumes) == 1:
            text = f"The check calls {names.full[volumes[0]]} odd in {where}: it is far from all other {names.noun}s."
            links = [Link("its numbers", f"volume-{volumes[0]}"), card]
        else:
            more = f", of which {MOST_PLACES} are named here" if len(volumes) > MOST_PLACES else ""
            text = f"The check calls {plural(len(volumes), names.noun)} odd in {where}{more}:"
            links = [*(Link(names.short[one], f"volume-{one}") for one in volumes[:MOST_PLACES]), card]
        yield Paragraph(text, "warning", links=tuple(links))
    many = [channel for channel in flags.channels() if flags.many_odd(channel)]
    if many:
        where = printable(channels_title(many, report.names))
        text = f"In {where}, the check finds a second kind of {names.noun}s, far from the middle of the cohort."
        yield Paragraph(text, "warning", links=(card,))


def channels_title(channels: Sequence[int], names: Sequence[str]) -> str:
    """Return the channels in a sentence, with the name of a single one."""
    return channel_title(channels[0], names) if len(channels) == 1 else numbered("channel", "channels", channels)


def chosen(channels: Sequence[int], wanted: Sequence[int], most: int) -> list[int]:
    """Return the channels to show where there is no place for all: those that are wanted, then the first ones."""
    order = dict.fromkeys([*(one for one in wanted if one in channels), *channels])
    return sorted(list(order)[:most])
