"""Rules as CSV: a row for each."""

from __future__ import annotations

from bnstat.renderers import sheet
from bnstat.renderers.explain.json import rule_fields
from bnstat.report.explain import Explanations


def render(rules: Explanations) -> str:
    """The rules as CSV with a header line."""
    return sheet.written([rule_fields(rule) for rule in rules.rules])
