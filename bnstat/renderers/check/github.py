"""The verdict as workflow commands, which GitHub Actions shows as annotations, and the summary of the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bnstat.escapes import backslashed
from bnstat.renderers.check import alike, markdown
from bnstat.renderers.check.alike import Alike
from bnstat.renderers.check.paths import located
from bnstat.reports.check import Check
from bnstat.reports.finding import Failure
from bnstat.text import plural, printable

# Annotations of one kind that GitHub shows for a step.
MOST = 10
# Bytes of a step's summary: it refuses 1 MiB and more, and another command of the step may have written there.
MOST_BYTES = 900_000

_KINDS = {"error": "error", "warning": "warning", "note": "notice"}
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY_ESCAPES = {**_ESCAPES, ":": "%3A", ",": "%2C"}


def render(check: Check) -> str:
    """Return an annotation for each rule on each file, the worst first, as many as GitHub shows, and a summary line."""
    groups = alike.worst_first(alike.gathered(check, check.findings))
    paths = located(check)
    counts: Counter[str] = Counter()
    lines, left = [], 0
    for kind, line, findings in (*_failures(check, paths), *_found(groups, paths)):
        counts[kind] += 1
        if counts[kind] <= MOST:
            lines.append(line)
        else:
            left += findings
    if left:
        lines.append(
            f"{plural(left, 'more finding')} without an annotation, since GitHub shows {MOST} of a kind per step."
        )
    return "\n".join([*lines, f"bnstat check {alike.closing(check)}"]) + "\n"


def summary(check: Check) -> str:
    """Return Markdown for the file that $GITHUB_STEP_SUMMARY names, within its limit of bytes."""
    lines, size = [], 0
    whole = markdown.render(check).encode("utf-8", "backslashreplace").decode("utf-8").splitlines()
    for line in whole:
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            break
        lines.append(line)
    left = len(whole) - len(lines)
    return (
        "\n".join([*lines, *(["", f"{plural(left, 'more line')}, for which a summary has no room."] if left else [])])
        + "\n"
    )


def _failures(check: Check, paths: dict[str | None, str]) -> Iterator[tuple[str, str, int]]:
    for failure in check.errors:
        yield "error", _failure(failure, paths), 1


def _failure(failure: Failure, paths: dict[str | None, str]) -> str:
    return _command("error", paths[failure.source], "cannot be read", alike.one_line(failure.message))


def _found(groups: list[Alike], paths: dict[str | None, str]) -> Iterator[tuple[str, str, int]]:
    for group in groups:
        kind = _KINDS[group.first.severity]
        path = None if group.first.source is None else paths[group.first.source]
        yield kind, _command(kind, path, group.title, group.message), len(group.findings)


def _command(kind: str, path: str | None, title: str, message: str) -> str:
    """Return a workflow command; one on the whole cohort names no file."""
    file = "" if path is None else f"file={_escaped(path, _PROPERTY_ESCAPES)},"
    return f"::{kind} {file}title={_escaped(title, _PROPERTY_ESCAPES)}::{_escaped(message, _ESCAPES)}"


def _escaped(value: str, escapes: dict[str, str]) -> str:
    """Return text with the characters escaped that end a command or a property, and those that no log should hold."""
    return backslashed("".join(escapes.get(c) or printable(c) for c in value))
