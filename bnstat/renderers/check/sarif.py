"""The verdict as SARIF 2.1.0, for code scanning; it is always a valid document."""

from __future__ import annotations

import re

from bnstat.renderers import json
from bnstat.renderers.check import alike
from bnstat.renderers.check.fingerprint import fingerprints
from bnstat.renderers.check.paths import located, uri
from bnstat.reports.check import Check, RuleInfo
from bnstat.reports.documents.document import Fields
from bnstat.reports.finding import Failure, Finding
from bnstat.version import __version__, page_of_rule

# The errata of the standard that its schema is published with.
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(check: Check) -> str:
    """Return the verdict as a SARIF log of one run, in ASCII; findings that the baseline knows are suppressed."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(check)]}
    return json.written(log, ascii_only=True)


def _run(check: Check) -> Fields:
    rules = _rules(check)
    places = {rule.code: place for place, rule in enumerate(rules)}
    found = (*check.findings, *check.known)
    paths = located(check)
    prints = fingerprints(found, paths)
    results = [
        {"ruleIndex": places[one.rule], **_result(one, paths[one.source], mark)}
        for one, mark in zip(found, prints, strict=True)
    ]
    for result in results[len(check.findings) :]:
        result["suppressions"] = [{"kind": "external", "justification": "known from the baseline"}]
    driver = {"name": "bnstat", "version": __version__, "rules": [_rule(rule) for rule in rules]}
    return {"tool": {"driver": driver}, "invocations": [_invocation(check, paths)], "results": results}


def _rules(check: Check) -> list[RuleInfo]:
    """Return the rules that judged, and any other that found something."""
    rules = {rule.code: rule for rule in check.rules}
    for one in (*check.findings, *check.known):
        rules.setdefault(one.rule, RuleInfo(one.rule, one.name, one.severity, one.name))
    return list(rules.values())


def _rule(rule: RuleInfo) -> Fields:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "helpUri": page_of_rule(rule.code, rule.name),
        "help": {"text": f"What it means and what to do: bnstat explain {rule.code}"},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, path: str, fingerprint: str) -> Fields:
    return {
        "ruleId": finding.rule,
        "level": finding.severity,
        "message": _message(finding.message),
        "locations": [_location(path, finding.layer)],
        "partialFingerprints": {"bnstat/v1": fingerprint},
    }


def _message(message: str) -> dict[str, str]:
    """Return plain text in which nothing reads as a placeholder, like {0}, or as a link."""
    line = re.sub(r"\{(\d+)\}", r"{{\1}}", alike.one_line(message))
    return {"text": re.sub(r"\[(?=[^\]]*\]\()", r"\\[", line)}


def _location(path: str, layer: str | None = None) -> Fields:
    """Return a location with a line, which GitHub requires and a volume has not, and with the layer of a checkpoint."""
    place: Fields = {"physicalLocation": {"artifactLocation": {"uri": uri(path)}, "region": {"startLine": 1}}}
    return place if layer is None else {**place, "logicalLocations": [{"fullyQualifiedName": layer, "kind": "module"}]}


def _invocation(check: Check, paths: dict[str | None, str]) -> Fields:
    notifications = [_notification(failure, paths[failure.source]) for failure in check.errors]
    return {"executionSuccessful": not check.errors, "toolExecutionNotifications": notifications}


def _notification(failure: Failure, path: str) -> Fields:
    message = _message(f"{failure.source}: {failure.message}")
    return {"level": "error", "message": message, "locations": [_location(path)]}
