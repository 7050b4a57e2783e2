"""Words of a rendered report that are wrong: singular and plural, what the layer does not have, broken lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from random_reports import RandomReport
from screen_lines import is_row, messages_of, plain

from bnstat.layers.frameworks import FRAMEWORKS

# Widths of terminals at which lines are broken and columns are hidden.
WIDTHS = (40, 60, 80, 120)

_NOUNS = (
    "sample|volume|value|voxel|channel|group|step|file|level|input|error|warning|note|rank|framework|normalizer|finding|"
    "case|change|correction|place|time|row|column"
)
_SEVERAL = rf"(?:{_NOUNS})s|patches|batches|entries"
_ONE = rf"{_NOUNS}|patch|batch|entry"
_ADJECTIVE = r"(?:usable |other |training |simulated training |more |infinite |different |synchronized )?"

_WRONG_NUMBER = (
    re.compile(rf"(?<![\w.,–/=])1 {_ADJECTIVE}(?:{_SEVERAL})\b"),
    re.compile(rf"(?<![\w.,–/=])(?:0|[2-9]|\d[\d,]*\d) {_ADJECTIVE}(?:{_ONE})\b(?! size| norm)"),
    re.compile(
        rf"(?<![\w.,–/=])1 (?:of [\d,]+ )?{_ADJECTIVE}(?:{_ONE}|{_SEVERAL}) (?:are|have|differ|cannot be made)\b"
    ),
    re.compile(rf"(?<![\w.,–/=])(?:0|[2-9]|\d[\d,]*\d) {_ADJECTIVE}(?:{_SEVERAL}) (?:is|has|differs)\b"),
    re.compile(r"\bchannels \d+(?![\d–,])(?! and| or)|\bchannel \d+(?:–|, )\d"),
    re.compile(r"\b(?:batches|samples) \d+(?![\d–,])(?! and| or)"),
    re.compile(r"(?<=\b[Bb]atch )size [\d,]+ (?:are|were)\b"),
    re.compile("[ΕΡΣΒΓΜ]"),  # capitals of Greek symbols, which look like other letters
)

# Units that stay with their numbers, and words that may begin a line after a number.
_UNITS = (
    r"%|SD|mm|times|NaN|patch(?:es)?|batch(?:es)?|entr(?:y|ies)|MiB|GiB|"
    rf"(?:training |usable |other )?(?:{_NOUNS})s?\b"
)


def faults_of_wording(report: RandomReport) -> Iterator[str]:
    """Yield words that do not fit their numbers, and what is said of parts that the layer does not have."""
    for line in plain(report.screen).splitlines():
        if is_row(report.command, line):
            continue
        untitled = re.sub(r"\bBN\d+ [\w-]+|\bKeras 2\b", "", line)
        for pattern in _WRONG_NUMBER:
            for match in pattern.finditer(untitled):
                yield f"number: {match.group()!r} in {line.strip()!r}"
    for settings, text in _texts(report):
        for words, why in _forbidden(settings):
            found = re.search(words, text)
            if found:
                yield f"{why}: {found.group()!r} in {text!r}"


def _texts(report: RandomReport) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Yield what is said of one layer, with its settings."""
    if report.command in ("inspect", "check"):
        settings = report.document["settings"]
        texts = [*messages_of(report), *report.document.get("verdict", ()), report.document.get("answer") or ""]
        yield from ((settings, plain(text)) for text in texts)
    elif report.command == "compare_layers":
        for entry in report.document[report.report.by]:
            settings = {
                **report.document["settings"],
                **{name: entry[name] for name in ("framework", "normalizer", "epsilon")},
            }
            yield from ((settings, plain(finding["message"])) for finding in entry["findings"])


def _forbidden(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield patterns of what must not be said of such a layer, with the reason."""
    kind = settings["normalizer"].partition(":")[0]
    by_sample = kind in ("instance", "layer", "group", "rms")
    if not FRAMEWORKS[settings["framework"]].keeps_running or kind == "weight-init":
        yield r"[Rr]unning|[Ee]valuation|momentum", "no running statistics are kept"
    if by_sample:
        yield (
            r"shares? (?:its|a) batch|in a larger batch|statistics of all samples|of a batch with|larger batch|"
            r"ranks|--batch-size",
            "each sample is normalized by itself",
        )
    elif settings["batch_size"] * settings["ranks"] == 1:
        yield r"others share its batch|of a batch with this|which kinds share a batch", "a batch is one sample"
    if settings["epsilon"] is None:
        yield r"ε (?:[=≤<] |\(epsilon\) )?\d|\+ ε\b|(?<!√)ε (?:reshapes|matters little)", "there is no ε"
    if kind == "rms":
        yield r"subtracts? (?:the|its) mean|output variance", "RMS norm subtracts no mean"


# --- Narrow screens ------------------------------------------------------------------------------------------------


def faults_of_widths(report: RandomReport) -> Iterator[str]:
    """Yield what is lost or broken on screens of several widths."""
    sentences = [line.strip() for line in plain(report.screen).splitlines() if not is_row(report.command, line)]
    cells = _cells(report.screen)
    for width in WIDTHS:
        screen = plain(report.render(width))
        flowing = "".join(screen.split())
        hidden = "hidden: " in screen
        for sentence in filter(None, sentences):
            if "".join(sentence.split()) not in flowing and not (hidden and _may_be_hidden(sentence)):
                yield f"width {width}: {sentence!r} is not there"
        lines = screen.splitlines()
        for line, following in pairwise(lines):
            if re.search(r"(?<![\w.])[\d.,]*\d$", line) and re.match(rf" *(?:{_UNITS})", following):
                across = " ".join([*line.split()[-3:], *following.split()[:2]])
                if any(across in " ".join(sentence.split()) for sentence in sentences):
                    yield f"width {width}: {line!r} breaks off before {following!r}"
        for match in re.finditer(r"\d…|…\d", screen):
            yield f"width {width}: a number is cut: {screen[max(match.start() - 30, 0) : match.end() + 30]!r}"
        for line in lines:
            if len(line) > width and " " in line.strip() and not _wide(line):
                yield f"width {width}: {line!r} has {len(line)} columns"
        yield from (f"width {width}: the cell {cell!r} is in no wide table" for cell in _cells(screen) - cells)


_GAPS = re.compile(r"\S {2,}\S")


def _may_be_hidden(words: str) -> bool:
    """Return True for the legend of a column, which goes with it."""
    return ": " in words


def _wide(line: str) -> bool:
    """Return True for lines that are never broken: rows of numbers, and calls to be typed."""
    if re.fullmatch(r"[ \d.,e+%−–-]+", line):  # of the columns that are never hidden, one space apart
        return True
    return bool(_GAPS.search(line.strip())) or bool(re.match(r" *[\w.]+\(.*\)$", line)) or "┤" in line or "│" in line


def _cells(screen: str) -> set[str]:
    """Return the numbers with a point, a comma or a power of ten that stand in rows of tables."""
    rows = [line for line in screen.splitlines() if _GAPS.search(line.strip()) and not re.search("[┤│└╌]", line)]
    number = re.compile(r"[−-]?\d[\d,]*\.?\d*(?:e[+-]\d+)?%?")
    return {word for row in rows for word in row.split() if number.fullmatch(word) and len(word) > 3}
