"""Rules as JSON, schema `bnstat.explain/1`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bnstat.report.explain import Explanation, Explanations
from bnstat.version import __version__

SCHEMA = "bnstat.explain/1"


def render(rules: Explanations) -> str:
    """The rules as a JSON document."""
    return json.dumps(document(rules), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def document(rules: Explanations) -> dict[str, Any]:
    """The rules as plain values, named as in the contract."""
    return {"schema": SCHEMA, "version": __version__, "rules": [rule_fields(rule) for rule in rules.rules]}


def rule_fields(rule: Explanation) -> dict[str, Any]:
    """A rule's texts under their names in the contract, which are those of the value."""
    return asdict(rule)
