"""Rules as Markdown: the pages in docs/rules/ are this text."""

from __future__ import annotations

from bnstat.renderers.explain import parts
from bnstat.report.explain import Explanation, Explanations


def render(rules: Explanations) -> str:
    """The rules as Markdown: those that were asked for in full, or a row for each."""
    if rules.in_full:
        return "\n".join(page(rule) for rule in rules.rules)
    return index([(rule, rule.name) for rule in rules.rules])


def page(rule: Explanation) -> str:
    """All of one rule."""
    lines = [f"# {parts.title(rule)}", rule.summary]
    for heading, body in parts.sections(rule).items():
        lines += ["", f"## {heading}", *(["```", body, "```"] if heading == parts.EXAMPLE else [body])]
    return "\n".join(lines) + "\n"


def index(rules: list[tuple[Explanation, str]]) -> str:
    """A table of rules, each under a name that may be a link."""
    rows = [f"| {rule.code} | {name} | {rule.severity} | {rule.summary} |" for rule, name in rules]
    return "\n".join(["| code | name | severity | problem |", "|---|---|---|---|", *rows]) + "\n"
