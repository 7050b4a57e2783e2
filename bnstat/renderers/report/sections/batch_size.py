"""The section "Batch size" of the page: what `compare` found, as plots over the batch size and as a table."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.batch_size.results import CurvePoint
from bnstat.batch_size.settings import Tolerances
from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers.compare_batch_sizes import sentences
from bnstat.renderers.numbers import ratio
from bnstat.renderers.report.blocks import Block, Cell, Column, Details, Link, Paragraph, Row, Section, Table, Tone
from bnstat.renderers.report.plots import Path
from bnstat.renderers.report.sections.batch_size_plots import figures_of, one_group, plots
from bnstat.renderers.report.words import plain, share
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.verdict.answers import Answers
from bnstat.reports.full.verdict.on_batch_size import Standing, sizes_without, standing
from bnstat.text import printable, sentence

# What a row says of its size, and in which tone.
_WORDS: dict[Standing, tuple[str, Tone]] = {
    "enough": ("enough", "good"),
    "perhaps": ("enough by the estimate", "note"),
    "too small": ("too small", "warning"),
    "whole": ("holds all samples", "note"),
    "unknown": ("unknown", "plain"),
}


def section(report: FullReport) -> Section | None:
    """Return the section; None if nothing could be read."""
    if not report.volumes:
        return None
    return Section("batch-size", "Batch size", tuple(_blocks(report)))


def _blocks(report: FullReport) -> Iterator[Block]:
    comparison = report.comparison
    if comparison is None or comparison.recommendation is None:
        why = "nothing could be read" if report.not_compared is None else report.not_compared
        yield Paragraph(f"Batch sizes were not compared: {sentence(why).removesuffix('.')}.", lead=True)
        return
    yield from _said(report, comparison)
    drawn = plots(report, comparison)
    if not drawn:
        return
    yield Paragraph(
        "How to read the plots: the number should be below the dashed line, its limit. A line is computed by a formula "
        "from the volumes. Dots are batches that were drawn from them, as a training draws batches, and check the "
        "formula."
    )
    yield from drawn
    others, named = sizes_without(report.answers), report.answers.left_out_in_short
    table = _sizes(report.answers, comparison, "" if others is None else f", with {named}")
    if others is not None and others.comparison is not None:
        yield _sizes(others, others.comparison, f", without {named}", "compare_without_odd")
        yield Details(f"The numbers with {named}", (table,))
    else:
        yield table
    yield from _groups(comparison)
    yield Paragraph(
        "How much of the variance lies between samples decides these numbers:",
        links=(Link("The variance of each channel", "between-table"),),
    )
    if comparison.forgetting:
        yield Details(
            "How long running statistics remember their start", (Paragraph(sentences.forgetting(comparison)),)
        )


def _said(report: FullReport, comparison: Comparison) -> Iterator[Paragraph]:
    """Yield what `compare` says: first without the volumes that are odd or broken, if it says something else then."""
    named, others = report.answers.left_out_in_short, sizes_without(report.answers)
    without = [] if others is None or others.comparison is None else others.comparison.opening
    for opening, which in ((without, f"Without {named}"), (comparison.opening, f"With {named}" if without else "")):
        for place, one in enumerate(plain(sentence(one), report.volume_names.noun) for one in opening):
            begun = which and not place
            yield Paragraph(f"{which}, {one[:1].lower()}{one[1:]}" if begun else one, lead=not place)
    if report.without_odd is not None and not without:
        yield Paragraph(f"Without {named}, these sizes are the same.")


# --- Tables --------------------------------------------------------------------------------------------------------


def _sizes(answers: Answers, comparison: Comparison, of_which: str, document: str = "compare") -> Table:
    """Return the figures of the channel that needs the largest batch, a row for each size.

    Args:
        answers: the answers, by which a size is enough or not.
        comparison: the figures.
        of_which: which volumes they are of, as the end of a sentence; empty for all.
        document: where the document of the report has the comparison.
    """
    found = comparison.recommendation
    channel = 0 if found is None or found.channel is None else found.channel
    limits = comparison.settings.tolerances
    rows = []
    for point, path in figures_of(comparison, document):
        word, tone = _WORDS[standing(answers, point.batch_size)]
        rows.append(Row((*_figures(point, path, channel, limits), Cell(word, tone=tone))))
    several = len(comparison.population) > 1
    which = (
        f"of {printable(comparison.title_of(channel))}, which needs the largest batch" if several else "at each size"
    )
    return Table(
        "batch-size-table" if document == "compare" else "batch-size-table-without",
        f"The numbers {which}{of_which}.",
        _columns(limits),
        tuple(rows),
    )


def _groups(comparison: Comparison) -> Iterator[Details]:
    """Yield the figures of batches from one group each, as `compare` has them; nothing without groups."""
    points = one_group(figures_of(comparison))
    if not points or comparison.recommendation is None:
        return
    channel = comparison.recommendation.channel or 0
    said = Paragraph(f"{sentence(sentences.grouped(comparison, comparison.population[channel]))}.")
    limits = comparison.settings.tolerances
    rows = tuple(Row(_figures(point, path, channel, limits)) for point, path in points)
    which = f" of {printable(comparison.title_of(channel))}" if len(comparison.population) > 1 else ""
    table = Table(
        "batch-size-table-groups", f"The numbers{which}, with each batch from one group.", _columns(limits)[:-1], rows
    )
    yield Details("If each batch comes from one group", (said, table))


def _figures(point: CurvePoint, path: Path, channel: int, limits: Tolerances) -> tuple[Cell, ...]:
    """Return the size and the figures of a channel at it, as cells."""
    one, own = point.channels[channel], (*path, "channels", channel)
    return (
        Cell(f"{point.batch_size:,}", point.batch_size, (*path, "batch_size")),
        _cell(ratio(one.mean_noise), one.mean_noise, (*own, "mean_noise"), limits.noise),
        _cell(share(one.variance_shortfall), one.variance_shortfall, (*own, "variance_shortfall"), limits.shortfall),
        _cell(ratio(one.train_eval_rms), one.train_eval_rms, (*own, "train_eval_rms"), limits.gap),
    )


def _columns(limits: Tolerances) -> tuple[Column, ...]:
    """Return the columns of a table of figures, with what each measures."""
    return (
        Column("batch size", numeric=True, hint="how many samples are normalized together"),
        Column(
            "noise of the mean",
            numeric=True,
            hint=f"how far the mean of a batch typically is from that of all, in SDs; limit {limits.noise:g}",
        ),
        Column(
            "missing variance",
            numeric=True,
            hint="what the variance of a batch lacks on average of the variance of all values; limit "
            f"{100 * limits.shortfall:g}{NO_BREAK_SPACE}%",
        ),
        Column(
            "train/eval gap",
            numeric=True,
            hint="how far the outputs for one batch are apart in training and after it, where 1 is the SD of the "
            f"output; limit {limits.gap:g}",
        ),
        Column("verdict"),
    )


def _cell(text: str, value: float | None, path: Path, limit: float) -> Cell:
    """Return a figure, marked if it is beyond its limit."""
    tone: Tone = "warning" if value is not None and value > limit else "plain"
    return Cell(text, value, path, tone=tone)
