"""The section "How this was made" of the page: the version, the command to make it again, and what was set."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from bnstat.renderers.headings import preparation_lines, settings_line
from bnstat.renderers.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Details,
    Items,
    Link,
    Paragraph,
    Row,
    Section,
    Table,
)
from bnstat.renderers.report.sections.unread import unread
from bnstat.reports.full.full_report import FullReport
from bnstat.text import capitalized, plural, printable, sentence, short
from bnstat.version import __version__


def section(report: FullReport) -> Section | None:
    """Return the section, which every report has."""
    blocks: list[Block] = [Paragraph(_opening(report), lead=True), *_again(report), *_settings(report)]
    blocks += [*unread(report.errors), *_rules(report)]
    return Section("made", "How this was made", tuple(blocks))


def _opening(report: FullReport) -> str:
    made = report.made
    date = f" on {printable(made.date)}" if made.date else ""
    took = f", in {short(made.seconds, 3)} s" if made.seconds is not None else ""
    return f"Made by bnstat {__version__}{date}{took}, from {_read(report)}."


def _read(report: FullReport) -> str:
    """Return what was read, in words."""
    samples, volumes = len(report.samples), len(report.volumes)
    if not volumes:
        return "inputs of which none could be read"
    return plural(volumes, "volume") if samples == volumes else f"{samples:,} samples of {plural(volumes, 'volume')}"


def _again(report: FullReport) -> Iterator[Block]:
    """Yield what to type to make the report again."""
    if report.made.command:
        yield Paragraph("To make it again, type in the same folder:")
        yield Code(sentence(shlex.join(report.made.command)))
    else:
        yield Paragraph("It was made in Python, by bnstat.report() with the settings below.")


# --- What was set -------------------------------------------------------------------------------------------------


def _settings(report: FullReport) -> Iterator[Block]:
    """Yield what holds for every report, and what was given for this one."""
    told = [(capitalized(name), value) for name, value in _told(report)]
    yield _pairs("made-settings", "What was asked for, with what was taken where nothing was set.", told)
    given = [(printable(name), printable(value)) for name, value in report.made.settings]
    if given:
        table = _pairs("made-given", "The settings that were given.", given)
        yield Details(f"{plural(len(given), 'setting')} that {'was' if len(given) == 1 else 'were'} given", (table,))


def _pairs(anchor: str, caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    return Table(
        anchor=anchor,
        caption=caption,
        columns=(Column("setting"), Column("value")),
        rows=tuple(Row((Cell(name), Cell(value))) for name, value in rows),
    )


def _told(report: FullReport) -> Iterator[tuple[str, str]]:
    """Yield the settings that every report has, in words."""
    asked, layer = report.check.settings, report.check.settings.layer
    yield "layer", sentence(settings_line(layer))
    if layer.keeps_running and layer.framework.momentum_weighs is not None:
        yield "momentum", "the weight of the " + ("old running value" if _old(report) else "new batch")
    yield "values", sentence("; ".join(preparation_lines(layer.preparation))) or "as the files have them"
    if layer.preparation.patches is not None:
        patches = layer.preparation.patches
        size = " × ".join(str(one) for one in patches.size)
        yield "patches", f"{plural(patches.number, 'patch', 'patches')} of {size} from each volume, seed {patches.seed}"
    if report.comparison is not None and report.comparison.batch_sizes:
        yield "batch sizes compared", ", ".join(f"{point.batch_size:,}" for point in report.comparison.batch_sizes)
    for name, file in (("baseline", asked.baseline), ("reference", asked.reference)):
        if file is not None:
            yield name, printable(file)
    yield "version of bnstat", __version__


def _old(report: FullReport) -> bool:
    return report.check.settings.layer.framework.momentum_weighs == "old"


# --- Who judged ---------------------------------------------------------------------------------------------------


def _rules(report: FullReport) -> Iterator[Block]:
    """Yield the rules that judged, and their thresholds."""
    rules = report.check.rules
    if not rules:
        return
    judging = len(report.answers.judging) if report.samples else 0
    others = len(rules) - judging
    number = plural(judging, "rule") if judging else "No rule"
    rest = f", and {others:,} had nothing to judge" if others and judging else ""
    yield Paragraph(
        f"{number} of bnstat judged the volumes{rest}; what each means and what to do about it: "
        "`bnstat explain` with the code of a rule.",
        links=(Link("Findings", "findings"),) if report.volumes else (),
    )
    names = Items(tuple(f"{one.code} {one.name} ({one.severity}): {sentence(one.summary)}" for one in rules))
    limits = asdict(report.check.settings.limits)
    table = Table(
        anchor="made-limits",
        caption="The thresholds of the rules; --limit changes one.",
        columns=(Column("threshold"), Column("value", numeric=True)),
        rows=tuple(
            Row((Cell(name.replace("_", "-")), Cell(short(value), value, ("check", "settings", "limits", name))))
            for name, value in limits.items()
        ),
    )
    yield Details("The rules and their thresholds", (names, table))
