"""The section "Epsilon" of the page: what ε does to the output, and at which ε of which framework."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.renderers.numbers import number, setting
from bnstat.renderers.report.blocks import Block, Cell, Column, Details, Paragraph, Row, Section, Table, Tone
from bnstat.renderers.report.plots import SERIES, Area, Axis, Line, Mark, Plot, Role, Rule
from bnstat.renderers.report.sections.flagged import what_it_says
from bnstat.renderers.report.words import share
from bnstat.reports.finding import Finding
from bnstat.reports.full.epsilon import EpsilonCurve, EpsilonDefault, Epsilons
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.verdict import on_epsilon
from bnstat.text import capitalized, joined, sentence, short

# The rules on ε, the gravest first, with the sign that puts their worst finding first: of a variance below ε the
# smallest, and of a share the largest.
_RULES = {"BN108": 1.0, "BN102": 1.0, "BN103": -1.0}


def section(report: FullReport) -> Section | None:
    """Return the section; None if there is no batch."""
    found, said = report.epsilons, on_epsilon(report.inspected, report.check.settings.limits.epsilon_share)
    if said is None:
        return None
    harmless = found is not None and any(one.in_use and one.matters is False for one in found.defaults)
    settled = harmless and not _found(report)
    lead = Paragraph(sentence(f"{said} Nothing needs to be done about ε." if settled else said), lead=True)
    blocks: list[Block] = [Paragraph(_what_it_is(report)), *what_it_says(_found(report))]
    if found is not None:
        blocks += _constant(found, report)
        if found.curves:
            blocks += [_plot(found), _table(found, report)]
    if settled:
        blocks = [Details("Show the plot and the table", tuple(blocks))]
    return Section("epsilon", "Epsilon", (lead, *blocks))


def _found(report: FullReport) -> list[Finding]:
    """Return the findings on ε, the worst first."""
    found = [finding for finding in report.findings if finding.rule in _RULES]
    order = list(_RULES)
    return sorted(found, key=lambda one: (order.index(one.rule), _RULES[one.rule] * (one.value or 0.0)))


def _what_it_is(report: FullReport) -> str:
    divisor = "mean square" if report.inspected.settings.kind == "rms" else "variance"
    return (
        f"ε (epsilon) is a small constant that the layer adds to the {divisor} before it divides by its square root, "
        f"so that it never divides by zero. Because of it the output has the {divisor} v/(v + ε) and not 1, where v is "
        f"the {divisor} of the values."
    )


def _constant(found: Epsilons, report: FullReport) -> Iterator[Block]:
    """Yield what becomes of channels that ε decides alone, and of those of which nothing is known."""
    settings = report.inspected.settings
    of = _parts(report)
    if found.zero and settings.added and not settings.epsilon_refusal:
        becomes = "the output is the constant β (the layer's learned bias, 0 at first), whatever ε is."
        if found.zero == found.parts:
            yield Paragraph(capitalized(becomes))
        else:
            where = f"{found.zero:,} of {found.parts:,} {of}"
            yield Paragraph(f"The {found.divisor} is 0 in {where}. There the layer divides by √ε alone, and {becomes}")
    if found.unknown:
        where = of if found.parts == 1 else f"{found.unknown:,} of {found.parts:,} {of}"
        yield Paragraph(
            f"The {found.divisor} is unknown in {where}, as with NaN or infinite values; no ε changes that, and they "
            "are left out here."
        )


def _parts(report: FullReport) -> str:
    """Name what has a variance of its own, in the plural if there are several."""
    settings, several = report.inspected.settings, sum(len(batch.parts) for batch in report.inspected.batches) > 1
    batches = len(report.inspected.batches) > 1
    if not settings.by_sample:
        return ("channels of batches" if batches else "channels") if several else "the only channel"
    words = {"instance": ("channels of samples", "the only channel"), "group": ("groups of channels", "the only group")}
    return words.get(settings.kind, ("samples", "the only sample"))[not several]


# --- The plot -----------------------------------------------------------------------------------------------------


def _plot(found: Epsilons) -> Plot:
    """Return the output variance over ε, with the default of each framework."""
    many = any(one.kind == "greatest" for one in found.curves)
    curves = list(enumerate(found.curves))
    marks: list[Mark] = [_rule(place, one) for place, one in enumerate(found.defaults) if one.epsilon > 0]
    if many:
        least, most = (next(one for one in found.curves if one.kind == kind) for kind in ("least", "greatest"))
        marks.append(Area("all channels", _points(found, least), _points(found, most), "accent"))
    titles = list(dict.fromkeys(one.title for one in found.curves))
    roles: dict[str, Role] = {title: "accent" if len(titles) == 1 else SERIES[at] for at, title in enumerate(titles)}
    marks += [_line(place, one, found, roles[one.title], many=many) for place, one in curves if one.kind != "greatest"]
    which = "of all channels" if many else "of each channel" if len(titles) > 1 else f"of {titles[0]}"
    kinds = f"the smallest {found.divisor}, and as a thin line for the median one,"
    drawn = kinds if any(one.kind == "median" for one in found.curves) else f"the {found.divisor}"
    return Plot(
        anchor="epsilon-plot",
        title=f"Output {found.divisor} for each ε",
        description=f"The output {found.divisor} falls from 1 to 0 as ε grows beyond the {found.divisor} of the "
        f"values. {_said(found)}",
        caption=f"Each line is v/(v + ε) for {drawn} {which}. A vertical line is an ε that is the default of the "
        "frameworks beside it; where it crosses the lines at 1, this ε does not matter.",
        x=Axis("ε (epsilon)", "log", low=found.epsilons[0], high=found.epsilons[-1]),
        y=Axis(f"output {found.divisor}", low=0.0, high=1.0),
        marks=tuple(marks),
    )


def _points(found: Epsilons, curve: EpsilonCurve) -> tuple[tuple[float, float], ...]:
    return tuple(zip(found.epsilons, curve.outputs, strict=True))


def _line(place: int, curve: EpsilonCurve, found: Epsilons, role: Role, *, many: bool) -> Line:
    name = f"{curve.title}, {_kind(curve)}" if many or curve.kind != "least" else curve.title
    return Line(
        name=name,
        points=_points(found, curve),
        role=role,
        title=f"{curve.title}: {_kind(curve)} {found.divisor} {number(curve.variance)}",
        thin=curve.kind == "median",
        paths=tuple(("epsilon", "curves", place, "outputs", at) for at in range(len(found.epsilons))),
    )


def _kind(curve: EpsilonCurve) -> str:
    return "smallest" if curve.kind == "least" else curve.kind


def _rule(place: int, one: EpsilonDefault) -> Rule:
    """Return the line of an ε, named by the frameworks that have it."""
    named = ", ".join(one.frameworks) or "ε in use"
    used = " (in use)" if one.in_use and one.frameworks else ""
    return Rule(
        "x",
        one.epsilon,
        f"{named}{used}",
        "accent" if one.in_use else "muted",
        path=("epsilon", "defaults", place, "epsilon"),
    )


def _said(found: Epsilons) -> str:
    """Say what each ε does to the worst channel, in a sentence for a reader who does not see the plot."""
    told = [
        f"{number(one.output)} at ε = {setting(one.epsilon)} ({joined(one.frameworks) if one.frameworks else 'in use'})"
        for one in found.defaults
        if one.output is not None
    ]
    return f"For the smallest {found.divisor} it is {joined(told)}." if told else ""


# --- The table ----------------------------------------------------------------------------------------------------


def _table(found: Epsilons, report: FullReport) -> Table:
    """Return what each ε does to the channel in which it takes most."""
    worst = found.worst
    where = "" if worst is None else f": {number(worst.variance)}, in {_where(worst, report)}"
    return Table(
        anchor="epsilon-table",
        caption=f"What each ε does to the smallest {found.divisor} that is not 0{where}. ε matters if its share is "
        f"over {short(100 * found.limit)} %.",
        columns=(
            Column("ε", numeric=True),
            Column("default of"),
            Column(f"output {found.divisor}", numeric=True, hint=f"v/(v + ε), with the {found.divisor} v"),
            Column("share of ε", numeric=True, hint="ε/(v + ε)"),
            Column("does it matter?"),
        ),
        rows=tuple(_row(place, one) for place, one in enumerate(found.defaults)),
    )


def _where(worst: EpsilonCurve, report: FullReport) -> str:
    if worst.batch is None or worst.part is None:
        return worst.title
    batch = report.inspected.batches[worst.batch]
    part = batch.parts[worst.part]
    several = len(report.inspected.batches) > 1 and not report.inspected.settings.by_sample
    size = report.inspected.settings.batch_size
    each = f"the batches of {size:,} that were checked" if size > 1 else "the volumes that were checked one by one"
    return sentence(part.title) + (f" of batch {batch.index}, among {each}" if several else "")


def _row(place: int, one: EpsilonDefault) -> Row:
    path = ("epsilon", "defaults", place)
    names = ", ".join(one.frameworks) or "no framework"
    matters = {None: "unknown", True: "yes", False: "no"}[one.matters]
    tone: Tone = "warning" if one.matters else "good" if one.matters is False else "plain"
    return Row(
        (
            Cell(setting(one.epsilon), one.epsilon, (*path, "epsilon")),
            Cell(f"{names} (in use here)" if one.in_use else names),
            Cell(number(one.output), one.output, (*path, "output")),
            Cell(share(one.share), one.share, (*path, "share")),
            Cell(matters, tone=tone),
        )
    )
