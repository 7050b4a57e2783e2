"""What readers of JUnit XML, SARIF 2.1.0 and GitLab's code quality reports ask of a document, as far as that is used.

Written from their descriptions: element and property names, types, values that are allowed, and what is required. What
is not named here is refused, so that a new property is looked up before it is used.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

# JUnit XML as Jenkins' xUnit plugin takes it (junit-10.xsd): attributes, with those that are required marked by *,
# and the elements that may be inside, in any order.
_OUTCOME = ("type message", "")
_JUNIT = {
    "testsuites": ("name time tests failures errors", "testsuite"),
    "testsuite": (
        "name* tests* failures* errors* group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": (
        "name* time classname group",
        "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err",
    ),
    "failure": _OUTCOME,
    "error": _OUTCOME,
    "skipped": _OUTCOME,
}
_TEXT = ("failure", "error", "skipped")
# Seconds, with commas between thousands.
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
_OUTCOMES = {"failures": "failure", "errors": "error", "skipped": "skipped"}
# The characters of XML 1.0, section 2.2.
_CHARACTERS = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


def valid_junit(whole):
    """Assert that a document is valid, and that its numbers are those of its cases."""
    assert _CHARACTERS.fullmatch(whole)
    root = ElementTree.fromstring(whole.encode("utf-8"))
    assert root.tag == "testsuites"
    for element in root.iter():
        _valid_element(element)


def _valid_element(element):
    attributes, inside = (words.split() for words in _JUNIT[element.tag])
    assert set(element.attrib) <= {name.rstrip("*") for name in attributes}, element.attrib
    assert {name[:-1] for name in attributes if name.endswith("*")} <= set(element.attrib), element.attrib
    assert {child.tag for child in element} <= set(inside)
    assert element.tag in _TEXT or not (element.text or "").strip()
    assert _TIME.fullmatch(element.get("time", "0"))
    for attribute in ("tests", *_OUTCOMES):
        if attribute in element.attrib:
            assert element.get(attribute) == str(len(list(element.iter(_OUTCOMES.get(attribute, "testcase")))))


def _object(required, /, **optional):
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


_STRING = {"type": "string"}
_FILLED = {"type": "string", "minLength": 1}

# https://docs.gitlab.com/ci/testing/code_quality/: its widget reads these and no others.
GITLAB = {
    "type": "array",
    "items": _object(
        {
            "description": _FILLED,
            "check_name": _FILLED,
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": _object({"path": _FILLED, "lines": _object({"begin": {"type": "integer", "minimum": 1}})}),
        }
    ),
}

# SARIF 2.1.0, and what GitHub's code scanning asks for beyond it: a location with a path and a line for each result.
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_MESSAGE = _object({"text": _STRING})
_LOCATION = _object(
    {
        "physicalLocation": _object(
            {
                "artifactLocation": _object(
                    {"uri": {"type": "string", "pattern": "^([A-Za-z0-9._~/:-]|%[0-9A-F]{2})+$"}}
                ),
                "region": _object({"startLine": {"type": "integer", "minimum": 1}}),
            }
        )
    }
)
_RULE = _object(
    {"id": _FILLED},
    name=_STRING,
    shortDescription=_MESSAGE,
    help=_MESSAGE,
    helpUri=_FILLED,
    defaultConfiguration=_object({}, level=_LEVEL),
)
_RESULT = _object(
    {"message": _MESSAGE, "ruleId": _FILLED, "locations": {"type": "array", "items": _LOCATION, "minItems": 1}},
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    partialFingerprints={"type": "object", "additionalProperties": _STRING},
    suppressions={
        "type": "array",
        "items": _object({"kind": {"enum": ["inSource", "external"]}}, justification=_STRING),
        "uniqueItems": True,
    },
)
_NOTIFICATION = _object({"message": _MESSAGE}, level=_LEVEL, locations={"type": "array", "items": _LOCATION})
_INVOCATION = _object(
    {"executionSuccessful": {"type": "boolean"}},
    toolExecutionNotifications={"type": "array", "items": _NOTIFICATION},
)
_DRIVER = _object({"name": _FILLED}, version=_STRING, rules={"type": "array", "items": _RULE, "uniqueItems": True})
_RUN = _object(
    {"tool": _object({"driver": _DRIVER}), "results": {"type": "array", "items": _RESULT}},
    invocations={"type": "array", "items": _INVOCATION},
)
SARIF = _object(
    {"version": {"const": "2.1.0"}, "runs": {"type": "array", "items": _RUN}},
    **{"$schema": {"type": "string", "pattern": "^https://"}},
)
