"""The verdict for a person at a terminal: findings file by file, stale entries of the baseline, and a summary line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.screen import Screen, printed
from bnstat.report.check import Check
from bnstat.text import plural

# Files of one rule that are shown unless all findings are asked for, and stale entries.
MOST_FILES, MOST_STALE = 20, 20


def render(check: Check, *, width: int = 80, color: bool = False, every_row: bool = False, quiet: bool = False) -> str:
    """Return the verdict as text.

    Args:
        check: the verdict to render.
        width: columns of the terminal.
        color: True to use ANSI colours.
        every_row: True to show every finding.
        quiet: True to leave out which columns are hidden.
    """
    return printed(lambda screen: _print(check, screen, every_row), width=width, color=color, quiet=quiet)


def _print(check: Check, screen: Screen, every_row: bool) -> None:
    if check.findings:
        screen.say(alike.settings_of(check))
        for line in preparation_lines(check.settings.layer.preparation):
            screen.say(line)
        screen.blank()
        _print_findings(check, screen, every_row)
    if check.stale:
        _print_stale(check, screen, every_row)
    if check.findings:
        screen.remark(f"{alike.HINT} {alike.hint(check)}{alike.page(check)}")
    screen.say(alike.closing(check), style="bold")


def _print_findings(check: Check, screen: Screen, every_row: bool) -> None:
    groups = alike.gathered(check, check.findings)
    shown = [one for group in groups for one in group.apart] if every_row else _first_ones(groups)
    for place, (where, found) in enumerate(groupby(shown, key=lambda one: one.where)):
        if place:
            screen.blank()
        screen.say(where, style="bold")
        for group in found:
            severity, places = group.first.severity, group.apart[0].places
            screen.finding(severity, group.title, group.message, beside=places, indent=2)
    screen.blank()
    for rule, count in _hidden(groups, shown).items():
        screen.remark(f"{plural(count, 'more finding')} of {rule} (--all shows all)")


def _first_ones(groups: Sequence[Alike]) -> list[Alike]:
    """Return what is shown of each rule."""
    counts: Counter[str] = Counter()
    shown = []
    for group in groups:
        counts[group.title] += 1
        if counts[group.title] <= MOST_FILES:
            shown.append(group)
    return shown


def _hidden(groups: Sequence[Alike], shown: Sequence[Alike]) -> Counter[str]:
    """Return how many findings of each rule are not shown, the worst rules first."""
    counts: Counter[str] = Counter()
    for group in alike.worst_first(groups):
        counts[group.title] += len(group.findings)
    for group in shown:
        counts[group.title] -= len(group.findings)
    return +counts


def _print_stale(check: Check, screen: Screen, every_row: bool) -> None:
    shown = check.stale if every_row else check.stale[:MOST_STALE]
    screen.say(alike.STALE)
    for entry in shown:
        screen.say(alike.stale_line(entry), indent=2)
    if len(check.stale) > len(shown):
        screen.say(f"{len(check.stale) - len(shown):,} more (--all shows all)", style="dim", indent=2)
    screen.blank()
