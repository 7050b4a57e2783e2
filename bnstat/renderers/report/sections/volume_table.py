"""The tables of the volumes: a row for each, or for each of its channels; ranges where there are many channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bnstat.renderers.numbers import UNDEFINED, mean_of, number
from bnstat.renderers.report.blocks import Block, Cell, Column, Paragraph, Row, Table, Tone
from bnstat.renderers.report.sections.flagged import Flags, links_to, rules_of, worst
from bnstat.renderers.report.words import share
from bnstat.reports.finding import Finding
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.reports.full.volumes import ReportedVolume, VolumeChannel
from bnstat.text import by, channel_title, plural, printable

# Channels up to which each has a row of its own, and rows of a table that a browser sorts at once.
_MOST_CHANNELS, MOST_ROWS = 8, 4000
# Rows of the table of channels that findings name.
_MOST_NAMED = 200
_COMPLETE = "The JSON document (`--format json`) has all of them."


@dataclass(frozen=True)
class _Figure:
    """A figure of a channel: its field, its column, and how it is written."""

    field: str
    column: Column
    write: Callable[[VolumeChannel], str]

    def cell(self, volume: ReportedVolume, at: int) -> Cell:
        """Return the figure of a channel of a volume."""
        channel = volume.channels[at]
        return Cell(
            self.write(channel), getattr(channel, self.field), ("volumes", volume.place, "channels", at, self.field)
        )


def _column(title: str, hint: str) -> Column:
    return Column(title, numeric=True, hint=hint)


def _mean(channel: VolumeChannel) -> str:
    return mean_of(channel.mean, None if channel.std is None else channel.std**2)


_FIGURES = (
    _Figure("mean", _column("Mean", "the mean of the values"), _mean),
    _Figure(
        "std",
        _column("SD", "the standard deviation: how far values typically lie from their mean"),
        lambda channel: number(channel.std),
    ),
    _Figure("minimum", _column("Min", "the least value"), lambda channel: number(channel.minimum)),
    _Figure("maximum", _column("Max", "the greatest value"), lambda channel: number(channel.maximum)),
    _Figure(
        "zeros",
        _column("Zeros", "the share of values that are exactly 0"),
        lambda channel: share(channel.zeros),
    ),
    _Figure("nan", _column("NaN", "the number of values that are not a number"), lambda channel: f"{channel.nan:,}"),
    _Figure("inf", _column("Inf", "the number of infinite values"), lambda channel: f"{channel.inf:,}"),
)
_FLAGS = Column("Findings", hint="the rules that found something here, each with a link to what it means")


@dataclass(frozen=True)
class _Shown:
    """What the tables show.

    Attributes:
        volumes: The volumes, in order.
        names: The names of all volumes of the report.
        flags: The findings about them.
        channel_names: The names of the channels; empty if they have none.
        grouped: True if volumes are in groups.
        patched: True if volumes are shown by several samples.
    """

    volumes: Sequence[ReportedVolume]
    names: VolumeNames
    flags: Flags
    channel_names: tuple[str, ...]
    grouped: bool
    patched: bool


def tables(report: FullReport, names: VolumeNames, flags: Flags) -> Iterator[Block]:
    """Yield the tables of the volumes, and what they leave out."""
    if names.folder:
        yield Paragraph(f"{'All files are' if len(report.volumes) > 1 else 'The file is'} in the folder {names.folder}")
    volumes = _first(report.volumes, flags)
    shown = _Shown(
        volumes=volumes,
        names=names,
        flags=flags,
        channel_names=report.names,
        grouped=any(volume.group is not None for volume in volumes),
        patched=any(volume.samples > 1 for volume in volumes),
    )
    if len(volumes) < len(report.volumes):
        yield Paragraph(
            f"The table has {len(volumes):,} of {len(report.volumes):,} {names.noun}s: those with findings, then the "
            f"first ones. {_COMPLETE}"
        )
    rows = sum(len(volume.channels) for volume in volumes)
    if report.channels <= _MOST_CHANNELS and rows <= MOST_ROWS:
        yield _of_channels(shown, several=report.channels > 1)
    else:
        yield from _of_ranges(shown, report.channels)


def _first(volumes: Sequence[ReportedVolume], flags: Flags) -> Sequence[ReportedVolume]:
    """Return the volumes of the table, in order: all, or those with findings and the first ones."""
    if len(volumes) <= MOST_ROWS:
        return volumes
    first = sorted(volumes, key=lambda one: not flags.about(one.place))[:MOST_ROWS]
    return sorted(first, key=lambda one: one.place)


# --- A row for each channel --------------------------------------------------------------------------------------


def _of_channels(shown: _Shown, *, several: bool) -> Table:
    """Return a table with a row for each volume and channel."""
    figures, names = _figures(shown.volumes), shown.names
    hint = "the channel of the values"
    if len(shown.volumes) > 1:
        hint += f"; in the filter, “{_channel(shown, shown.volumes[0], 0)}” keeps the rows of one"
    columns = (
        *_head_columns(shown),
        *((Column("Channel", hint=hint),) if several else ()),
        *(figure.column for figure in figures),
        _FLAGS,
    )
    rows = []
    for volume in shown.volumes:
        head = _head(shown, volume)
        for at in range(max(len(volume.channels), 1)):
            channel = (Cell(_channel(shown, volume, at)),) if several else ()
            cells = [figure.cell(volume, at) if volume.channels else Cell(UNDEFINED) for figure in figures]
            flag = _flag(shown.flags.about(volume.place, at if several else None))
            rows.append(Row((*head, *channel, *cells, flag), f"volume-{volume.place}" if at == 0 else None))
    each = f"each channel of each {names.noun}" if several else f"each {names.noun}"
    return Table("volumes-table", f"The statistics of {each}.", columns, tuple(rows), interactive=True)


def _figures(volumes: Sequence[ReportedVolume]) -> list[_Figure]:
    """Return the figures to show: zeros if they are known, NaN and Inf if there are any."""
    channels = [channel for volume in volumes for channel in volume.channels]
    told = {
        "zeros": any(channel.zeros is not None for channel in channels),
        "nan": any(channel.nan for channel in channels),
        "inf": any(channel.inf for channel in channels),
    }
    return [figure for figure in _FIGURES if told.get(figure.field, True)]


def _head_columns(shown: _Shown) -> tuple[Column, ...]:
    noun = shown.names.noun.capitalize()
    return (
        Column(noun, hint="the name of the file, with its entry in brackets if it has several"),
        *((Column("Group", hint="the group that it belongs to, as a site"),) if shown.grouped else ()),
        Column("Shape", hint="the size of the file's array, axis by axis"),
        Column("Type", hint="the type in which the file stores its values"),
        *((_column("Patches", "the number of patches that were drawn from it"),) if shown.patched else ()),
    )


def _head(shown: _Shown, volume: ReportedVolume) -> tuple[Cell, ...]:
    """Return the cells of `_head_columns`."""
    place = ("volumes", volume.place, "samples")
    return (
        Cell(shown.names.full[volume.place]),
        *((Cell(printable(volume.group or UNDEFINED)),) if shown.grouped else ()),
        Cell(by(volume.sample.shape)),
        Cell(printable(volume.sample.dtype)),
        *((Cell(f"{volume.samples:,}", volume.samples, place),) if shown.patched else ()),
    )


def _channel(shown: _Shown, volume: ReportedVolume, channel: int) -> str:
    """Return the name of a channel, also where volumes differ in the names of their channels."""
    names = shown.channel_names or volume.sample.channels
    return printable(channel_title(channel, names if channel < len(names) else ()))


def _flag(findings: Sequence[Finding]) -> Cell:
    """Return the cell that names the rules of findings."""
    rules = rules_of(findings)
    tone: Tone = worst(rules) or "plain"
    links = links_to(rules)
    if len(links) == 1:
        return Cell(links[0].text, anchor=links[0].anchor, tone=tone)
    return Cell("", tone=tone, links=links)


# --- Ranges over many channels -----------------------------------------------------------------------------------


def _of_ranges(shown: _Shown, channels: int) -> Iterator[Block]:
    """Yield a table with the ranges over the channels of each volume, and one of the channels that findings name."""
    names = shown.names
    yield Paragraph(
        f"There are {plural(channels, 'channel')}, so this table has the ranges over the channels of each "
        f"{names.noun}. {_COMPLETE}"
    )
    figures = [
        (figure, pick, word)
        for figure in _figures(shown.volumes)
        for pick, word in _ENDS
        if (figure.field, word) not in (("minimum", "greatest"), ("maximum", "least"))
    ]
    columns = (
        *_head_columns(shown),
        Column("Channels", hint="the number of its channels"),
        *(
            _column(f"{figure.column.title}, {word}", f"{figure.column.hint}: the {word} of its channels")
            for figure, _, word in figures
        ),
        _FLAGS,
    )
    rows = tuple(
        Row(
            (
                *_head(shown, volume),
                Cell(f"{len(volume.channels):,}"),
                *(_end(figure, volume, pick) for figure, pick, _ in figures),
                _flag(shown.flags.about(volume.place)),
            ),
            f"volume-{volume.place}",
        )
        for volume in shown.volumes
    )
    yield Table("volumes-table", f"Ranges over the channels of each {names.noun}.", columns, rows, interactive=True)
    yield from _named(shown)


_ENDS: tuple[tuple[Callable[[Sequence[float]], float], str], ...] = ((min, "least"), (max, "greatest"))


def _end(figure: _Figure, volume: ReportedVolume, pick: Callable[[Sequence[float]], float]) -> Cell:
    """Return the least or greatest of a figure over the channels of a volume."""
    known = {
        at: value for at, channel in enumerate(volume.channels) if (value := getattr(channel, figure.field)) is not None
    }
    if not known:
        return Cell(UNDEFINED)
    end = pick(list(known.values()))
    return figure.cell(volume, next(at for at, value in known.items() if value == end))


def _named(shown: _Shown) -> Iterator[Block]:
    """Yield the channels of volumes that findings name, as far as a table has place for them."""
    figures, names = _figures(shown.volumes), shown.names
    named = [
        (volume, at, found)
        for volume in shown.volumes
        for at in range(len(volume.channels))
        if (found := [one for one in shown.flags.about(volume.place) if one.channel == at])
    ]
    if not named:
        return
    if len(named) > _MOST_NAMED:
        yield Paragraph(
            f"Findings name {len(named):,} channels of {names.noun}s, of which the next table has the first "
            f"{_MOST_NAMED}. {_COMPLETE}"
        )
    columns = (
        Column(names.noun.capitalize()),
        Column("Channel"),
        *(figure.column for figure in figures),
        _FLAGS,
    )
    rows = tuple(
        Row(
            (
                Cell(names.full[volume.place], anchor=f"volume-{volume.place}"),
                Cell(_channel(shown, volume, at)),
                *(figure.cell(volume, at) for figure in figures),
                _flag(found),
            )
        )
        for volume, at, found in named[:_MOST_NAMED]
    )
    yield Table("named-channels", "The channels that findings name.", columns, rows, interactive=True)
