"""Fingerprints, by which a code host knows a finding again: of rule, path, layer and channel, never of a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from bnstat.renderers.check.paths import file_of
from bnstat.reports.finding import Finding


def fingerprints(findings: Iterable[Finding], paths: dict[str | None, str]) -> list[str]:
    """Return 64 hexadecimal digits for each finding; equal ones, as of several batches, are told apart by a number."""
    seen: Counter[str] = Counter()
    marks = []
    for finding in findings:
        channel = "" if finding.channel is None else str(finding.channel)
        layer = () if finding.layer is None else (finding.layer,)
        key = "\0".join((finding.rule, _place(finding.source, paths), channel, *layer))
        number, seen[key] = seen[key], seen[key] + 1
        whole = f"{key}\0{number}" if number else key
        marks.append(sha256(whole.encode("utf-8", "surrogatepass")).hexdigest())
    return marks


def _place(source: str | None, paths: dict[str | None, str]) -> str:
    """Return the path and the key of an array in it; empty for the whole cohort, whose folder may change."""
    return "" if source is None else paths[source] + source.removeprefix(file_of(source))
