"""The section "Verdict" of the page: the answer first, then what to do, and why."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.renderers.report.blocks import Block, Heading, Items, Link, Paragraph, Section, Tone
from bnstat.renderers.report.sections.flagged import finding_anchor
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.verdict.answers import Remark
from bnstat.reports.full.verdict.on_batch_size import Standing
from bnstat.reports.full.volume_names import VolumeNames

# The volumes of one remark that it links to.
_MOST_LINKED = 5
_TONES: dict[Standing, Tone] = {
    "enough": "good",
    "perhaps": "note",
    "too small": "warning",
    "whole": "note",
    "unknown": "plain",
}


def section(report: FullReport) -> Section | None:
    """Return the section; None if no input was given."""
    if not report.volumes and not report.errors:
        return None
    found, names = report.verdict, report.volume_names
    labels = report.answers.labels.everywhere
    tone: Tone = "error" if labels or not report.volumes else _TONES[found.standing]
    if report.check.settings.layer.by_sample and report.volumes and not labels:
        tone = "good"
    blocks: list[Block] = []
    for place, remark in enumerate(found.answer):
        blocks.append(Paragraph(remark.text, "plain" if place else tone, lead=not place))
    if _has_figures(report):
        blocks[-1] = _linked(blocks[-1], Link("Numbers at each size", "batch-size"))
    if found.data:
        blocks.append(Heading("Is a volume or a channel broken?"))
        blocks += [_of_data(remark, names) for remark in found.data]
    for heading, texts, ordered in (("What to do", found.steps, True), ("Why", found.why, False)):
        if texts:
            blocks += [Heading(heading), *([Items(texts, ordered=True)] if ordered else map(Paragraph, texts))]
    for heading, texts in (("What was read", found.read), ("What this page cannot say", found.beyond)):
        blocks += [Heading(heading), Items(texts)] if texts else []
    return Section("verdict", "Verdict", tuple(blocks))


def _has_figures(report: FullReport) -> bool:
    """Return True if the section on the batch size has figures to look at."""
    points = () if report.comparison is None else report.comparison.batch_sizes
    return bool(report.volumes) and any(one.mean_noise is not None for point in points for one in point.channels)


def _linked(block: Block, link: Link) -> Block:
    """Return a paragraph with one more link; another block as it is."""
    if not isinstance(block, Paragraph):
        return block
    return Paragraph(block.text, block.tone, block.lead, (*block.links, link))


def _of_data(remark: Remark, names: VolumeNames) -> Paragraph:
    """Return what is said of volumes, with links to their rows and to the finding."""
    return Paragraph(remark.text, remark.tone, links=tuple(_links(remark, names)))


def _links(remark: Remark, names: VolumeNames) -> Iterator[Link]:
    for place in remark.volumes[:_MOST_LINKED]:
        yield Link(names.short[place], f"volume-{place}")
    if remark.rule is not None:
        yield Link("What it means and what to do", finding_anchor(remark.rule))
