"""Fuzz the readers, in rounds, and write down what was tried.

Each round is a process with coverage-guided fuzzing of one reader: that with the least time so far. It goes on from the
inputs of the rounds before, which are kept in a folder. It needs `pip install '.[fuzz,test,yaml]' onnx`.

    python scripts/fuzzing/run.py --minutes 60                   all readers in turn
    python scripts/fuzzing/run.py --minutes 10 --readers images  these alone
    python scripts/fuzzing/run.py --show                         what was tried so far, and what failed
    python scripts/fuzzing/run.py --again FILE --readers images  one input again, with its trace
    python scripts/fuzzing/run.py --publish                      add the rounds to scripts/fuzzing/ledger.json, and keep
                                                                 what failed and a small corpus in tests/fuzzing/
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from fuzzing import kept, ledger  # noqa: E402  (of this folder, found on the path that is set above)
from fuzzing.reader import Failure, failure_of  # noqa: E402
from fuzzing.readers import READERS  # noqa: E402
from fuzzing.state import State  # noqa: E402

# Memory that a process may use, and the time after which it is ended: several times what counts as a hang, since a busy
# machine gives a part of its time.
MEGABYTES, _MOST_WALL = 1024, 120


def main() -> int:
    """Run what was asked for; return 1 if an input failed that still fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--round", type=float, default=10.0, help="minutes of one round")
    parser.add_argument("--readers", default=",".join(READERS), help="names, with commas between them")
    parser.add_argument("--jobs", type=int, default=1, help="processes at the same time")
    parser.add_argument("--state", type=Path, default=ROOT / ".cache" / "fuzzing", help="the folder of what is kept")
    parser.add_argument("--pull", action="store_true", help="run `git pull` before each round")
    parser.add_argument("--show", action="store_true", help="show what was tried, and what fails")
    parser.add_argument("--again", type=Path, help="an input to try again")
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    names = given.readers.split(",")
    if given.again:
        return _again(names[0], given.again)
    if given.publish:
        kept.publish(given.state)
        return 0
    if given.show:
        return _show(given.state)
    _rounds(names, given)
    return _show(given.state)


def _rounds(names: Sequence[str], given: argparse.Namespace) -> None:
    """Run rounds, several at the same time, until the time is over."""
    end, lock = time.monotonic() + 60 * given.minutes, Lock()
    spent = {name: ledger.summed(State(given.state, name).done()).wall_seconds for name in names}

    def one_after_the_other() -> None:
        while (left := end - time.monotonic()) > 1:
            with lock:
                if given.pull:
                    subprocess.run(["git", "-C", str(ROOT), "pull", "-q", "--ff-only"], check=False)
                name = min(spent, key=spent.__getitem__)
                spent[name] += 60 * given.round
            seconds = min(60 * given.round, left)
            done = _round(State(given.state, name), seconds)
            with lock:
                spent[name] += done - 60 * given.round

    with ThreadPoolExecutor(given.jobs) as pool:
        for running in [pool.submit(one_after_the_other) for _ in range(given.jobs)]:
            running.result()


def _round(state: State, seconds: float) -> float:
    """Fuzz one reader for so long; return how long it took."""
    state.progress.unlink(missing_ok=True)
    before = len(state.failed())
    limits = [
        *(f"-timeout={_MOST_WALL}", f"-rss_limit_mb={MEGABYTES}", f"-max_total_time={max(int(seconds), 1)}"),
        *("-print_final_stats=1", "-report_slow_units=1000000", f"-artifact_prefix={state.stopped}/"),
    ]
    call = [
        sys.executable,
        "-P",
        str(ROOT / "scripts" / "fuzzing" / "child.py"),
        str(state.top.resolve()),
        state.reader,
    ]
    stopped = len(list(state.stopped.iterdir()))
    begun = time.monotonic()
    log = state.progress.with_name("log.txt")
    with log.open("wb") as said:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        child = subprocess.Popen([*call, *limits, str(state.corpus)], stdout=said, stderr=said, env=environment)
        _, _, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - begun
    text = log.read_text(encoding="utf-8", errors="replace")
    one: dict[str, Any] = {
        "commit": _commit(),
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "executions": _last_count(text),
        "edges": max(map(int, re.findall(r" cov: (\d+) ", text)), default=0),
        "corpus": len(list(state.corpus.iterdir())),
        "failures": len(state.failed()) - before,
        "stopped": len(list(state.stopped.iterdir())) - stopped,
    }
    state.add_round(one)
    print(state.reader, one, flush=True)
    return wall


def _last_count(log: str) -> int:
    """Return the inputs that a process has tried, as libFuzzer counts them."""
    return max(map(int, re.findall(r"(?:number_of_executed_units: |^#)(\d+)", log, re.MULTILINE)), default=0)


def _commit() -> str:
    found = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"], capture_output=True, check=False
    )
    return found.stdout.decode().strip()


def _again(name: str, path: Path) -> int:
    """Try one input, and print what becomes of it."""
    with tempfile.TemporaryDirectory() as folder:
        failure = failure_of(READERS[name], path.read_bytes(), Path(folder))
    used = resource.getrusage(resource.RUSAGE_SELF)
    megabytes = used.ru_maxrss // 1024
    if failure is None and megabytes > MEGABYTES:
        failure = Failure("memory", f"{megabytes} MB", "")
    print("answered or refused" if failure is None else f"{failure.kind}: {failure.place}\n{failure.trace}")
    print(f"{used.ru_utime + used.ru_stime:.1f} s, {megabytes} MB, imports included")
    return int(failure is not None)


def _show(top: Path) -> int:
    """Print what was tried, and each failure that is still one; return 1 if there is any."""
    print(
        f"{'reader':16}{'rounds':>7}{'wall min':>10}{'CPU min':>9}{'executions':>12}{'edges':>7}{'failures':>10}"
        f"{'stopped':>9}"
    )
    open_ones: list[tuple[Path, Failure]] = []
    for name in READERS:
        state = State(top, name)
        one = ledger.summed(state.done())
        print(
            f"{name:16}{one.rounds:7}{one.wall_seconds / 60:10.1f}{one.cpu_seconds / 60:9.1f}{one.executions:12,}"
            f"{one.edges:7,}{one.failures:10}{one.stopped:9}"
        )
        open_ones += kept.still_failing(state)
    for path, failure in open_ones:
        print(f"open: {failure.kind}: {failure.place}\n  {path}")
    return int(bool(open_ones))


if __name__ == "__main__":
    sys.exit(main())
