"""The question which kind of file to take: it lists what is there, and what to type for each answer."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence

from bnstat.errors import UsageError
from bnstat.sources.survey.parts import Part, Traits
from bnstat.text import plural

# The most kinds that a question lists.
_MOST_KINDS = 12
# Kinds that are no channels beside others: series, and what belongs to them.
_SERIES = ("bold", "boldref", "sbref", "dwi", "asl", "epi", "4d")
# The kind that most data sets have, and that is named first.
_USUAL = ("t1w", "t1n", "t1")


def kinds_in(parts: Sequence[Part]) -> str:
    """Return the kinds that are there with the number of their files, and which of them look like labels."""
    counts = Counter(part.title for part in parts)
    labels = {part.title for part in parts if part.labels}
    shown = [
        f"{title} ({plural(number, 'file')}{', by its name a label map' if title in labels else ''})"
        for title, number in list(counts.items())[:_MOST_KINDS]
    ]
    more = len(counts) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def asked_of(folder: str, parts: Sequence[Part], traits: Traits) -> UsageError:
    """Return the error that a folder holds several kinds of file, with the commands that take some of them."""
    images = [part for part in parts if not part.labels] or list(parts)
    number = len({part.kind for part in parts})
    place = shlex.quote(folder or ".")
    first = _titles(images)[0]
    ways = [f"one as the samples, as in: bnstat inspect {place} --suffix {shlex.quote(first)}"]
    channels = _channels(images)
    if len(channels) > 1:
        named = shlex.quote(",".join(channels))
        ways.append(f"several as the channels of a case, as in: bnstat inspect {place} --channels {named}")
    sites = "if these are sites or groups, " if traits.joins and not any(part.known for part in images) else ""
    return UsageError(
        f"{folder or 'the files'}: there are {plural(number, *traits.kinds)}, and bnstat mixes none unless it is "
        f"told to: {kinds_in(parts)}; take {'; or '.join(ways)}; or {sites}take every file as a sample with `each`"
    )


def _titles(images: Sequence[Part]) -> list[str]:
    """Return the kinds of images that an option can name, images of one time point first."""
    titles = dict.fromkeys(part.title for part in images if "," not in part.title)
    ordered = sorted(titles, key=lambda title: (title.lower() in _SERIES, title.lower() not in _USUAL))
    return ordered or [images[0].title]


def _channels(images: Sequence[Part]) -> list[str]:
    """Return the kinds that the most cases have together, each once; fewer than two if no case has several."""
    able = [title for title in _titles(images) if title.lower() not in _SERIES]
    cases: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for part in images:
        if part.title in able:
            cases[part.case][part.title] += 1
    sets = Counter(
        tuple(title for title in able if found[title] == 1)
        for found in cases.values()
        if sum(number == 1 for number in found.values()) > 1
    )
    return list(max(sets.items(), key=lambda item: (item[1], len(item[0])))[0]) if sets else []
