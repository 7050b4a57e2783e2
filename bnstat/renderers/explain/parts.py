"""The parts of an explanation under their headings: shared by the formats that a person reads."""

from __future__ import annotations

from bnstat.reports.explain import Explanation

# The heading over the example, whose lines stay as they are.
EXAMPLE = "Example"


def title(rule: Explanation) -> str:
    """Return code, name and severity of a rule."""
    return f"{rule.code} {rule.name} ({rule.severity})"


def sections(rule: Explanation) -> dict[str, str]:
    """Return the text under each heading, in order."""
    return {
        "What it does": rule.what,
        "Why it matters": rule.why,
        EXAMPLE: rule.example,
        "What to do": rule.advice,
        "Threshold": rule.threshold,
        "Sources": rule.sources,
    }
