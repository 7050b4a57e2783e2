"""One trial: a copy of the working tree without a protection, and tests that run in it."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from protections.ledger import Trial
from protections.promises import ROOT
from protections.removal import Removal

TIME_LIMIT = "time limit"
# What a program says that is broken, and not only unprotected: such a failure shows nothing.
_BROKEN = ("ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "NameError", "UnboundLocalError")
_LONGEST_LINE = 160
# The most memory of a process: without its protection a bomb could take all that there is.
_MOST_MEMORY = 12 << 30
# The variable by which processes of a trial are known, and what its processes are started with.
_MARK = "BNSTAT_TRIAL"
_PYTEST = ("-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist")


@dataclass(frozen=True)
class Failure:
    """A test that failed.

    Attributes:
        case: the case that failed first, as "tests/test_x.py::test_y[case]"; the test itself at the time limit.
        line: the first line of what failed, or "time limit".
    """

    case: str
    line: str


def try_removal(tree: Path, removal: Removal, tests: Sequence[str], limit_s: float) -> Trial:
    """Run tests without a protection, and those that fail once more with it: only then was the removal noticed.

    Args:
        tree: a copy of the repository, as `copied` gives it. It is the same again afterwards.
        removal: what takes the protection away.
        tests: the tests, as "tests/test_x.py::test_y".
        limit_s: the seconds after which a test counts as one that hangs.
    """
    with _without(tree, removal):
        found = {test: first_failure(tree, test, limit_s) for test in tests}
    failed = {test: one for test, one in found.items() if one is not None}
    noticed = {test: one.line for test, one in failed.items() if first_failure(tree, one.case, limit_s) is None}
    return Trial(removal.what, removal.digest, noticed, [test for test in tests if test not in noticed])


@contextmanager
def _without(tree: Path, removal: Removal) -> Iterator[None]:
    """Take a protection away in a copy of the repository, until the block ends."""
    before = {tree / edit.file: ((tree / edit.file).read_bytes(), (tree / edit.file).stat()) for edit in removal.edits}
    try:
        for edit in removal.edits:
            edit.apply(tree)
        yield
    finally:
        for path, (content, state) in before.items():
            path.write_bytes(content)
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # so that Python compiles it again


@contextmanager
def copied() -> Iterator[Path]:
    """Give a folder with what git knows of the working tree, and with new files that it does not ignore."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    with TemporaryDirectory(prefix="bnstat-protections-", ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "tree"
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        yield tree


def first_failure(tree: Path, test: str, limit_s: float) -> Failure | None:
    """Run a test in a copy of the repository, up to its first case that fails; return that, or None if none does."""
    result, mark = tree.parent / "result.xml", uuid.uuid4().hex
    result.unlink(missing_ok=True)
    command = [sys.executable, *_PYTEST, f"--basetemp={tree.parent / 'made'}", f"--junitxml={result}", test]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTEST_ADDOPTS": "", _MARK: mark}
    process = subprocess.Popen(
        command,
        cwd=tree,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_limit_memory,  # noqa: PLW1509  (this process has one thread)
    )
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        return Failure(test, TIME_LIMIT)
    finally:
        _end_all(process, mark)
    return _failure_in(result, test, tree) if result.exists() else None


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _failure_in(result: Path, test: str, tree: Path) -> Failure | None:
    """Return what failed, by the report of pytest. What pytest calls an error, as of a collection, is no failure."""
    for case in ElementTree.parse(result).iter("testcase"):
        failure = case.find("failure")
        if failure is None:
            continue
        line = (failure.get("message") or "").strip().splitlines()[0] if failure.get("message") else "it failed"
        if line.startswith(_BROKEN):
            return None
        parameters = case.get("name", "").removeprefix(test.partition("::")[2])
        return Failure(test + parameters, _plain(line, tree))
    return None


def _plain(line: str, tree: Path) -> str:
    """Return a line of a failure without what differs from machine to machine."""
    line = line.replace(str(tree.parent / "made"), "…").replace(str(tree.parent), "…")
    line = re.sub(r"0x[0-9a-f]{6,}|\b127\.0\.0\.1:\d+", "…", line)
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _end_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the processes of a trial: also those that left its group, which Linux knows by their environment."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    wanted = f"{_MARK}={mark}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if wanted in file.read_bytes().split(b"\0"):
                os.kill(int(file.parent.name), signal.SIGKILL)
