"""A pattern that joins files into cases: `{case}_{channel}.nii.gz` puts the files of a case side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bnstat.errors import InputError, UsageError
from bnstat.sources import names
from bnstat.sources.case import Case, FoundCases
from bnstat.text import plural

_FIELD = re.compile(r"\{([^{}]*)\}|(\*+)|([{}])")
# The most channels that a message names.
_MOST_NAMED = 8
# Texts in the place of a channel that probably name a label map.
_LABELS = ("seg", "label", "labels", "mask")


@dataclass(frozen=True)
class Pattern:
    """A pattern of file names, which is matched against the end of a path.

    Attributes:
        text: the pattern as it was given.
        expression: the pattern as a regular expression, with the groups before, channel and after.
        channels: the channels in order if the pattern lists them; else empty.
    """

    text: str
    expression: re.Pattern[str]
    channels: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Parse a pattern.

        Raises:
            UsageError: if it does not have one `{channel}`, or has another field than `{case}`.
        """
        given = text.replace("\\", "/").removeprefix("./")
        # the expression of each field, and of the text before it as it stands
        expression, listed, fields, done = "", "", [], 0
        for match in _FIELD.finditer(given):
            expression += re.escape(given[done : match.start()])
            done = match.end()
            field, star, brace = match.groups()
            name, _, more = (field or "").partition(":")
            known = star or ((name == "channel" or field == "case") and not brace)
            if not known:
                raise UsageError(
                    f'`channels="{text}"` contains {match[0]}, which is not known; use {{channel}}, {{case}} and *'
                )
            if star:
                expression += "[^/]*"
            elif name == "channel":
                listed = more
                expression += f")(?P<channel>{_either(text, field)})(?P<after>"
            else:
                expression += "(?P=case)" if "case" in fields else "(?P<case>[^/]+)"
            fields.append(name)
        # the whole: what stands before and after the channel is the same in all files of a case
        if fields.count("channel") != 1:
            raise UsageError(
                f"`channels=\"{text}\"` must contain {{channel}} once, as in '{{case}}_{{channel}}.nii.gz'"
            )
        folder = "" if given.startswith("/") else "(?:.*/)?"
        whole = f"(?P<before>{folder}{expression}{re.escape(given[done:])})"
        return cls(text, re.compile(whole), tuple(_listed(listed)))


def _listed(text: str) -> list[str]:
    """Return the texts between commas."""
    return [one.strip() for one in text.split(",") if one.strip()]


def _either(text: str, field: str) -> str:
    """Return the expression that `{channel}` stands for: any text, or one of those that are listed."""
    _, colon, listed = field.partition(":")
    channels = _listed(listed)
    if colon and (not channels or len(set(channels)) < len(channels)):
        raise UsageError(f'`channels="{text}"` must list different channels after the colon, as in {{channel:t1,t2}}')
    return "|".join(map(re.escape, channels)) or "[^/]+"


def join(found: FoundCases, pattern: Pattern) -> FoundCases:
    """Join files whose names differ only in the channel into cases; cases of data sets stay as they are."""
    # The files of each case by channel.
    matched: dict[tuple[str, str], dict[str, list[str]]] = {}
    left: list[str] = []
    kept = [case for case in found.cases if case.dataset is not None]
    for case in found.cases:
        if case.dataset is None:
            match = pattern.expression.fullmatch(case.given.replace("\\", "/"))
            if match is None:
                left.append(case.given)
            else:
                key = (match["before"], match["after"])
                matched.setdefault(key, {}).setdefault(match["channel"], []).append(case.given)
    # A case of each, with the same channels.
    told = FoundCases(kept, list(found.failures), list(found.notes))
    protocols = next((case.protocols for case in found.cases), ())
    channels = pattern.channels or tuple(sorted({channel for files in matched.values() for channel in files}))
    there = {channel for files in matched.values() for channel in files}
    for key, files in matched.items():
        _add_case(key, files, channels, there, told)
    _tell_of(pattern, channels, bool(matched), left, told)
    return replace(told, cases=[replace(case, protocols=protocols) for case in _named_apart(told.cases)])


def _add_case(
    key: tuple[str, str], files: dict[str, list[str]], channels: Sequence[str], there: set[str], told: FoundCases
) -> None:
    """Add a case with a file for each channel, or the failure that it cannot be one."""
    name = names.joined(*key)
    twice = next(((channel, several) for channel, several in files.items() if len(several) > 1), None)
    if twice is not None:
        channel, several = twice
        told.failures.append(
            InputError(name, f"channel {channel} is given {len(several)} times, first as {several[0]}; give it once")
        )
        return
    missing = tuple(channel for channel in channels if channel not in files)
    if missing:
        whose = "other cases have it" if there.issuperset(missing) else "no case has it"
        told.failures.append(without(name, missing, f"{whose}, and this case has {next(iter(files.values()))[0]}"))
        return
    told.cases.append(Case(name, tuple(files[channel][0] for channel in channels), tuple(channels)))


def without(name: str, missing: Sequence[str], why: str) -> InputError:
    """Return the error that a case lacks the files of some channels."""
    named = ", ".join(missing[:_MOST_NAMED]) + (", …" if len(missing) > _MOST_NAMED else "")
    what = f"channel {named} is" if len(missing) == 1 else f"channels {named} are"
    return InputError(name, f"{what} missing: {why}; add the file, or leave the case out", tuple(missing))


def _tell_of(pattern: Pattern, channels: Sequence[str], matched: bool, left: Sequence[str], told: FoundCases) -> None:
    """Add what to say about files that do not match, and about a channel that is probably a label map."""
    if not matched and left:
        told.failures.append(
            InputError(
                left[0], f'neither this file nor another matches `channels="{pattern.text}"`; change the pattern'
            )
        )
    elif left:
        told.notes.append(
            f"skipped {plural(len(left), 'file')} that `channels={pattern.text!r}` does not match, as {left[0]}"
        )
    for channel in () if pattern.channels else channels:
        if channel.lower() in _LABELS:
            others = ",".join(one for one in channels if one != channel)
            told.notes.append(
                f"{channel} is read as a channel; if it is a label map, leave it out: {{channel:{others}}}"
            )


def _named_apart(cases: Sequence[Case]) -> list[Case]:
    """Return cases with different names: a case without a name of its own gets that of its first file."""
    seen: dict[str, int] = {}
    for case in cases:
        seen[case.name] = seen.get(case.name, 0) + 1
    return [
        replace(case, name=case.files[0]) if case.joined and (seen[case.name] > 1 or not case.name) else case
        for case in cases
    ]
