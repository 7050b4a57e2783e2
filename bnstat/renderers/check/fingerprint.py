"""What tells a code host that it has seen a finding before: rule, path and channel, never a value or a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from bnstat.report import Finding


def fingerprints(findings: Iterable[Finding], paths: dict[str | None, str]) -> list[str]:
    """A fingerprint for each finding; those that would be equal, as of several batches, are numbered."""
    seen: Counter[str] = Counter()
    prints = []
    for finding in findings:
        path = "" if finding.source is None else paths[finding.source]  # the folder of several grows with new files
        key = "\0".join((finding.rule, path, "" if finding.channel is None else str(finding.channel)))
        number, seen[key] = seen[key], seen[key] + 1
        prints.append(digest(f"{key}\0{number}" if number else key))
    return prints


def digest(key: str) -> str:
    """64 hexadecimal digits."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
