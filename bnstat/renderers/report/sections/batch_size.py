"""The section "Batch size" of the page: what `compare` found, as plots over the batch size and as a table."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.renderers.compare_batch_sizes import sentences
from bnstat.renderers.numbers import ratio, share
from bnstat.renderers.report.blocks import Block, Cell, Column, Details, Paragraph, Row, Section, Table, Tone
from bnstat.renderers.report.plots import Path
from bnstat.renderers.report.sections.batch_size_plots import figures_of, plots
from bnstat.reports.compare_batch_sizes import Comparison
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.on_batch_size import Standing, standing
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
    headline, *rest = comparison.opening
    yield Paragraph(sentence(headline), lead=True)
    for one in rest:
        yield Paragraph(sentence(one))
    drawn = plots(report, comparison)
    if not drawn:
        return
    yield Paragraph(
        "How to read the plots: a figure should be below the dashed line, its limit. A line is computed by a formula "
        "from the volumes. Dots are batches that were drawn from them, as a training draws batches, and check the "
        "formula."
    )
    yield from drawn
    yield _sizes(report, comparison)
    yield _population(comparison)
    if comparison.forgetting:
        yield Details(
            "How long running statistics remember their start", (Paragraph(sentences.forgetting(comparison)),)
        )


# --- Tables --------------------------------------------------------------------------------------------------------


def _sizes(report: FullReport, comparison: Comparison) -> Table:
    """Return the figures of the channel that needs the largest batch, a row for each size."""
    found = comparison.recommendation
    channel = 0 if found is None or found.channel is None else found.channel
    limits = comparison.settings.tolerances
    rows = []
    for point, path in figures_of(comparison):
        one, own = point.channels[channel], (*path, "channels", channel)
        word, tone = _WORDS[standing(report.answers, point.batch_size)]
        rows.append(
            Row(
                (
                    Cell(f"{point.batch_size:,}", point.batch_size, (*path, "batch_size")),
                    _cell(ratio(one.mean_noise), one.mean_noise, (*own, "mean_noise"), limits.noise),
                    _cell(
                        share(one.variance_shortfall),
                        one.variance_shortfall,
                        (*own, "variance_shortfall"),
                        limits.shortfall,
                    ),
                    _cell(ratio(one.train_eval_rms), one.train_eval_rms, (*own, "train_eval_rms"), limits.gap),
                    Cell(word, tone=tone),
                )
            )
        )
    several = len(comparison.population) > 1
    which = (
        f"of {printable(comparison.title_of(channel))}, which needs the largest batch" if several else "at each size"
    )
    return Table(
        "batch-size-table",
        f"The figures {which}.",
        (
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
                f"{100 * limits.shortfall:g}%",
            ),
            Column(
                "train/eval gap",
                numeric=True,
                hint="how far the outputs for one batch are apart in training and after it, where 1 is the SD of the "
                f"output; limit {limits.gap:g}",
            ),
            Column("verdict"),
        ),
        tuple(rows),
    )


def _cell(text: str, value: float | None, path: Path, limit: float) -> Cell:
    """Return a figure, marked if it is beyond its limit."""
    tone: Tone = "warning" if value is not None and value > limit else "plain"
    return Cell(text, value, path, tone=tone)


def _population(comparison: Comparison) -> Block:
    """Return how the variance of each channel splits, folded away where there are many channels."""
    columns = (
        Column("channel"),
        Column("mean", numeric=True),
        Column("variance within", numeric=True, hint="the variance of the values of one sample, averaged over samples"),
        Column("variance between", numeric=True, hint="the variance of the means of samples"),
        Column("ρ", numeric=True, hint="the share of the variance that is between samples; small batches miss it"),
    )
    rows = []
    for place, one in enumerate(comparison.population):
        path: Path = ("compare", "population", "channels", place)
        figures = ((one.mean, "mean"), (one.within, "within"), (one.between, "between"), (one.rho, "rho"))
        cells = [Cell(ratio(value), value, (*path, name)) for value, name in figures]
        rows.append(Row((Cell(printable(comparison.title_of(one.channel))), *cells)))
    table = Table(
        "batch-size-population", "How the variance of each channel splits.", columns, tuple(rows), len(rows) > 4
    )
    return Details("How much samples differ, channel by channel", (table,))
