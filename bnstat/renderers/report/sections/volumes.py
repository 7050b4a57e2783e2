"""The section "Volumes" of the page: the statistics of each volume, and slices to look at."""

from __future__ import annotations

from collections.abc import Iterator

from bnstat.reading.voxels.results import Slices
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.report.blocks import Block, Details, Paragraph, Picture, Pictures, Section
from bnstat.renderers.report.sections.flagged import Flags, rules_of
from bnstat.renderers.report.sections.unread import unread
from bnstat.renderers.report.sections.volume_table import tables
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import capitalized, channel_title, joined, plural, printable, sentence, short

# Volumes whose slices are seen at once; those of the others are folded away.
_MOST_SEEN = 6


def section(report: FullReport) -> Section | None:
    """Return the section; None if no input was given."""
    if not report.volumes and not report.errors:
        return None
    names, flags = report.volume_names, Flags.of(report)
    blocks: list[Block] = [*_opening(report, names, flags), *unread(report.errors)]
    if report.volumes:
        blocks += [*tables(report, names, flags), *_slices(report, names, flags)]
    return Section("volumes", f"{capitalized(names.noun)}s", tuple(blocks))


def _opening(report: FullReport, names: VolumeNames, flags: Flags) -> Iterator[Block]:
    """Yield which volumes have findings, and what was done to the values before."""
    if not report.volumes:
        yield Paragraph("No input could be read, so there is nothing to show.", lead=True)
        return
    flagged = [volume.place for volume in report.volumes if flags.about(volume.place)]
    number = plural(len(report.volumes), names.noun)
    if not flagged:
        said = f"{number} {'was' if len(report.volumes) == 1 else 'were'} read, and no finding is about a single one."
    elif len(report.volumes) == 1:
        said = f"The check has findings about this {names.noun}."
    elif len(flagged) == len(report.volumes):
        said = f"{number} were read, and the check has findings about each of them."
    else:
        which = names.full[flagged[0]] if len(flagged) == 1 else f"{len(flagged):,} of them"
        said = f"{number} were read, and the check has findings about {which}."
    yield Paragraph(said, lead=True)
    prepared = preparation_lines(report.check.settings.layer.preparation)
    if prepared:
        yield Paragraph(f"The statistics are those of the values that the layer gets: {sentence('; '.join(prepared))}.")


# --- Slices ------------------------------------------------------------------------------------------------------


def _slices(report: FullReport, names: VolumeNames, flags: Flags) -> Iterator[Block]:
    """Yield the pictures, those of a typical volume first; or why there are none."""
    voxels = report.voxels
    if not voxels.slices:
        if voxels.missing is not None:
            yield Paragraph(f"{capitalized(sentence(voxels.missing)).removesuffix('.')}.")
        return
    ordered = sorted(voxels.slices, key=lambda one: one.volume != voxels.typical)
    shown = list(dict.fromkeys(one.volume for one in ordered))
    yield Paragraph(
        f"Pictures: the middle slices of {plural(len(shown), names.noun)}, "
        "across each spatial axis of the file, with the spacing of its voxels. Each has its own range from black to "
        "white, which its caption says."
    )
    blocks = [_pictures(one, report, names, flags) for one in ordered]
    seen = [block for one, block in zip(ordered, blocks, strict=True) if one.volume in shown[:_MOST_SEEN]]
    yield from seen
    if len(shown) > _MOST_SEEN:
        rest = tuple(block for one, block in zip(ordered, blocks, strict=True) if one.volume in shown[_MOST_SEEN:])
        yield Details(f"The slices of {plural(len(shown) - _MOST_SEEN, f'more {names.noun}')}", rest)


def _pictures(one: Slices, report: FullReport, names: VolumeNames, flags: Flags) -> Pictures:
    """Return the slices of one channel of one volume, with why they are shown."""
    title = names.full[one.volume]
    volume = report.volumes[one.volume]
    if len(volume.channels) > 1:
        title = f"{title}, {printable(channel_title(one.channel, report.names))}"
    findings = rules_of(flags.about(one.volume, one.channel))
    reasons = [f"{finding.name} ({finding.severity} {finding.rule})" for finding in findings]
    if len(report.volumes) == 1:
        why = f"shown with {joined(reasons)}" if reasons else "without findings in this picture"
    elif one.volume == report.voxels.typical:
        why = f"a typical {names.noun}" + (f", with findings: {joined(reasons)}" if reasons else ", to compare with")
    else:
        why = f"shown for {joined(reasons)}" if reasons else f"shown for findings about the {names.noun}"
    window = (
        f"Black is {short(one.low)} or less, and white is {short(one.high)} or more."
        if one.low < one.high
        else f"All values of these slices are {short(one.low)}."
    )
    return Pictures(
        f"slices-{one.volume}-{one.channel}",
        f"{title}: {why}. {window}",
        tuple(
            Picture(
                plane.png,
                plane.width,
                plane.height,
                f"{title}: slice {plane.index} across axis {plane.axis} of the file",
            )
            for plane in one.planes
        ),
    )
