"""The promises of SECURITY.md, and the tests that each of them names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "SECURITY.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


@dataclass(frozen=True)
class Promise:
    """One promise.

    Attributes:
        text: its sentences in one line, up to the tests.
        tests: the tests that hold it, as "tests/test_x.py::test_y".
    """

    text: str
    tests: tuple[str, ...]


def promises(document: Path = DOCUMENT) -> list[Promise]:
    """Return the promises of the document, in its order."""
    told = document.read_text(encoding="utf-8").partition("## What is promised")[2]
    found = re.findall(r"^- (.*?)(?=^- |^#|^$)", told, re.MULTILINE | re.DOTALL)
    return [Promise(" ".join(one.partition("`tests/")[0].split()), tuple(_TEST.findall(one))) for one in found]
