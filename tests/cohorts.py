"""Evidence about samples whose statistics are given, for rules that compare volumes with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Settings
from bnstat.reports.evidence import Evidence, SampleChannel
from bnstat.reports.finding import Finding
from bnstat.reports.inspect import Report
from bnstat.rules import findings_of
from bnstat.rules.selection import rule_named
from bnstat.sources.sample import Patch, Sample

KERAS = FRAMEWORKS["keras"]
SETTINGS = Settings(KERAS, KERAS.epsilon, KERAS.momentum)
VALUES = 512
EMPTY = SampleChannel(VALUES, 0.0, 0.0, constant=True)
UNKNOWN = SampleChannel(VALUES, None, None, constant=False)


def cell(mean: float, deviation: float) -> SampleChannel:
    """Return a channel that varies."""
    return SampleChannel(VALUES, mean, deviation**2, constant=False)


def volumes(channels: Sequence[Sequence[SampleChannel]], names: tuple[str, ...] = (), **changes: Any) -> Evidence:
    """Return evidence on whole volumes, one for each row."""
    samples = tuple(
        Sample(f"case_{place:02}", None, (8, 8, 8), "float32", channels=names) for place in range(len(channels))
    )
    return Evidence(Report(SETTINGS, samples, ()), sample_channels=tuple(tuple(row) for row in channels), **changes)


def patches(channels: Sequence[Sequence[Sequence[SampleChannel]]], **changes: Any) -> Evidence:
    """Return evidence on patches: for each volume its patches, each with its channels."""
    whole = volumes([row for volume in channels for row in volume], **changes)
    sources = [(f"case_{place:02}", number) for place, volume in enumerate(channels) for number in range(len(volume))]
    samples = tuple(
        replace(sample, source=source, patch=Patch((number, 0, 0), (8, 8, 8)))
        for sample, (source, number) in zip(whole.report.samples, sources, strict=True)
    )
    return replace(whole, report=replace(whole.report, samples=samples))


def said(evidence: Evidence, name: str) -> tuple[Finding, ...]:
    """Return the findings of one rule."""
    return findings_of(evidence, (rule_named(name),))
