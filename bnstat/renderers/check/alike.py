"""Findings of one rule on one file, which every format for people groups, and the verdict in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bnstat.escapes import NO_BREAK_SPACE
from bnstat.renderers.findings import also
from bnstat.renderers.headings import settings_line
from bnstat.reports.check import Check, Stale
from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.text import MOST_PLACES, numbered, plural, printable, samples_of
from bnstat.version import link_of_rule

# What findings stand under that are about all samples together.
COHORT = "whole cohort"
# What stands above stale entries.
STALE = "In the baseline, but no longer found (--update-baseline removes them):"
# What stands before the command that explains a finding.
HINT = "What a finding means and what to do:"


@dataclass(frozen=True)
class Alike:
    """Findings of one rule on one file or on the whole cohort, at least one.

    Attributes:
        findings: the findings, in the order in which they were found.
        batches: True if a place is named with its batch, since the file is in several batches.
        samples: the samples of the cohort in words, as in "12 samples".
        only: the file of the cohort if it has a single one.
    """

    findings: tuple[Finding, ...]
    batches: bool
    samples: str
    only: str | None

    @property
    def first(self) -> Finding:
        """The finding whose message stands for all."""
        return self.findings[0]

    @property
    def title(self) -> str:
        """The rule, as in "BN101 zero-variance"."""
        return f"{self.first.rule} {self.first.name}"

    @property
    def apart(self) -> list[Alike]:
        """Each finding by itself, so that each tells its own message."""
        return [replace(self, findings=(finding,)) for finding in self.findings]

    @property
    def where(self) -> str:
        """The file, safe to print, or the whole cohort with the number of its samples; a single file stays one."""
        if self.first.source is not None or self.only is None:
            return f"{COHORT} ({self.samples})" if self.first.source is None else self.file
        return printable(self.only)

    @property
    def file(self) -> str:
        """The file, safe to print, or the whole cohort: a name that stays the same when samples are added."""
        return COHORT if self.first.source is None else printable(self.first.source)

    @property
    def places(self) -> str:
        """Channels, groups and batches, as in "channels 0–2, 5 of batch 1"; empty where they are the whole file."""
        return _places(self.findings, self.batches)

    @property
    def message(self) -> str:
        """The first message in one line, and where else the same was found."""
        return one_line(self.first.message) + also(_places(self.findings[1:], self.batches))


def gathered(check: Check, findings: Iterable[Finding]) -> list[Alike]:
    """Return the findings of each rule on each file: files in order, the whole cohort last, the worst rules first."""
    files = Counter([*(sample.source for sample in check.samples), *(one.file for one in check.checkpoints)])
    order = {source: place for place, source in enumerate(files)}
    groups: dict[tuple[str | None, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.source, finding.rule), []).append(finding)
    samples = _read(check)
    only = next(iter(files)) if len(files) == 1 else None
    found = [
        Alike(tuple(group), (source is None or files[source] > 1) and len(check.samples) > 1, samples, only)
        for (source, _), group in groups.items()
    ]
    last = len(order)
    return sorted(
        found,
        key=lambda one: (
            last + 1 if one.first.source is None else order.get(one.first.source, last),
            SEVERITIES.index(one.first.severity),
        ),
    )


def worst_first(groups: Iterable[Alike]) -> list[Alike]:
    """Return the same groups, all errors before all warnings."""
    return sorted(groups, key=lambda one: SEVERITIES.index(one.first.severity))


def one_line(message: str) -> str:
    """Return a message on one line, safe to print."""
    return " ".join(printable(line.strip()) for line in message.replace(NO_BREAK_SPACE, " ").splitlines())


def outcome(check: Check) -> str:
    """Return the verdict in a word, which never says that all is well where an input cannot be read."""
    if check.failed:
        return "failed"
    return "incomplete" if check.errors else "passed"


def closing(check: Check) -> str:
    """Return the outcome and the verdict, as in "failed: 1 error in 12 samples (fails on error)"."""
    return f"{outcome(check)}: {verdict(check)}"


def verdict(check: Check) -> str:
    """Return what was found in a line, as in "1 error in 12 samples (fails on error); 3 known from the baseline".

    Without findings nothing else on the screen names the layer, so the verdict does.
    """
    samples = _read(check)
    found = counted(check) if check.findings else f"no {'new ' if check.known else ''}findings"
    layer = "" if check.findings else f"{_layer(check)}; "
    parts = [f"{found} in {samples} ({layer}{_fails(check)})"]
    if not check.sources and not check.findings and check.subject is None:
        parts = ["no sample was read"]
    if check.known:
        parts.append(f"{len(check.known):,} known from the baseline")
    if check.stale:
        parts.append(f"{plural(len(check.stale), 'baseline entry', 'baseline entries')} no longer found")
    if check.errors:
        parts.append(f"{plural(len(check.errors), 'input')} cannot be read")
    return "; ".join(parts)


def _read(check: Check) -> str:
    """Return what was judged, counted: samples and checkpoints, or the layers of a network."""
    if check.subject is not None:
        return plural(check.subject.layers, "layer")
    samples = samples_of(len(check.samples), volumes_of(check))
    if not check.checkpoints:
        return samples
    files = plural(len(check.checkpoints), "checkpoint")
    return f"{samples} and {files}" if check.samples else files


def volumes_of(check: Check) -> int | None:
    """Return the number of volumes that samples are patches of; None where samples are no patches."""
    if any(sample.patch is None for sample in check.samples):
        return None
    return len({sample.volume for sample in check.samples}) or None


def counted(check: Check) -> str:
    """Return how many findings of each severity there are, as in "3 warnings, 1 note"."""
    counts = Counter(finding.severity for finding in check.findings)
    return ", ".join(plural(counts[severity], severity) for severity in SEVERITIES if counts[severity])


def _fails(check: Check) -> str:
    """Return which findings fail the check, as --fail-on has it."""
    least = check.settings.fail_on
    return {"never": "never fails", "error": "fails on error"}.get(least, f"fails on {least} or worse")


def settings_of(check: Check) -> str:
    """Return which layer it is, its batch size, and the batch size that was judged if samples cannot share a batch.

    Of a network or of checkpoints alone, which ones they are.
    """
    if check.subject is not None:
        run = f", run on {samples_of(len(check.samples), volumes_of(check))}" if check.samples else ""
        return f"the layers of {printable(check.subject.title)}{run}"
    if check.checkpoints and not check.samples:
        return _layers(check)
    return settings_line(check.settings.layer) + _judged(check)


def _layers(check: Check) -> str:
    """Return how many layers the checkpoints contain."""
    layers = plural(sum(one.layers for one in check.checkpoints), "normalization layer")
    return f"{layers} of {plural(sum(one.channels for one in check.checkpoints), 'channel')}"


def _judged(check: Check) -> str:
    return "; shapes differ, so each sample was judged as a batch of 1" if check.apart else ""


def _layer(check: Check) -> str:
    """Return the layer and the batch size in a few words, as in "Keras batch norm, batch size 2", or the network."""
    if check.subject is not None:
        return printable(check.subject.title)
    if check.checkpoints and not check.samples:
        return _layers(check)
    settings = check.settings.layer
    ranks = f" on each of {settings.ranks} ranks" if settings.ranks > 1 else ""
    return f"{settings.maker} {settings.layer}, batch size {settings.batch_size}{ranks}{_judged(check)}"


def stale_line(entry: Stale) -> str:
    """Return a stale entry in words."""
    where = COHORT if entry.path is None else printable(entry.path)
    layer = "" if entry.layer is None else f", layer {printable(entry.layer)}"
    channel = "" if entry.channel is None else f", channel {entry.channel}"
    return f"{entry.rule} {entry.name}: {where}{layer}{channel}"


def hint(check: Check) -> str:
    """Return the command that explains the worst rule that found anything."""
    return f"bnstat explain {_worst(check).rule}"


def page(check: Check) -> str:
    """Return where the page of that rule is, as in ", or https://…"; empty without a site."""
    worst = _worst(check)
    link = link_of_rule(worst.rule, worst.name)
    return f", or {link}" if link else ""


def _worst(check: Check) -> Finding:
    return min(check.findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _places(findings: Sequence[Finding], batches: bool) -> str:
    """Return the places of findings, batches with the same channels or groups together, the first ones of many."""
    parts: dict[tuple[str, int | None, str], list[int]] = {}
    for finding in findings:
        kind, number = _part(finding)
        layer = "" if finding.layer is None else printable(finding.layer)
        parts.setdefault((layer, finding.batch if batches else None, kind), []).extend(number)
    same: dict[tuple[str, str, tuple[int, ...]], list[int]] = {}
    for (layer, batch, kind), numbers in parts.items():
        same.setdefault((layer, kind, tuple(numbers)), []).extend([] if batch is None else [batch])
    named = [
        ", ".join(filter(None, [layer, _place(kind, numbers, found)])) for (layer, kind, numbers), found in same.items()
    ]
    more = f"; … ({len(named) - MOST_PLACES:,} more)" if len(named) > MOST_PLACES else ""
    return "; ".join(filter(None, named[:MOST_PLACES])) + more


def _part(finding: Finding) -> tuple[str, list[int]]:
    if finding.channel is not None:
        return "channel", [finding.channel]
    return ("", []) if finding.group is None else ("group", [finding.group])


def _place(kind: str, numbers: Sequence[int], batches: Sequence[int]) -> str:
    return " of ".join(filter(None, (numbered(kind, kind + "s", numbers), numbered("batch", "batches", batches))))
