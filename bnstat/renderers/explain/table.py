"""Rules for a person at a terminal."""

from __future__ import annotations

from rich.text import Text

from bnstat.renderers.explain import parts
from bnstat.renderers.screen import SEVERITY_STYLES, Screen, printed
from bnstat.reports.explain import Explanation, Explanations

# Text in longer lines is hard to read.
_WIDEST = 100


def render(
    rules: Explanations, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False
) -> str:
    """Return the rules as text: in full those that were asked for by name, else two lines for each."""
    show = _print_in_full if rules.in_full else _print_all
    return printed(lambda screen: show(rules, screen), width=min(width, _WIDEST), color=color, quiet=quiet)


def _title(rule: Explanation) -> Text:
    return Text.assemble((f"{rule.code} {rule.name}", "bold"), "  ", (rule.severity, SEVERITY_STYLES[rule.severity]))


def _print_all(rules: Explanations, screen: Screen) -> None:
    for rule in rules.rules:
        screen.say(_title(rule))
        screen.say(rule.summary, indent=6)
    screen.blank()
    screen.remark("To read all about one of them, by its code or name: bnstat explain BN101")


def _print_in_full(rules: Explanations, screen: Screen) -> None:
    for place, rule in enumerate(rules.rules):
        if place:
            screen.blank()
            screen.blank()
        screen.say(_title(rule))
        screen.say(rule.summary)
        for heading, body in parts.sections(rule).items():
            screen.blank()
            screen.say(heading, style="bold")
            # line by line: within a text that a screen says, the end of a line would be written as an escape
            for line in body.split("\n"):
                screen.say(line, indent=2)
