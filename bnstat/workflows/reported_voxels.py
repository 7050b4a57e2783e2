"""The second pass of a report: which volumes its slices show, and the shares of zeros in its volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bnstat.reading.settings import Reading
from bnstat.reading.table import Table
from bnstat.reading.voxels.choice import Suspect
from bnstat.reading.voxels.read import read_voxels
from bnstat.reading.voxels.results import Voxels
from bnstat.reading.workers.job import Progress
from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.reports.full.volumes import ReportedVolume
from bnstat.sources.sample import BatchAxis


def voxels_of(
    table: Table,
    volumes: Sequence[ReportedVolume],
    findings: Sequence[Finding],
    axis: int,
    batch_axis: BatchAxis,
    reading: Reading,
    progress: Progress | None = None,
) -> Voxels:
    """Return what a second pass over the voxels tells of the volumes of a report.

    Args:
        table: the table that was read in the first pass.
        volumes: the volumes of the report.
        findings: the findings of the check.
        axis: the kept axis of the batched tensor.
        batch_axis: the axis of each file whose entries are samples.
        reading: how the table was read.
        progress: callbacks called with the files and the bytes read so far.
    """
    return read_voxels(table, suspects_of(volumes, findings), axis, batch_axis, reading, progress)


def suspects_of(volumes: Sequence[ReportedVolume], findings: Sequence[Finding]) -> list[Suspect]:
    """Return the volumes that findings are about, the one with the gravest finding first, and of these the first."""
    ranked = []
    for volume in volumes:
        own = sorted((SEVERITIES.index(findings[place].severity), place) for place in volume.findings)
        if own:
            named = dict.fromkeys(findings[place].channel for _, place in own)
            channels = tuple(channel for channel in named if channel is not None)
            ranked.append((own[0][0], volume.place, Suspect(volume.place, channels)))
    return [suspect for *_, suspect in sorted(ranked, key=lambda one: one[:2])]


def with_zeros(volumes: Sequence[ReportedVolume], voxels: Voxels) -> tuple[ReportedVolume, ...]:
    """Return the volumes with the share of zeros in each channel, where it is known."""
    if not voxels.zeros:
        return tuple(volumes)
    return tuple(
        replace(
            volume,
            channels=tuple(
                replace(channel, zeros=zeros) for channel, zeros in zip(volume.channels, shares, strict=True)
            ),
        )
        for volume, shares in zip(volumes, voxels.zeros, strict=True)
    )
