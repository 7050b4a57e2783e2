"""A plugin of pytest that collects once and runs mutants in forks of the process, each with the tests of its line."""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import coverage

from mutants.mutant import CORE, ROOT, Mutant
from mutants.rebinding import lines_that_use, rebind
from mutants.swapping import alive, swap

# The processor time of the tests of one mutant: those that are quick come first. Survivors are tried with more.
MOST_TESTS = 4.0
MOST_TESTS_OF_SURVIVORS = 60.0
# A test that takes longer is not finished when tests are mapped, and is among the last of those of its lines.
_SLOW = 2.0
# A mutant that never ends is ended: the processor time that it may use is this many times that of its tests, and more.
_TIMES, _MORE = 5, 5
_MOST_WALL = 600

Tests = dict[str, float]


class Loop:
    """Runs mutants in place of the tests.

    Attributes:
        mutants: the mutants, in order.
        told: called with each mutant and what became of it: "killed", "survived", "time limit", or "on import"
            if it can only be tried in a process of its own.
        map: the file in which the tests of each line are kept.
        most: the processor time of the tests of one mutant.
    """

    def __init__(
        self, mutants: Sequence[Mutant], told: Callable[[Mutant, str, str], None], kept: Path, most: float
    ) -> None:
        self.mutants = mutants
        self.told = told
        self.map = kept
        self.most = most

    def pytest_runtestloop(self, session: Any) -> bool:  # noqa: ANN401  (pytest's)
        """Run the mutants."""
        items = {item.nodeid: item for item in session.items}
        if not self.map.exists():
            self._fork(lambda: _mapped(list(items.values()), self.map), 3600, 3600)
        known = json.loads(self.map.read_text("utf-8"))
        seconds: Tests = known["seconds"]
        for name in known["modules"]:  # which tests import: once, not in each fork
            with suppress(Exception):
                import_module(name)
        functions = alive({one.file for one in self.mutants})
        gc.freeze()  # a fork does not look at what is here already
        for mutant in self.mutants:
            lines = {f"{mutant.file}:{mutant.line}"} & set(known["lines"]) or lines_that_use(mutant, known["lines"])
            names = list({name for line in lines for name in known["lines"][line] if name in items})
            names.sort(key=seconds.__getitem__)
            chosen: list[Any] = []
            spent = 0.0
            for name in names:
                spent += seconds[name]
                if chosen and spent > self.most:
                    break
                chosen.append(items[name])
            if not chosen:
                self.told(mutant, "on import", "")
                continue
            report = self.map.with_suffix(".failed")
            report.write_text("", "utf-8")
            code = self._fork(partial(_tried, mutant, functions, chosen, report), _TIMES * spent + _MORE, _MOST_WALL)
            outcome = {0: "survived", 1: "killed", 2: "on import"}.get(code, "time limit" if code < 0 else "killed")
            self.told(mutant, outcome, report.read_text("utf-8"))
        return True

    @staticmethod
    def _fork(work: Callable[[], int], processor: float, wall: float) -> int:
        """Run something in a fork; return its exit code, a negative one if it was ended."""
        child = os.fork()
        if not child:
            code = 1
            try:
                os.setpgid(0, 0)
                limit = int(processor)
                resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))
                code = work()
            finally:
                os._exit(code)
        end = time.monotonic() + wall
        while time.monotonic() < end:
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return -9


class _Slow(BaseException):
    """A test takes long."""


class _Failed:
    """Notes whether a test failed."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401  (pytest's)
        if report.failed:
            self.name = report.nodeid


def _tried(mutant: Mutant, known: Mapping[str, Iterable[FunctionType]], items: Sequence[Any], said: Path) -> int:
    """Run the tests of a mutant until one fails; return 1 if one did, 2 if the mutant cannot be swapped in."""
    _silence()
    if not swap(mutant, known) and not rebind(mutant):
        return 2
    failed = _Failed()
    _run(items, failed, stop=True)
    said.write_text(failed.name, "utf-8")
    return int(bool(failed.name))


def _run(items: Sequence[Any], failed: _Failed, *, stop: bool, before: Callable[[str], None] = lambda _: None) -> None:
    manager = items[0].config.pluginmanager
    manager.register(failed)
    for place, item in enumerate(items):
        before(item.nodeid)
        following = items[place + 1] if place + 1 < len(items) else None
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if stop and failed.name:
            return


def _mapped(items: Sequence[Any], path: Path) -> int:
    """Run all tests once, and write down which lines of the core each runs, and how long it takes."""
    _silence()
    measured = coverage.Coverage(
        data_file=None, include=[f"{ROOT}/{one}" + "/*" * (not one.endswith(".py")) for one in CORE], messages=False
    )
    begun: Tests = {}
    imported = set(sys.modules)

    def before(name: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, _SLOW)
        measured.switch_context(name)
        begun[name] = time.process_time()

    def late(*_: object) -> None:
        raise _Slow

    signal.signal(signal.SIGPROF, late)
    measured.start()
    _run(items, _Failed(), stop=False, before=before)
    signal.setitimer(signal.ITIMER_PROF, 0)
    measured.stop()
    data = measured.get_data()
    lines: dict[str, list[str]] = {}
    for file in data.measured_files():
        for line, contexts in data.contexts_by_lineno(file).items():
            names = sorted(name for name in contexts if name)
            if names:
                lines[f"{Path(file).relative_to(ROOT).as_posix()}:{line}"] = names
    ends = [*list(begun.values())[1:], time.process_time()]
    took = {name: end - start for (name, start), end in zip(begun.items(), ends, strict=True)}
    seconds = {name: own if own < _SLOW else 10 * _SLOW for name, own in took.items()}
    modules = [name for name in sys.modules if name not in imported]
    path.write_text(json.dumps({"lines": lines, "seconds": seconds, "modules": modules}), "utf-8")
    return 0


def _silence() -> None:
    """Write nothing, since what a mutant prints is of no interest."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
