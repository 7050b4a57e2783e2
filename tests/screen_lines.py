"""The lines of a rendered report that are no rows of a table, each with what it is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from claims import Said
from random_reports import RandomReport
from said import samples_of

import bnstat
from bnstat.batch_size.fewest import FEWEST_SAMPLES
from bnstat.rules.batch.between_samples import OTHERWISE

# Two spaces or more between columns.
_GAP = re.compile(r" {2,}")
_TITLE = re.compile(r"(?:error|warning|note) (BN\d+) ")
# The marks of a curve that is drawn in characters.
_CURVE = re.compile(r"[┤│└●○◉╌█▏▎▍▌▋▊▉]|^batch size +\d")
# The axis of a curve over the layers of a network.
_NORMS = re.compile(r" +norm +1\b")


def lines_of(report: RandomReport) -> Iterator[Said]:
    """Yield what is said on a screen beside tables; of a finding only what follows its message there."""
    told = [plain(message) for message in messages_of(report)]
    told += [message.replace(f" Or {OTHERWISE}.", "") for message in told]  # a remedy that several share is said once
    about: Mapping[str, Any] = {}
    rule = ""
    for line in report.screen.splitlines():
        text = line.strip()
        if not text or is_row(report.command, line):
            continue
        message = next((one for one in told if text.startswith(one)), None)
        about = _about(report, text) or about
        title = _TITLE.match(text)
        rule = title[1] if title else rule
        said = Said(
            kind=f"{report.command} also" if message is not None else report.command,
            text=text if message is None else text.removeprefix(message).strip(),
            finding={"rule": rule} if message is not None else {},
            part=about,
            batch={},
            settings=report.document["settings"],
            document=report.document,
            inspected=report.document if report.command == "inspect" else {},
            curve=_curve(report) if text.startswith("Batch size ") and report.command == "inspect" else None,
            samples=samples_of(report) if " a variance of zero" in text and report.command == "inspect" else (),
            limits=report.document["settings"].get("limits", {}),
            report=report.report,
        )
        if said.text:
            yield said


def _curve(report: RandomReport) -> Any:
    """Return what `compare` says of the batch size of `inspect`, for a larger population."""
    names = ("framework", "epsilon", "momentum")
    settings: Any = {name: report.document["settings"][name] for name in names}
    size, reading = report.document["settings"]["batch_size"], report.settings["reading"]
    compared = bnstat.compare(report.inputs, batch_sizes=[size], population="infinite", reading=reading, **settings)
    enough = [one.channel for one in compared.population if one.samples >= FEWEST_SAMPLES]
    document: Any = compared.to_dict()
    return [one for one in document["batch_sizes"][0]["channels"] if one["channel"] in enough]


def messages_of(report: RandomReport) -> list[str]:
    """Return the messages of all findings, those of compared layers too."""
    if report.command != "compare_layers":
        return [finding["message"] for finding in report.document.get("findings", ())]
    entries = report.document[report.report.by]
    return [finding["message"] for entry in entries for finding in entry["findings"]]


def plain(text: str) -> str:
    """Return a text as a screen has it: no-break spaces as spaces."""
    return text.replace("\u00a0", " ")


def is_row(command: str, line: str) -> bool:
    """Return True if a line belongs to a table or a curve."""
    if _TITLE.match(line.strip()):
        return False
    return _ROWS[command](line)


def _many_columns(least: int) -> Callable[[str], bool]:
    return lambda line: len(_GAP.findall(line.strip())) >= least


def _of_compare(line: str) -> bool:
    return bool(_CURVE.search(line)) or _many_columns(4)(line)


def _of_layers(line: str) -> bool:
    """Return True for a row or a header; the headings of blocks have a mean and a variance."""
    if re.search(r"   mean \S+   variance |^(?:channel|group of channels) [^ ].*   [\d,]+ values?$", line) or re.search(
        r"   (?:float|uint|int)\d+   ", line
    ):
        return False
    return _many_columns(1)(line) or line.strip() == "ε"


_ROWS: Mapping[str, Callable[[str], bool]] = {
    "inspect": lambda line: _many_columns(4)(line) or line.strip().startswith("finite ") or _header(line),
    "check": lambda _: False,
    "compare": _of_compare,
    "compare_layers": _of_layers,
    "plan": _many_columns(4),
    "layers": lambda line: bool(_CURVE.search(line) or _NORMS.match(line)) or _many_columns(1)(line),
}


def _header(line: str) -> bool:
    """Return True for the upper line of headers, which may be of few columns."""
    return line.startswith("  ") and not re.search(r"\d", line)


def _about(report: RandomReport, text: str) -> Mapping[str, Any]:
    """Return what the lines from here on are about: a file or a channel; empty if this line names none."""
    if report.command == "check":
        if text.startswith("whole cohort ("):
            return {"source": None}
        return {"source": text} if text in {one["source"] for one in report.document["samples"]} else {}
    found = re.match(r"channel (\d+): ", text)
    if report.command != "compare" or not found:
        return {}
    channel: Mapping[str, Any] = report.document["population"]["channels"][int(found[1])]
    return channel
