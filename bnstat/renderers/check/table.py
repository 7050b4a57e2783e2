"""The verdict for a person at a terminal: findings file by file, what is stale, and a line that sums up."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bnstat.renderers import text
from bnstat.renderers.check import alike
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.screen import printed
from bnstat.report.check import Check
from bnstat.text import plural

# Files of one rule that are shown unless all findings are asked for, and stale entries.
MOST_FILES, MOST_STALE = 20, 20

_STYLES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def render(check: Check, *, width: int = 80, color: bool = False, every_row: bool = False) -> str:
    """The verdict as text.

    Args:
        check: what to say.
        width: columns of the terminal.
        color: whether to use ANSI colours.
        every_row: show every finding.
    """
    return printed(lambda console: _print(check, console, every_row), width=width, color=color)


def _print(check: Check, console: Console, every_row: bool) -> None:
    if check.findings:
        console.print(Text(text.settings_line(check.settings.layer)))
        for line in text.preparation_lines(check.settings.layer.preparation):
            console.print(Text(line))
        console.print()
        _print_findings(check, console, every_row)
    if check.stale:
        _print_stale(check, console, every_row)
    if check.findings:
        console.print(Text(f"What a finding means and what to do: {alike.hint(check)}", style="dim"))
    console.print(Text(alike.verdict(check), style="bold"))


def _print_findings(check: Check, console: Console, every_row: bool) -> None:
    groups = alike.gathered(check, check.findings)
    shown = [one for group in groups for one in _each(group)] if every_row else _first_ones(groups)
    for place, (file, found) in enumerate(groupby(shown, key=lambda one: one.where)):
        if place:
            console.print()
        console.print(Text(file, style="bold"))
        for group in found:
            _print_group(group, console)
    console.print()
    for rule, count in _hidden(groups, shown).items():
        console.print(Text(f"{plural(count, 'more finding')} of {rule} (--all shows all)", style="dim"))


def _first_ones(groups: list[Alike]) -> list[Alike]:
    """What is shown of each rule."""
    counts: Counter[str] = Counter()
    shown = []
    for group in groups:
        counts[group.title] += 1
        if counts[group.title] <= MOST_FILES:
            shown.append(group)
    return shown


def _hidden(groups: list[Alike], shown: list[Alike]) -> Counter[str]:
    """How many findings of each rule are not shown, the worst rules first."""
    counts: Counter[str] = Counter()
    for group in alike.worst_first(groups):
        counts[group.title] += len(group.findings)
    for group in shown:
        counts[group.title] -= len(group.findings)
    return +counts


def _each(group: Alike) -> list[Alike]:
    """Every finding by itself, so that each says its own message."""
    return [Alike((finding,), group.batches) for finding in group.findings]


def _print_group(group: Alike, console: Console) -> None:
    severity = group.first.severity
    line = Text.assemble("  ", (severity, _STYLES[severity]), " ", (group.title, "bold"))
    places = _each(group)[0].places
    console.print(line.append(f"   {places}") if places else line)
    console.print(Padding(Text(group.message), (0, 0, 0, 4)))


def _print_stale(check: Check, console: Console, every_row: bool) -> None:
    shown = check.stale if every_row else check.stale[:MOST_STALE]
    console.print(Text(alike.STALE))
    for entry in shown:
        console.print(Padding(Text(alike.stale_line(entry)), (0, 0, 0, 2)))
    if len(check.stale) > len(shown):
        console.print(Text(f"  {len(check.stale) - len(shown):,} more (--all shows all)", style="dim"))
    console.print()
