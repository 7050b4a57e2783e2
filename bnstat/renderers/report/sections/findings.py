"""The section "Findings" of the page: a card for each rule, the gravest first, and what was looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bnstat.renderers.check.alike import counted, stale_line
from bnstat.renderers.findings import by_rule
from bnstat.renderers.report.blocks import Block, Details, FindingCard, Items, Link, Paragraph, Section
from bnstat.renderers.report.sections.flagged import finding_anchor, whole_sentence, worst
from bnstat.renderers.report.words import plain
from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.reports.full.full_report import FullReport
from bnstat.reports.full.verdict.answers import ON_BATCH_SIZE
from bnstat.reports.full.verdict.on_batch_size import sizes_without
from bnstat.reports.full.volume_names import VolumeNames
from bnstat.text import capitalized, numbered, plural, printable, sentence

# The volumes that a card links to; all of them follow, folded away.
MOST_PLACES = 10

# The order of rules of one severity: on volumes and channels, and on the arithmetic, before those on the batch size.
_ORDER = (("BN1",), ("BN207", "BN208"), ("BN4",), ("BN3",))

# The section with the plot that a rule is about.
_PLOTS = {
    **dict.fromkeys(ON_BATCH_SIZE, ("Numbers over the batch size", "batch-size")),
    **dict.fromkeys(("BN102", "BN103", "BN108"), ("What ε does", "epsilon")),
    **dict.fromkeys(("BN207", "BN208"), ("Volumes beside each other", "between-volumes")),
    **dict.fromkeys(("BN109", "BN406"), ("Intensities", "intensities")),
    **dict.fromkeys(("BN301", "BN302", "BN303"), ("Frameworks", "frameworks")),
}


def section(report: FullReport) -> Section | None:
    """Return the section; None if nothing could be read."""
    if not report.volumes:
        return None
    names = report.volume_names
    blocks: list[Block] = [_opening(report)]
    for group in sorted(by_rule(report.findings), key=_rank):
        blocks += _card(group, report, names)
    blocks += [*_known(report), *_looked_for(report)]
    return Section("findings", "Findings", tuple(blocks))


def _rank(group: Sequence[Finding]) -> tuple[int, int]:
    """Return the place of a rule: by severity, then volumes and channels before what the batch size does to them."""
    code = group[0].rule
    about = next((place for place, rules in enumerate(_ORDER) if code.startswith(rules)), len(_ORDER))
    return SEVERITIES.index(group[0].severity), about


def _opening(report: FullReport) -> Paragraph:
    """Return how many findings there are, and which volumes their numbers count in."""
    rules = plural(len(report.answers.judging), "rule")
    new = "new " if report.check.known else ""
    if not report.findings:
        return Paragraph(f"No {new}findings: {rules} looked at these data, and none found a fault.", "good", lead=True)
    tone = worst(report.findings) or "plain"
    text = f"{rules} looked at these data and report {counted(report.check)}."
    several = {one.rule for one in report.findings} & set(ON_BATCH_SIZE)
    out, others = len(report.left_out), sizes_without(report.answers)
    if several and out:
        text += f" The findings on the batch size count {report.answers.left_out_in_short} in."
    if len(several) > 1:
        without = "" if others is None else f", and leaves {'it' if out == 1 else 'them'} out"
        text += (
            " Each rule on the batch size names the size for its own limit; the verdict has one size for all limits"
            f"{without}."
        )
    return Paragraph(text, tone, lead=True)


def _card(group: Sequence[Finding], report: FullReport, names: VolumeNames) -> Iterator[Block]:
    """Yield the card of a rule, and the rest of its messages folded away."""
    first = group[0]
    volumes = list(dict.fromkeys(volume.place for one in group for volume in report.answers.about(one)))
    yield FindingCard(
        anchor=finding_anchor(first.rule),
        severity=first.severity,
        code=first.rule,
        title=_title(first.name),
        message=_begun(_plain(first.message, first, names), first, report),
        meaning=_meaning(first, report),
        places=tuple(_places(group, volumes, report, names)),
        more=_more(group, volumes, report, names),
    )
    others = tuple(dict.fromkeys(_message(one, report) for one in group[1:]))
    if others:
        yield Details(
            f"All messages of {first.rule} {first.name} ({len(group):,})", (Items((_message(first, report), *others)),)
        )


def _title(name: str) -> str:
    """Return the name of a rule as a heading, as in "NaN voxels"."""
    return capitalized(name.replace("-", " ")).replace("Nan ", "NaN ").replace("Train eval", "Train/eval")


def _message(finding: Finding, report: FullReport) -> str:
    """Return a message with the file that it is about."""
    said = _plain(sentence(finding.message), finding, report.volume_names)
    source = None if finding.source is None else printable(finding.source)
    return _begun(said, finding, report) if source is None or source in said else f"{source}: {said}"


def _plain(message: str, finding: Finding, names: VolumeNames) -> str:
    """Return a message in plain words; one that may name files stays as it is."""
    return plain(message, names.noun) if finding.rule in ON_BATCH_SIZE else message


def _begun(message: str, finding: Finding, report: FullReport) -> str:
    """Return a message with a capital letter at its start, unless it starts with the name of a file."""
    files = (finding.source, *(volume.sample.source for volume in report.volumes))
    named = any(message.startswith((one, printable(one))) for one in files if one)
    return message if named or not message else capitalized(message)


def _meaning(finding: Finding, report: FullReport) -> str:
    """Return what such a finding means for a training, from the documentation of its rule."""
    rule = next((one for one in report.check.rules if one.code == finding.rule), None)
    return "" if rule is None else f"{rule.summary} {' '.join(rule.why.split())}"


def _places(group: Sequence[Finding], volumes: Sequence[int], report: FullReport, names: VolumeNames) -> Iterator[Link]:
    """Yield what a card links to: the rows of volumes, their pictures, and the plot that it is about."""
    pictures = {(one.volume, one.channel) for one in report.voxels.slices}
    channels = {one.channel for one in group if one.channel is not None}
    for place in volumes[:MOST_PLACES]:
        yield Link(names.full[place], f"volume-{place}")
        shown = sorted(channel for volume, channel in pictures if volume == place)
        seen = [channel for channel in shown if channel in channels] or shown
        if seen:
            yield Link(f"Picture of {names.short[place]}", f"slices-{place}-{seen[0]}")
    if group[0].rule in _PLOTS:
        yield Link(*_PLOTS[group[0].rule])


def _more(group: Sequence[Finding], volumes: Sequence[int], report: FullReport, names: VolumeNames) -> str | None:
    """Return how many further findings there are, and on what."""
    if len(group) < 2:
        return None
    channels = numbered("channel", "channels", {one.channel for one in group if one.channel is not None})
    where = f"in {channels}" if channels and report.channels > 1 else ""
    on = f"on {plural(len(volumes), names.noun)}" if volumes else ""
    hidden = f", of which {MOST_PLACES} are named here" if len(volumes) > MOST_PLACES else ""
    said = " ".join(filter(None, (plural(len(group), "finding"), "of this rule", where, on)))
    return f"{said}{hidden}."


def _known(report: FullReport) -> Iterator[Block]:
    """Yield the findings that the baseline has, and those of its entries that are no longer found."""
    known, stale = report.check.known, report.check.stale
    if known:
        texts = tuple(f"{one.rule} {one.name} ({one.severity}): {_message(one, report)}" for one in known)
        yield Details(f"{plural(len(known), 'finding')} known from the baseline", (Items(texts),))
    if stale:
        entries = plural(len(stale), "entry of the baseline", "entries of the baseline")
        yield Details(f"{entries} no longer found", (Items(tuple(map(stale_line, stale))),))


def _looked_for(report: FullReport) -> Iterator[Block]:
    """Yield the rules that judged and found nothing, those that had nothing to judge, and the notes, folded away."""
    quiet = report.answers.quiet
    if quiet:
        texts = tuple(f"{one.summary} ({one.severity} {one.code} {one.name})" for one in quiet)
        yield Details(f"What {plural(len(quiet), 'rule')} looked for and did not find", (Items(texts),))
    if report.silent:
        reasons = tuple(dict.fromkeys(f"{capitalized(sentence(why))}." for why in report.silent.values()))
        yield Details(f"What was not judged: {plural(len(report.silent), 'rule')}", (Items(reasons),))
    if report.notes:
        texts = tuple(whole_sentence(report, one) for one in report.notes)
        yield Details(f"How the inputs were understood: {plural(len(texts), 'note')}", (Items(texts),))
