"""Reports of `bnstat report` whose numbers are given, for tests of the sections of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cohorts import SETTINGS

from bnstat.batch_size.kinds import FEWEST_VOLUMES
from bnstat.reading.voxels.results import Histogram, Voxels
from bnstat.renderers.report.blocks import Block, Details, Paragraph, Section, Table
from bnstat.reports.check import Check, CheckSettings, RuleInfo
from bnstat.reports.finding import Failure, Finding
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.volumes import ReportedVolume, VolumeChannel
from bnstat.reports.inspect import Report
from bnstat.sources.sample import Sample

COUNT = 512


def channel(mean: float | None, std: float | None, **changes: Any) -> VolumeChannel:
    """Return the statistics of a channel."""
    ends = (None, None) if mean is None or std is None else (mean - 2 * std, mean + 2 * std)
    plain = {"channel": 0, "count": COUNT, "mean": mean, "std": std, "minimum": ends[0], "maximum": ends[1]}
    return VolumeChannel(**{**plain, "nan": 0, "inf": 0, **changes})


def odd(source: str, at: int = 0) -> Finding:
    """Return the finding that calls a volume odd."""
    return Finding("BN207", "odd-volume", "warning", f"channel {at} of {source} is far", source, channel=at, value=9.5)


def reported(
    channels: Sequence[Sequence[VolumeChannel]],
    sources: Sequence[str] = (),
    groups: Sequence[str | None] = (),
    findings: Sequence[Finding] = (),
    errors: Sequence[Failure] = (),
    voxels: Voxels | None = None,
    names: tuple[str, ...] = (),
) -> FullReport:
    """Return a report on volumes with these channels, one row of channels for each."""
    titles = sources or [f"case_{place:03}.nii.gz" for place in range(len(channels))]
    samples = tuple(Sample(title, None, (8, 8, 8), "int16", channels=names) for title in titles)
    volumes = tuple(
        ReportedVolume(
            place,
            samples[place],
            1,
            tuple(row),
            groups[place] if groups else None,
            tuple(at for at, one in enumerate(findings) if one.source == titles[place]),
        )
        for place, row in enumerate(channels)
    )
    rules = (RuleInfo("BN207", "odd-volume", "warning", "A volume is far from its cohort."),)
    check = Check(CheckSettings(SETTINGS), samples, tuple(findings), errors=tuple(errors), rules=rules)
    return FullReport(
        check=check,
        inspected=Report(SETTINGS, samples, ()),
        comparison=None,
        not_compared="these volumes were not compared",
        frameworks=None,
        volumes=volumes,
        silent={} if len(volumes) >= FEWEST_VOLUMES else {"BN207": "odd-volume (BN207) was not judged"},
        voxels=voxels or Voxels(missing="the moments file has no voxels"),
    )


def counted(volumes: Sequence[Sequence[int]], edges: Sequence[float], at: int = 0) -> Histogram:
    """Return the histogram of a channel from the counts of its volumes."""
    return Histogram(
        channel=at,
        edges=tuple(edges),
        counts=tuple(map(sum, zip(*volumes, strict=True))),
        below=0,
        above=0,
        volumes=tuple(map(tuple, volumes)),
        volumes_below=(0,) * len(volumes),
        volumes_above=(0,) * len(volumes),
    )


def column(table: Table, title: str) -> list[str]:
    """Return the texts of a column, with those of its links."""
    place = [one.title for one in table.columns].index(title)
    cells = [row.cells[place] for row in table.rows]
    return [", ".join([*filter(None, [cell.text]), *(link.text for link in cell.links)]) for cell in cells]


def only(section: Section | None, kind: type[Block]) -> Any:
    """Return the only block of a kind."""
    (found,) = all_of(section, kind)
    return found


def all_of(section: Section | None, kind: type[Block]) -> list[Any]:
    """Return the blocks of a kind, in order."""
    assert section is not None
    return [block for block in section.blocks if isinstance(block, kind)]


def opened(section: Section | None) -> Section:
    """Return a section with the blocks that it has folded away among the others."""
    assert section is not None
    blocks: list[Block] = []
    for block in section.blocks:
        blocks += block.blocks if isinstance(block, Details) and block.summary.startswith("Show ") else [block]
    return Section(section.anchor, section.title, tuple(blocks))


def said(section: Section | None) -> str:
    """Return the paragraphs of a section as one text."""
    return " ".join(block.text for block in all_of(section, Paragraph))
