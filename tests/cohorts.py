"""Reports of samples whose statistics are given, for rules that hold volumes against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bnstat.layers.frameworks import FRAMEWORKS
from bnstat.layers.settings import Settings
from bnstat.report.evidence import Cell
from bnstat.report.finding import Finding
from bnstat.report.inspect import Report
from bnstat.rules import findings_of, rule_named
from bnstat.sources.sample import Patch, Sample

KERAS = FRAMEWORKS["keras"]
SETTINGS = Settings(KERAS, KERAS.epsilon, KERAS.momentum)
VALUES = 512
EMPTY = Cell(VALUES, 0.0, 0.0, constant=True)
UNKNOWN = Cell(VALUES, None, None, constant=False)


def cell(mean: float, deviation: float) -> Cell:
    """A cell that varies."""
    return Cell(VALUES, mean, deviation**2, constant=False)


def volumes(cells: Sequence[Sequence[Cell]], names: tuple[str, ...] = (), **changes: Any) -> Report:
    """A report of whole volumes, one for each row."""
    samples = tuple(
        Sample(f"case_{place:02}", None, (8, 8, 8), "float32", channels=names) for place in range(len(cells))
    )
    return Report(SETTINGS, samples, (), cells=tuple(tuple(row) for row in cells), **changes)


def patches(cells: Sequence[Sequence[Sequence[Cell]]], **changes: Any) -> Report:
    """A report of patches: for each volume its patches, each with its channels."""
    whole = volumes([row for volume in cells for row in volume], **changes)
    sources = [(f"case_{place:02}", number) for place, volume in enumerate(cells) for number in range(len(volume))]
    samples = tuple(
        replace(sample, source=source, patch=Patch((number, 0, 0), (8, 8, 8)))
        for sample, (source, number) in zip(whole.samples, sources, strict=True)
    )
    return replace(whole, samples=samples)


def said(report: Report, name: str) -> tuple[Finding, ...]:
    """What one rule says."""
    return findings_of(report, (rule_named(name),))
