"""The section "Frameworks" of the page: the conventions of each, and what float32 makes of it on these data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.renderers.numbers import UNDEFINED, number, setting
from bnstat.renderers.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Details,
    Paragraph,
    Row,
    Section,
    Table,
    Tone,
)
from bnstat.renderers.report.sections.flagged import what_it_says
from bnstat.renderers.report.words import share
from bnstat.reports.full.frameworks import FrameworkOnData, FrameworksOnData, Outcome
from bnstat.reports.full.full_report import FullReport
from bnstat.text import joined, short

# The rules on the arithmetic of a framework.
_RULES = ("BN301", "BN302", "BN303")
# Frameworks that a sentence names before it counts the rest.
_MOST_NAMES = 4

_TONES: dict[Outcome, Tone] = {
    "accurate": "good",
    "unknown": "plain",
    "may_be_off": "warning",
    "off": "warning",
    "nan_possible": "error",
    "refuses": "error",
}
_WEIGHED = {"old": "old value", "batch": "batch", None: UNDEFINED}
_RUNNING = {
    None: "none is kept",
    "biased": "biased",
    "unbiased": "unbiased",
    "item-unbiased": "unbiased, of each sample",
}


def section(report: FullReport) -> Section | None:
    """Return the section; None without a batch, or for a layer that no framework has."""
    found = report.frameworks
    if found is None:
        return None
    dtype = report.inspected.settings.dtype
    lead = Paragraph(_lead(found), lead=True)
    blocks: tuple[Block, ...] = (
        Paragraph(
            f"Frameworks add the same values in other orders and by other formulas, and {dtype} rounds each result, so "
            "that their variances differ a little, and much where the mean is large beside the standard deviation."
        ),
        *_advice(report, found),
        _table(found, report),
        *_how(found, report),
    )
    if all(one.outcome == "accurate" for one in found.rows):
        blocks = (Details("Show the table", blocks),)
    return Section("frameworks", "Frameworks", (lead, *blocks))


# --- In words -----------------------------------------------------------------------------------------------------


def _lead(found: FrameworksOnData) -> str:
    """Say how the framework in use gets on, and which others do not."""
    used, limit = found.in_use, f"to within {short(100 * found.limit)} %"
    if all(one.outcome == "accurate" for one in found.rows):
        return f"Every framework computes the variance of these data {limit}. Nothing needs to be done."
    if used.outcome == "unknown":
        own = f"What the arithmetic of {used.title} makes of these data is not known."
    elif used.outcome == "accurate":
        own = f"{used.title}, in use here, computes the variance of these data {limit}: nothing needs to be done."
    else:
        own = f"{used.title}, in use here, {_OWN_TROUBLE[used.outcome]}."
    others = {kind: [one for one in found.rows if one.outcome in kind and not one.in_use] for kind in _TROUBLES}
    return " ".join([own, *(f"{_names(rows)} {_TROUBLES[kind]}." for kind, rows in others.items() if rows)])


_TROUBLES: dict[tuple[Outcome, ...], str] = {
    ("may_be_off", "off"): "may compute a wrong variance",
    ("nan_possible",): "may return NaN",
    ("refuses",): "would refuse to train on these batches",
}
_OWN_TROUBLE: dict[Outcome, str] = {
    "may_be_off": "may compute a wrong variance for these data",
    "off": "computes a wrong variance for these data",
    "nan_possible": "may return NaN for these data",
    "refuses": "refuses to train on these batches",
}


def _names(rows: Sequence[FrameworkOnData]) -> str:
    names = [row.title for row in rows]
    if len(names) > _MOST_NAMES + 1:
        names = [*names[:_MOST_NAMES], "others"]
    return joined(names)


def _advice(report: FullReport, found: FrameworksOnData) -> Iterator[Block]:
    """Yield what the findings on the arithmetic in use say, and how to learn more of another framework."""
    own = [one for one in report.findings if one.rule in _RULES]
    yield from what_it_says(sorted(own, key=lambda one: _RULES.index(one.rule)))
    elsewhere = [one for one in found.rows if not one.in_use and _TONES[one.outcome] in ("warning", "error")]
    if elsewhere:
        yield Paragraph("To train with another framework, check the data for it: the findings then say what to do.")
        asked = report.check.settings.layer.normalizer
        normalizer = "" if asked == "batch" else f" --normalizer {asked}"
        yield Code(f"bnstat check PATH --framework {elsewhere[0].name}{normalizer}")


def _how(found: FrameworksOnData, report: FullReport) -> Iterator[Block]:
    """Yield how the last columns were found."""
    said = [
        "The exact variance is that of float64. Except for the framework in use, whose sums are repeated where they "
        "can be, the error is a bound: what rounding may do at worst, worked out from the statistics of the batches, "
        "without a second reading. The true error is smaller, often by much."
    ]
    if not found.every_part:
        said.append(
            f"For the other frameworks, {found.looked_at:,} of {found.parts:,} {_parts(report)} were looked at: for "
            "each channel the batches with the largest mean beside the standard deviation, the smallest variance, the "
            "most values and the largest value, and one in the middle."
        )
    if any(row.name in FRAMEWORKS and FRAMEWORKS[row.name].arithmetic.judged for row in found.rows):
        said.append("Keras without a backend stands for JAX and PyTorch; on TensorFlow it has a row of its own.")
    blocks: tuple[Block, ...] = (
        *(Paragraph(one) for one in said),
        Paragraph("To have the sums of every framework repeated that bnstat can repeat, on the volumes themselves:"),
        Code("bnstat compare --frameworks all PATH"),
    )
    yield Details("How the errors were found", blocks if report.inspected.settings.kind == "batch" else blocks[:-2])


def _parts(report: FullReport) -> str:
    return "channels of batches" if not report.inspected.settings.by_sample else "groups of values"


# --- The table ----------------------------------------------------------------------------------------------------


def _table(found: FrameworksOnData, report: FullReport) -> Table:
    settings = report.inspected.settings
    keeps = any(row.running_variance is not None for row in found.rows)
    running = (
        Column("momentum", numeric=True, hint="in the framework's own convention"),
        Column("it weighs", hint="whether the momentum is the weight of the old running value or of the new batch"),
        Column(
            "running variance",
            hint="which variance of a batch goes into the one for evaluation: the biased one (divided by n) or the "
            "unbiased one (divided by n − 1)",
        ),
    )
    return Table(
        anchor="frameworks-table",
        caption=f"The {settings.layer} of each framework with its defaults, on the batches that were checked.",
        columns=(
            Column("framework"),
            Column(
                f"{settings.dtype} on these data",
                hint=f"the variance that {settings.dtype} may give in the worst channel",
            ),
            Column(
                "off by at most", numeric=True, hint="its variance, as a share of the exact one, in the worst channel"
            ),
            Column("ε", numeric=True),
            *(running if keeps else ()),
            Column("preset", hint="the name for --framework"),
        ),
        rows=tuple(_row(place, one, keeps=keeps) for place, one in enumerate(found.rows)),
        interactive=True,
    )


def _row(place: int, one: FrameworkOnData, *, keeps: bool) -> Row:
    path = ("frameworks", "rows", place)
    running = (
        Cell(setting(one.momentum), one.momentum, (*path, "momentum")),
        Cell(_WEIGHED[one.momentum_weighs]),
        Cell(_RUNNING[one.running_variance]),
    )
    worst = one.worst
    of_constant = worst is None or not worst.variance
    off = (
        Cell(UNDEFINED) if worst is None or of_constant else Cell(share(worst.off), worst.off, (*path, "worst", "off"))
    )
    return Row(
        (
            Cell(one.title + (" (in use here)" if one.in_use else "")),
            Cell(_outcome(one), tone=_TONES[one.outcome]),
            off,
            Cell(setting(one.epsilon), one.epsilon, (*path, "epsilon")),
            *(running if keeps else ()),
            Cell(one.name),
        )
    )


def _outcome(one: FrameworkOnData) -> str:
    """Say in words what the framework makes of the worst channel."""
    worst = one.worst
    if one.outcome == "refuses":
        return f"refuses to train: {one.refusal}"
    if one.outcome == "accurate":
        return "accurate; its sums were repeated" if one.repeated else "accurate"
    if one.outcome == "unknown":
        return "not known"
    if one.outcome == "nan_possible":
        return "the output may be NaN" + (
            f": the variance may go down to {number(worst.low)}" if worst is not None else ""
        )
    if worst is None:
        return "may be any number: values or their squares overflow"
    exact = number(worst.variance) if worst.variance else "0 (a constant)"
    if one.outcome == "off":
        return f"{number(worst.low)}, exact: {exact}"
    return f"{number(worst.low)} to {number(worst.high)}, exact: {exact}"
