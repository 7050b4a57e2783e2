"""The sections of the page, in their order: the verdict first, then what it rests on."""

from __future__ import annotations

from bnstat.renderers.report.blocks import Section
from bnstat.renderers.report.sections import (
    batch_size,
    between,
    epsilon,
    findings,
    frameworks,
    intensities,
    made,
    network,
    verdict,
    volumes,
)
from bnstat.reports.full.full_report import FullReport

_SECTIONS = (
    verdict,
    findings,
    volumes,
    intensities,
    epsilon,
    batch_size,
    between,
    frameworks,
    network,
    made,
)


def sections_of(report: FullReport) -> tuple[Section, ...]:
    """Return the sections for which the report has something to say."""
    return tuple(found for one in _SECTIONS if (found := one.section(report)) is not None)
