"""Whether a channel or a volume is broken, by the findings of `check`, and what to do first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.reports.full.answers import ODD, ON_BATCH_SIZE, Answers, Remark
from bnstat.reports.full.on_batch_size import odd_volumes
from bnstat.reports.full.volumes import ReportedVolume
from bnstat.text import joined, number, numbered, plural, printable, sentence

# The volumes that a sentence names before it counts the rest.
MOST_NAMED = 5


def on_data(answers: Answers) -> tuple[Remark, ...]:
    """Return what is wrong with inputs, volumes and channels, the gravest first; or that nothing was found."""
    found = [*_unread(answers), *_labels(answers), *_broken(answers), *_odd(answers), *_other(answers)]
    if not found:
        found = [Remark(_in_order(answers))]
    if answers.check.known:
        found.append(Remark(f"{plural(len(answers.check.known), 'finding')} in the baseline are not repeated here."))
    return tuple(found)


def _in_order(answers: Answers) -> str:
    """Return that no rule found anything but what the batch size does."""
    rules = [one for one in answers.judging if one.code not in ON_BATCH_SIZE]
    return (
        f"No {answers.word} and no channel is broken, as far as {plural(len(rules), 'rule')} can tell: the section "
        "Findings lists what they look for."
    )


def _unread(answers: Answers) -> Iterator[Remark]:
    errors = answers.check.errors
    if errors:
        verb = "input could not be read and is" if len(errors) == 1 else "inputs could not be read and are"
        yield Remark(f"{len(errors):,} {verb} left out: {_named([printable(one.source) for one in errors])}.")


def _labels(answers: Answers) -> Iterator[Remark]:
    """Yield which inputs are label maps, where not all are: then the verdict opens with it."""
    labels = answers.labels
    if labels.sentence and not labels.everywhere:
        places = [volume.place for one in _of_rule(answers, "BN406") for volume in answers.about(one)]
        yield Remark(sentence(labels.sentence), tuple(dict.fromkeys(places)), "BN406")


def _broken(answers: Answers) -> Iterator[Remark]:
    """Yield each rule with errors, and where they are."""
    yield from _by_rule(answers, [one for one in answers.check.findings if one.severity == "error"])


def _other(answers: Answers) -> Iterator[Remark]:
    """Yield each other rule with findings that are about the data."""
    spoken = {ODD} if odd_volumes(answers) else set()
    rest = [one for one in answers.check.findings if one.severity != "error" and one.rule not in spoken]
    yield from _by_rule(answers, [one for one in rest if one.rule not in ON_BATCH_SIZE])


def _by_rule(answers: Answers, findings: Iterable[Finding]) -> Iterator[Remark]:
    groups: dict[str, list[Finding]] = {}
    for one in findings:
        if one.rule != "BN406":
            groups.setdefault(one.rule, []).append(one)
    for group in sorted(groups.values(), key=lambda some: SEVERITIES.index(some[0].severity)):
        volumes = dict.fromkeys(volume.place for one in group for volume in answers.about(one))
        summary = summary_of(answers, group[0]).removesuffix(".")
        yield Remark(
            f"{summary} ({group[0].severity} {group[0].rule}){_where(answers, group)}.", (*volumes,), group[0].rule
        )


def summary_of(answers: Answers, finding: Finding) -> str:
    """Return the problem of a rule in a sentence, as the rule itself has it."""
    known = {one.code: one.summary for one in answers.check.rules}
    return known.get(finding.rule, finding.name.replace("-", " ").capitalize() + ".")


def _where(answers: Answers, findings: Sequence[Finding]) -> str:
    """Return where a rule found something, as in ": channel 1 (T2) of a.nii.gz and b.nii.gz"."""
    channels = {one.channel for one in findings if one.channel is not None}
    volumes: dict[int, ReportedVolume] = {}
    for one in findings:
        volumes.update({volume.place: volume for volume in answers.about(one)})
    part = ""
    if channels and answers.channels > 1:
        part = answers.title_of(min(channels)) if len(channels) == 1 else numbered("channel", "channels", channels)
    every = not volumes or len(volumes) == len(answers.volumes)
    if every and len(answers.volumes) > 1:
        whole = f"all {answers.counted(len(answers.volumes))} together" if not volumes else f"all {answers.word}s"
        return f": {part} of {whole}" if part else ""
    named = _named([answers.name_of(place) for place in sorted(volumes)])
    return f": {part} of {named}" if part and named else f": {part or named}" if part or named else ""


def _named(names: Sequence[str]) -> str:
    """Return names, the first of many, as in "a, b, c, d, e and 7 more"."""
    if len(names) <= MOST_NAMED:
        return joined(names) if names else ""
    return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED:,} more"


def _of_rule(answers: Answers, code: str) -> list[Finding]:
    return [one for one in answers.check.findings if one.rule == code]


# --- Odd volumes ---------------------------------------------------------------------------------------------------


def _odd(answers: Answers) -> Iterator[Remark]:
    """Yield each volume that is far from the others, with its numbers and theirs."""
    places = odd_volumes(answers)
    for place in places[:MOST_NAMED]:
        yield Remark(_of_odd(answers, place), (place,), ODD)
    if len(places) > MOST_NAMED:
        rest = places[MOST_NAMED:]
        verb = "does" if len(rest) == 1 else "do"
        yield Remark(f"{len(rest):,} more {verb} not fit the others.", rest, ODD)


def _of_odd(answers: Answers, place: int) -> str:
    """Return the mean and the SD of an odd volume beside those of all volumes that are not odd in its channel."""
    mine = [one for one in _of_rule(answers, ODD) if place in [volume.place for volume in answers.about(one)]]
    worst = max(mine, key=lambda one: one.value or 0.0)
    channel = worst.channel or 0
    odd = {v.place for one in _of_rule(answers, ODD) if one.channel == worst.channel for v in answers.about(one)}
    others = [one.channels[channel] for one in answers.volumes if one.place not in odd and channel < len(one.channels)]
    own = answers.volumes[place].channels[channel]
    where = f" in {answers.title_of(channel)}" if answers.channels > 1 else ""
    more = len({one.channel for one in mine}) - 1
    also = f" The same holds for {plural(more, 'other channel')} of it." if more else ""
    return (
        f"{answers.name_of(place)} does not fit the others: its mean{where} is {_number(own.mean)} "
        f"and its SD is {_number(own.std)}. In the other {answers.word}s the mean is {_span([o.mean for o in others])} "
        f"and the SD is {_span([o.std for o in others])}.{also}"
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else number(value)


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "unknown"
    low, high = number(min(known)), number(max(known))
    return low if low == high else f"between {low} and {high}"


# --- What to do ----------------------------------------------------------------------------------------------------


def steps_on_data(answers: Answers) -> Iterator[str]:
    """Yield what to do about inputs, volumes and channels, the gravest first."""
    if answers.check.errors:
        names = _named([printable(one.source) for one in answers.check.errors])
        yield f"Repair what could not be read, or leave it out of the training: {names}."
    if answers.labels.everywhere:
        yield "Give the images instead of the label maps, and make this page again."
        return
    for remark in (*_labels(answers), *_broken(answers)):
        where = _named([answers.name_of(place) for place in remark.volumes])
        about = f"{where}: " if where and len(remark.volumes) < len(answers.volumes) else ""
        code = remark.rule or ""
        what = "labels among the images" if code == "BN406" else _problem(answers, code)
        yield f"Correct {about}{what} ({code}); the section Findings says how."
    odd = odd_volumes(answers)
    if odd:
        names = _named([answers.name_of(place) for place in odd])
        one = len(odd) == 1
        yield (
            f"Look at {names}: compare {'its' if one else 'their'} units, scale factors and intensity normalization "
            f"with those of another {answers.word}. Correct {'it' if one else 'them'}, or leave "
            f"{'it' if one else 'them'} out of the training."
        )
    others = [remark.rule for remark in _other(answers) if remark.rule is not None]
    serious = [code for code in others if any(one.severity == "warning" for one in _of_rule(answers, code))]
    if serious:
        yield f"Read in the section Findings what to do about {joined([_problem(answers, code) for code in serious])}."


def _problem(answers: Answers, code: str) -> str:
    """Return the name of a rule in words, as in "zero variance"."""
    name = next((one.name for one in answers.check.findings if one.rule == code), code)
    return name.replace("-", " ")
