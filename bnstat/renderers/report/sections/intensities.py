"""The section "Intensities" of the page: how the values of each channel are distributed, in all volumes and in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bnstat.renderers.report.blocks import Block, Link, Paragraph, Section
from bnstat.renderers.report.sections.flagged import Flags, channels_title, chosen, odd_or_apart, told_apart
from bnstat.renderers.report.sections.histogram_plot import histogram_plot, only_value
from bnstat.reports.full.full_report import FullReport
from bnstat.text import capitalized, channel_title, first_ones, listed, numbered, plural, printable, sentence, short

# Channels that have a plot.
MOST_PLOTS = 6


def section(report: FullReport) -> Section | None:
    """Return the section; None if there are no volumes."""
    if not report.volumes:
        return None
    return Section("intensities", "Intensities", tuple(_blocks(report)))


def _blocks(report: FullReport) -> Iterator[Block]:
    histograms = report.voxels.histograms
    if not histograms:
        missing = report.voxels.missing or "No value is a finite number, so there are no histograms."
        yield Paragraph(f"{capitalized(sentence(missing)).rstrip('.')}.")
        return
    # who is apart from the others, in words
    names, flags = report.volume_names, Flags.of(report)
    if len(report.volumes) == 1:
        yield Paragraph(f"This is how the values of the {names.noun} are distributed.", lead=True)
    else:
        yield from odd_or_apart(report, names, flags)
    # the plots
    place_of = {one.channel: place for place, one in enumerate(histograms)}
    wanted = [*(one.channel for one in histograms if flags.odd(one.channel)), *flags.channels()]
    shown = chosen(list(place_of), wanted, MOST_PLOTS)
    if len(histograms) > len(shown):
        yield Paragraph(
            f"There are {plural(len(histograms), 'channel')}; the plots are those of "
            f"{numbered('channel', 'channels', shown)}. The JSON document (`--format json`) has the histograms of all."
        )
    least_like: dict[int, list[int]] = {}
    first = True
    for channel in shown:
        value = only_value(report, channel)
        if value is not None:
            title = printable(channel_title(channel, report.names))
            yield Paragraph(f"All values of {title} are {short(value)}, so it has no plot.")
            continue
        told = told_apart(report, flags, channel)
        counted = set(histograms[place_of[channel]].counted)
        told = replace(told, places=tuple(one for one in told.places if one in counted))
        different = None if told.places else histograms[place_of[channel]].least_like_all
        yield histogram_plot(report, place_of[channel], names, told, different, explained=first)
        first = False
        away = [one for one in told.places if histograms[place_of[channel]].is_away(one)]
        if away:
            which = first_ones(names.noun if len(away) == 1 else f"{names.noun}s", [names.full[one] for one in away])
            yield Paragraph(f"Most values of {which} lie outside of this plot.", "warning")
        if different is not None:
            least_like.setdefault(different, []).append(channel)
    if least_like:
        named = [
            f"{names.full[one]} in {printable(channels_title(channels, report.names))}"
            for one, channels in least_like.items()
        ]
        yield Paragraph(
            f"The values that are distributed least like those of all {names.noun}s together are those of "
            f"{listed(named)}: a broken line in the plots. No rule judges this.",
            links=tuple(Link(f"the row of {names.short[one]}", f"volume-{one}") for one in least_like),
        )
    # where the counts are from
    yield Paragraph(
        "The counts are from a second pass over the voxels; the first pass gave the statistics of the table."
    )
    for note in report.voxels.notes:
        yield Paragraph(capitalized(sentence(note)).rstrip(".") + ".", "note")
