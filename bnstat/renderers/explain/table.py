"""Rules for a person at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bnstat.renderers.explain import parts
from bnstat.renderers.screen import printed
from bnstat.report.explain import Explanation, Explanations

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}

# Text in longer lines is hard to read.
_WIDEST = 100


def render(rules: Explanations, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:  # noqa: ARG001  (all rules are shown always)
    """The rules as text: those that were asked for in full, or two lines for each."""
    show = _print_in_full if rules.in_full else _print_all
    return printed(lambda console: show(rules, console), width=min(width, _WIDEST), color=color)


def _title(rule: Explanation) -> Text:
    return Text.assemble((f"{rule.code} {rule.name}", "bold"), "  ", (rule.severity, _STYLES[rule.severity]))


def _print_all(rules: Explanations, console: Console) -> None:
    for rule in rules.rules:
        console.print(_title(rule))
        console.print(Padding(Text(rule.summary), (0, 0, 0, 6)))
    console.print()
    console.print(Text("`bnstat explain RULE`, by code or name, says all of one.", style="dim"))


def _print_in_full(rules: Explanations, console: Console) -> None:
    for place, rule in enumerate(rules.rules):
        if place:
            console.print()
            console.print()
        console.print(_title(rule))
        console.print(Text(rule.summary))
        for heading, body in parts.sections(rule).items():
            console.print()
            console.print(Text(heading, style="bold"))
            console.print(Padding(Text(body), (0, 0, 0, 2)))
