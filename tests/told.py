"""All that is checked of a random report: sentences, cells, words and lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import compare_claims
import finding_claims
import inspect_claims
import layers_claims
import network_claims
from claims import NUMBER, Said, faults
from random_reports import RandomReport
from said import findings_of
from screen_lines import lines_of
from tables import cells_of, faults_of_cells
from wording import faults_of_widths, faults_of_wording

from bnstat.reports.layers import Layers

OF_FINDINGS = (*finding_claims.CLAIMS, *compare_claims.CLAIMS, *inspect_claims.NAMES)
ON_SCREEN = (*inspect_claims.CLAIMS, *compare_claims.CLAIMS, *layers_claims.CLAIMS)


def faults_of(report: RandomReport, counts: Counter[str] | None = None) -> Iterator[str]:
    """Yield what is wrong in a report, and add what was looked at to the counts."""
    seen: Counter[str] = Counter() if counts is None else counts
    seen["reports"] += 1
    for said in findings_of(report):
        _count(said, seen)
        yield from faults(said, OF_FINDINGS)
    for said in lines_of(report):
        _count(said, seen)
        yield from faults(said, ON_SCREEN)
    seen["cells of tables"] += cells_of(report)
    yield from faults_of_cells(report)
    yield from faults_of_wording(report)
    yield from faults_of_widths(report)


def faults_of_network(report: Layers, counts: Counter[str] | None = None) -> Iterator[str]:
    """Yield what is wrong in the verdict on the layers of a network, and add what was looked at to the counts."""
    seen: Counter[str] = Counter() if counts is None else counts
    seen["reports on networks"] += 1
    for said in network_claims.verdict_of(report):
        _count(said, seen)
        yield from faults(said, network_claims.CLAIMS)


def _count(said: Said, counts: Counter[str]) -> None:
    counts["sentences"] += len(re.findall(r"[.:]( |$)", said.text)) or 1
    counts["numbers in sentences"] += len(re.findall(NUMBER, said.text))
