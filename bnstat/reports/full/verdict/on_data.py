"""Whether a channel or a volume is broken, by the findings of `check`, and what to do first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bnstat.reports.finding import SEVERITIES, Finding
from bnstat.reports.full.left_out import ODD
from bnstat.reports.full.verdict.answers import MOST_NAMED, ON_BATCH_SIZE, Answers, Remark, first_names
from bnstat.reports.full.verdict.apart import apart_of, odd_volumes
from bnstat.reports.full.volumes import ReportedVolume
from bnstat.text import number, numbered, plural, printable, sentence


def on_data(answers: Answers) -> tuple[Remark, ...]:
    """Return what is wrong with inputs, volumes and channels, the gravest first; or that nothing was found."""
    found = [*_unread(answers), *_labels(answers), *_broken(answers), *_odd(answers), *_other(answers)]
    if not found and not answers.labels.everywhere:
        found = [Remark(_in_order(answers), tone="good")]
    found += lying_apart(answers)
    known = len(answers.check.known)
    if known:
        verb = "finding in the baseline is" if known == 1 else "findings in the baseline are"
        found.append(Remark(f"{known:,} {verb} not repeated here."))
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
        yield Remark(f"{len(errors):,} {verb} left out: {first_names(_sources(answers))}.", tone="error")


def _sources(answers: Answers) -> list[str]:
    return [printable(one.source) for one in answers.check.errors]


def _labels(answers: Answers) -> Iterator[Remark]:
    """Yield which inputs are label maps, where not all are: then the verdict opens with it."""
    labels = answers.labels
    if labels.sentence and not labels.everywhere:
        places = [volume.place for one in _of_rule(answers, "BN406") for volume in answers.about(one)]
        yield Remark(sentence(labels.sentence), tuple(dict.fromkeys(places)), "BN406", "warning")


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
        said = f"{summary} ({group[0].severity} {group[0].rule}){_where(answers, group)}."
        yield Remark(said, (*volumes,), group[0].rule, group[0].severity)


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
    named = answers.named(sorted(volumes))
    return f": {part} of {named}" if part and named else f": {part or named}" if part or named else ""


def _of_rule(answers: Answers, code: str) -> list[Finding]:
    return [one for one in answers.check.findings if one.rule == code]


# --- Odd volumes ---------------------------------------------------------------------------------------------------


def _odd(answers: Answers) -> Iterator[Remark]:
    """Yield each volume that is far from the others, with its numbers and theirs."""
    places = odd_volumes(answers)
    for place in places[:MOST_NAMED]:
        yield Remark(_of_odd(answers, place), (place,), ODD, "warning")
    if len(places) > MOST_NAMED:
        rest = places[MOST_NAMED:]
        verb = "does" if len(rest) == 1 else "do"
        yield Remark(f"{len(rest):,} more {verb} not fit the others.", rest, ODD, "warning")


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
        f"and its SD (standard deviation) is {_number(own.std)}. "
        f"In the other {answers.word}s the mean is {_span([o.mean for o in others])} "
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


def lying_apart(answers: Answers) -> Iterator[Remark]:
    """Yield the volume that lies apart where volumes are too few for the rule on odd ones."""
    found = apart_of(answers)
    if found is not None:
        figure = "mean" if found.figure == "mean" else "SD (standard deviation)"
        where = f" in {answers.title_of(found.channel)}" if answers.channels > 1 else ""
        yield Remark(
            f"{answers.name_of(found.place)} lies apart from the others: its {figure}{where} is {number(found.value)}, "
            f"and those of the others are {_span([found.low, found.high])}. No rule judges this: the one on "
            f"odd {answers.word}s ({ODD}) needs more of them.",
            (found.place,),
            tone="note",
        )


# --- What to do ----------------------------------------------------------------------------------------------------


def steps_on_data(answers: Answers) -> Iterator[str]:
    """Yield what to do about inputs, volumes and channels, the gravest first."""
    if answers.check.errors:
        names = first_names(_sources(answers))
        yield f"Repair what could not be read, or leave it out of the training: {names}."
    if answers.labels.everywhere:
        yield "Give the images instead of the label maps, and make this page again."
        return
    for remark in (*_labels(answers), *_broken(answers)):
        where = "" if len(remark.volumes) == len(answers.volumes) else answers.named(remark.volumes)
        what = "it has labels among the images" if remark.rule == "BN406" else _problem(answers, remark.rule or "")
        yield f"Correct {where or 'this'}: {what} ({remark.rule}). The section Findings says how."
    odd = odd_volumes(answers)
    if odd:
        names = answers.named(odd)
        one = len(odd) == 1
        yield (
            f"Look at {names}: compare {'its' if one else 'their'} units, scale factors and intensity normalization "
            f"with those of another {answers.word}. Correct {'it' if one else 'them'}, or leave "
            f"{'it' if one else 'them'} out of the training."
        )
    apart = apart_of(answers)
    if apart is not None:
        yield f"Look at {answers.name_of(apart.place)}, and compare it with another {answers.word}."
    others = [remark.rule for remark in _other(answers) if remark.rule is not None]
    serious = [code for code in others if any(one.severity == "warning" for one in _of_rule(answers, code))]
    for code in serious:
        yield f"Read in the section Findings what to do about this: {_problem(answers, code)} ({code})."


def _problem(answers: Answers, code: str) -> str:
    """Return the problem of a rule as the end of a sentence, as in "a channel contains NaN"."""
    finding = next(one for one in answers.check.findings if one.rule == code)
    words = summary_of(answers, finding).removesuffix(".")
    return words[0].lower() + words[1:]
