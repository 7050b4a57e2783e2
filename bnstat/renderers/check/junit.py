"""The verdict as JUnit XML: a suite for each file, and in it a case for each rule that found something.

New findings that fail the check are failures. Other findings are skipped cases, which say what was found and why it
passes. An input that cannot be read is an error. A file on which nothing was found is a case that passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bnstat.escapes import referenced
from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.reports.check import Check
from bnstat.text import printable

_KINDS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def render(check: Check) -> str:
    """Return the verdict as an XML document in ASCII."""
    whole = Element("testsuites", name="bnstat check")
    for source, suite in _suites(check).items():
        suite.set("name", source)
        whole.append(_counted(suite, "skipped"))
    indent(_counted(whole))
    written: bytes = tostring(whole, encoding="us-ascii", xml_declaration=False)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + referenced(written.decode()) + "\n"


def _suites(check: Check) -> dict[str, Element]:
    """Return a suite for each file that was read or cannot be read, and one for the whole cohort."""
    suites: dict[str, Element] = {}
    for source in (*check.sources, *(one.source for one in check.errors)):
        suites.setdefault(printable(source), Element("testsuite"))
    for group in alike.gathered(check, check.findings):
        _add_new(suites, group, check)
    for group in alike.gathered(check, check.known):
        _add(suites, group, "skipped", f"known from the baseline: {group.message}")
    for failure in check.errors:
        case = _case(suites, printable(failure.source), "can be read")
        SubElement(case, "error", type="unreadable", message=alike.one_line(failure.message))
    for source, suite in suites.items():
        if not len(suite):
            _case(suites, source, "nothing found")
    return suites


def _add_new(suites: dict[str, Element], group: Alike, check: Check) -> None:
    severity = group.first.severity
    if severity in check.grave:
        _add(suites, group, "failure", group.message, _lines(group))
    else:
        passes = f"{severity}, which passes with --fail-on {check.settings.fail_on}"
        _add(suites, group, "skipped", f"{passes}: {group.message}")


def _lines(group: Alike) -> str:
    """Return all messages, one on each line."""
    return "\n".join(alike.one_line(finding.message) for finding in group.findings)


def _add(suites: dict[str, Element], group: Alike, outcome: str, message: str, body: str | None = None) -> None:
    case = _case(suites, group.file, group.title)
    SubElement(case, outcome, type=group.first.severity, message=message).text = body


def _case(suites: dict[str, Element], source: str, name: str) -> Element:
    suite = suites.setdefault(source, Element("testsuite"))
    return SubElement(suite, "testcase", classname=source, name=name, time="0")


def _counted(element: Element, *more: str) -> Element:
    """Return the element with the numbers of its cases and of their outcomes."""
    element.set("tests", str(_count(element.iter("testcase"))))
    for attribute in ("failures", "errors", *more):
        element.set(attribute, str(_count(element.iter(_KINDS[attribute]))))
    element.set("time", "0")
    return element


def _count(elements: Iterable[Element]) -> int:
    return sum(1 for _ in elements)
