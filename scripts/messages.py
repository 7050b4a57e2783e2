"""Draw messages at random for a reader: `python scripts/messages.py --seed 1 --number 20`.

The tests of the command line and of the rules run once, and the script keeps every error, note and finding that they
make the program print. Messages that differ only in numbers and in names of files count as one. A reader should
understand each message at once; rewrite those that nobody understands.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bnstat.cli import messages  # noqa: E402  (found on the path that is set above)
from bnstat.reports.finding import Finding  # noqa: E402

TESTS = ("tests/cli", "tests/rules")


class _Recorder:
    """The messages of the program while tests ran."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def add(self, kind: str, message: str) -> None:
        """Keep a message, unless one that differs only in numbers and names is kept already."""
        alike = re.sub(r"\S*/\S*|'[^']*'|[\w.-]+\.(nii|npy|npz|json|toml|csv)\S*|\d[\d,.e+-]*", "…", message)
        self.said.setdefault(f"{kind} {alike}", f"{kind}: {message}")

    def pytest_configure(self) -> None:
        """Listen to the command line and to the rules."""
        say, begin = messages._say, Finding.__init__

        def heard(message: str) -> None:
            self.add("line on stderr", message)
            say(message)

        def found(finding: Finding, *arguments: object, **fields: object) -> None:
            begin(finding, *arguments, **fields)  # type: ignore[arg-type]
            if " " in finding.message:  # tests of renderers make findings without a sentence
                self.add(f"finding {finding.rule} {finding.name}", finding.message)

        messages._say = heard
        Finding.__init__ = found  # type: ignore[method-assign,assignment]


def main() -> int:
    """Print the draw; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=20)
    given = parser.parse_args()
    recorder = _Recorder()
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider", "--rootdir", str(ROOT)]
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*quiet, *(str(ROOT / folder) for folder in TESTS)], plugins=[recorder])
    kept = sorted(recorder.said.values())
    drawn = random.Random(given.seed).sample(kept, min(given.number, len(kept)))
    print(f"{len(drawn)} of {len(kept)} messages, seed {given.seed}\n")
    for number, message in enumerate(drawn, 1):
        print(f"{number}. {message}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
