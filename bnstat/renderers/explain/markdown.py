"""Rules as Markdown: the pages in docs/rules/ are this text."""

from __future__ import annotations

from collections.abc import Iterable

from bnstat.renderers.explain import parts
from bnstat.renderers.markdown import table
from bnstat.reports.explain import Explanation, Explanations

_HEADERS = ("code", "name", "severity", "problem")


def render(rules: Explanations) -> str:
    """Return the rules as Markdown: in full those that were asked for by name, else a row for each."""
    if rules.in_full:
        return "\n".join(page(rule) for rule in rules.rules)
    return index([(rule, rule.name) for rule in rules.rules])


def page(rule: Explanation) -> str:
    """Return all of one rule."""
    lines = [f"# {parts.title(rule)}", rule.summary]
    for heading, body in parts.sections(rule).items():
        lines += ["", f"## {heading}", *(["```", body, "```"] if heading == parts.EXAMPLE else [body])]
    return "\n".join(lines) + "\n"


def index(rules: Iterable[tuple[Explanation, str]]) -> str:
    """Return a table of rules, each under a name that may be a link."""
    rows = [(rule.code, name, rule.severity, rule.summary) for rule, name in rules]
    return "\n".join(table(_HEADERS, rows, left=len(_HEADERS))) + "\n"
