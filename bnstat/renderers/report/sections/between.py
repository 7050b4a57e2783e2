"""The section "Between volumes" of the page: how far the means of volumes lie from each other."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.batch_size.results import PopulationChannel
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers.numbers import UNDEFINED, number
from bnstat.renderers.report.blocks import Block, Cell, Column, Link, Paragraph, Row, Section, Table
from bnstat.renderers.report.sections.flagged import (
    Flags,
    chosen,
    finding_anchor,
    odd_or_apart,
    rules_of,
    told_apart,
)
from bnstat.renderers.report.sections.means_plot import means_plot
from bnstat.renderers.report.words import share
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.left_out import ODD
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import capitalized, numbered, plural, printable, sentence, short

# Channels that have a plot.
MOST_PLOTS = 6
# Rules on what differences between volumes do to batches, whose findings say what to do.
_ADVICE = ("BN202", "BN203", "BN204", ODD)
# From which part of the variance between volumes a sentence says how much lies between groups.
_NEARLY_ALL, _MOST, _SOME = 0.9, 0.5, 0.1
# Rows from which on a table can be sorted and filtered.
_MANY_ROWS = 8


def section(report: FullReport) -> Section | None:
    """Return the section; None if there are no volumes."""
    if not report.volumes:
        return None
    names = report.volume_names
    return Section("between-volumes", f"Between {names.noun}s", tuple(_blocks(report, names)))


def _blocks(report: FullReport, names: VolumeNames) -> Iterator[Block]:
    comparison = report.comparison
    if len(report.volumes) < 2:
        yield Paragraph(
            f"One {names.noun} cannot show how {names.noun}s differ. Give several to see what a batch of few does to "
            "the statistics.",
            lead=True,
        )
        if comparison is not None and len(report.samples) > 1:
            yield _table(report, comparison, names)
        return
    # how much lies between volumes, and what that does
    flags = Flags.of(report)
    if comparison is None:
        why = sentence(report.not_compared or "nothing could be read").removesuffix(".")
        yield Paragraph(f"How much of the variance lies between {names.noun}s is not known: {why}.", lead=True)
    else:
        yield from _split(report, comparison, names)
    # the odd ones
    yield from odd_or_apart(report, names, flags)
    # the plots
    wanted = [*(one for one in range(report.channels) if flags.odd(one)), *_most_between(comparison)]
    shown = chosen(range(report.channels), wanted, MOST_PLOTS)
    if len(shown) < report.channels:
        yield Paragraph(
            f"There are {plural(report.channels, 'channel')}; the plots are those of "
            f"{numbered('channel', 'channels', shown)}: those with odd {names.noun}s, and those whose means differ "
            "most. The JSON document (`--format json`) has all of them."
        )
    first = True
    for channel in shown:
        plot = means_plot(report, channel, names, told_apart(report, flags, channel), explained=first)
        if plot is not None:
            yield plot
            first = False
    if comparison is not None:
        yield _table(report, comparison, names)


def _most_between(comparison: Comparison | None) -> list[int]:
    """Return the channels by the share of their variance that lies between samples, the greatest first."""
    known = [] if comparison is None else [one for one in comparison.population if one.rho is not None]
    return [one.channel for one in sorted(known, key=lambda one: -(one.rho or 0.0))]


# --- Sentences ---------------------------------------------------------------------------------------------------


def _split(report: FullReport, comparison: Comparison, names: VolumeNames) -> Iterator[Paragraph]:
    """Yield how much of the variance lies between volumes, what that does to a batch, and how much groups explain."""
    whole, others = comparison, report.without_odd
    comparison = others or whole
    order = _most_between(comparison)
    if not order:
        yield Paragraph(
            f"How much {names.noun}s differ is not known: no channel has two that can be compared.", lead=True
        )
        return
    first = next(one for one in comparison.population if one.channel == order[0])
    title, units = printable(comparison.title_of(first.channel)), _units(comparison, names)
    left_out = "" if others is None else report.answers.left_out_in_short
    share_of = (
        f"{share(first.rho)} of the variance lies between {units}: that is how far apart their means are. The rest "
        "lies inside each of them."
    )
    with_it = next((one.rho for one in whole.population if one.channel == first.channel), None)
    if left_out and with_it is not None:
        share_of = f"without {left_out}, {share_of} With {left_out}, {share(with_it)} lies between them."
    where = f"{capitalized(units)} differ most in {title}: there, " if len(order) > 1 else ""
    yield Paragraph(f"{where}{share_of if where else capitalized(share_of)}", lead=True)
    yield from _in_a_batch(comparison, first, left_out)
    yield from _between_groups(comparison, first, title, left_out)
    links = tuple(
        Link(one.name, finding_anchor(one.rule))
        for one in rules_of(one for one in report.findings if one.rule in _ADVICE)
    )
    if links:
        yield Paragraph("The findings say what to do about it:", links=links)


def _units(comparison: Comparison, names: VolumeNames) -> str:
    return f"{names.noun}s" if comparison.volumes is None else "patches"


def _in_a_batch(comparison: Comparison, of: PopulationChannel, left_out: str) -> Iterator[Paragraph]:
    """Yield what the differences do to the smallest batch that was compared."""
    if not comparison.batch_sizes:
        return
    point = comparison.batch_sizes[0]
    channel = next((one for one in point.channels if one.channel == of.channel), None)
    if channel is None or channel.mean_noise is None or channel.variance_shortfall is None:
        return
    inside = "none" if point.batch_size == 1 else "only a part"
    which = f" (without {left_out})" if left_out else ""
    yield Paragraph(
        f"A batch of {point.batch_size}{which} has {inside} of the differences between them. Its mean is off by "
        f"{short(channel.mean_noise, 3)}{NO_BREAK_SPACE}SD (standard deviations of all values), and its variance is "
        f"{share(channel.variance_shortfall)} too low on average.",
        links=(Link("What other batch sizes do", "batch-size"),),
    )


def _between_groups(comparison: Comparison, of: PopulationChannel, title: str, left_out: str) -> Iterator[Paragraph]:
    """Yield how much of the variance between volumes lies between groups."""
    if of.between_groups is None or not of.between:
        return
    part = of.between_groups / of.between
    how = (
        "Nearly all of it"
        if part >= _NEARLY_ALL
        else "Most of it"
        if part > _MOST
        else "A part of it"
        if part > _SOME
        else "Next to nothing of it"
    )
    groups = plural(len(comparison.groups), "group")
    which = f", without {left_out}" if left_out else ""
    yield Paragraph(
        f"{how} lies between the {groups}: {number(of.between_groups)} of {number(of.between)} (the variance of means "
        f"in {title}{which}). The more lies between groups, the more the statistics of a batch depend on "
        "which groups it has."
    )


# --- The table ---------------------------------------------------------------------------------------------------

_FIELDS = (
    ("mean", "Mean", "the mean of the means of all {units}"),
    ("within", "Variance inside", "the mean of the variances of the {units}"),
    ("between", "Variance between", "the variance of the means of the {units}"),
    ("rho", "Share between (ρ)", "the variance between {units} as a share of both together"),
    ("between_groups", "Between groups", "the part of the variance between {units} that lies between groups"),
    ("between_volumes", "Between volumes", "the variance between volumes of the mean of their patches"),
    ("between_patches", "Between patches", "the variance of the means of patches inside a volume"),
)
# Columns that are there only if a channel has something in them.
_SOMETIMES = ("between_groups", "between_volumes", "between_patches")


def _table(report: FullReport, comparison: Comparison, names: VolumeNames) -> Table:
    """Return how the variance of each channel splits, and the share between volumes without those that are left out."""
    others, left_out = report.without_odd, report.answers.left_out_in_short
    units = _units(comparison, names)
    fields = [
        (field, Column(title, numeric=True, hint=hint.format(units=units)))
        for field, title, hint in _FIELDS
        if field not in _SOMETIMES or any(getattr(one, field) is not None for one in comparison.population)
    ]
    rows = []
    for place, one in enumerate(comparison.population):
        cells = [_cell(getattr(one, field), place, field) for field, _ in fields]
        if others is not None:
            cells.append(_share_without(others, one.channel))
        rows.append(Row((Cell(printable(comparison.title_of(one.channel))), *cells)))
    further: tuple[Column, ...] = ()
    if others is not None:
        hint = f"the share between {units} without {left_out}, which all other columns count in"
        further = (Column("Share between, without", numeric=True, hint=hint),)
    which = f", with {left_out}" if others is not None else ""
    kind = "a larger set, of which these are a sample" if comparison.settings.population == "infinite" else "this set"
    return Table(
        "between-table",
        f"How the variance of each channel splits, for {kind}{which}; variances are in squared units of the values.",
        (Column("Channel"), *(column for _, column in fields), *further),
        tuple(rows),
        interactive=len(rows) > _MANY_ROWS,
    )


def _cell(value: float | None, place: int, field: str) -> Cell:
    write = share if field == "rho" else number
    text = UNDEFINED if value is None else write(value)
    return Cell(text, value, ("compare", "population", "channels", place, field))


def _share_without(others: Comparison, channel: int) -> Cell:
    """Return the share between volumes without those that are left out."""
    place, found = next((at, one) for at, one in enumerate(others.population) if one.channel == channel)
    path = ("compare_without_odd", "population", "channels", place, "rho")
    return Cell(share(found.rho), found.rho, path)
