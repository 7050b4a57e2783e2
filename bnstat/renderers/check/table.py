"""The verdict for a person at a terminal: findings file by file, stale entries of the baseline, and a summary line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.check.headline import FIGURES, SMALL, headline
from bnstat.renderers.headings import preparation_lines
from bnstat.renderers.screen import Screen, printed
from bnstat.reports.check import Check
from bnstat.rules.batch.between_samples import OTHERWISE
from bnstat.text import plural, printable

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
        screen.opening([headline(check)])
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
        _print_together(list(found), screen)
    screen.blank()
    for rule, count in _hidden(groups, shown).items():
        screen.remark(f"{plural(count, 'more finding')} of {rule} (--all shows all)")


def _print_together(groups: Sequence[Alike], screen: Screen) -> None:
    """Print findings that stand together: a remedy that several share once, below them."""
    shared = f" Or {OTHERWISE}."
    sharing = list(dict.fromkeys(group.first.rule for group in groups if shared in group.message))
    figures = any(group.first.rule in FIGURES for group in groups)
    for group in groups:
        message, places = group.message, group.apart[0].places
        if len(sharing) > 1:
            message = message.replace(shared, "")
        if figures and group.first.rule == SMALL:
            message = _small(group)
        named = (f"{places}: ", *([f"{printable(group.first.layer)}: "] if group.first.layer is not None else []))
        beside = "" if message.startswith(named) else places
        screen.finding(group.first.severity, group.title, message, beside=beside, indent=2)
    if len(sharing) > 1:
        screen.say(f"{', '.join(sharing)}: or {OTHERWISE}.", indent=2)


def _small(group: Alike) -> str:
    """Return what a finding on a small batch adds to those on its figures."""
    size, most = group.first.value or 0.0, group.first.threshold or 0.0
    return f"batch size {size:g} is small: in published results with {most:g} samples or less the errors rise."


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
