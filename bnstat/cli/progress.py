"""A progress bar on stderr, at a terminal only, and only if reading takes more than a moment."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bnstat.cli.output import is_terminal
from bnstat.cli.unused_cycles import among_new_objects
from bnstat.cli.warned import warnings_as_notes
from bnstat.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds of reading before progress is shown.
_MOMENT_S = 0.8


@contextmanager
def progress(quiet: bool) -> Iterator[Meter | None]:
    """Show a progress bar on stderr, at a terminal only, and tell warnings as notes once it is gone."""
    meter = None if quiet or not is_terminal(sys.stderr) else Meter()
    with warnings_as_notes(quiet), among_new_objects():
        try:
            yield meter
        finally:
            if meter is not None:
                meter.close()


class Meter:
    """The files and bytes read of all, with the rate and the time left, once reading takes more than a moment.

    Then, for a network that runs on what was read, the forward passes of all.
    """

    def __init__(self) -> None:
        self._started = self._began = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._passing = False
        self._name, self._files, self._total = "", 0, 0
        self._done, self._files_done = 0, 0

    def begin(self, source: str, files: int, nbytes: int) -> None:
        """Start anew for a source with so many files and bytes."""
        with self._lock:
            self._name, self._files, self._total = printable(Path(source).name), files, nbytes
            self._done = self._files_done = 0
            self._began = time.monotonic()

    def advance(self, nbytes: int) -> None:
        """Count bytes that were read."""
        with self._lock:
            self._done += nbytes
            self._show()

    def done(self, files: int) -> None:
        """Count files that are done."""
        with self._lock:
            self._files_done += files
            self._show()

    def passes(self, what: str, done: int, total: int) -> None:
        """Show the forward passes that are done of all, in place of the bytes."""
        with self._lock:
            if not self._passing and self._bar is not None:
                self._bar.stop()
                self._bar = self._task = None
            self._passing = True
            if self._bar is None:
                if time.monotonic() - self._started <= _MOMENT_S:
                    return
                self._bar = _bar_of_passes()
                self._bar.start()
            if self._task is None:
                self._task = self._bar.add_task("", total=total)
            self._bar.update(self._task, completed=done, total=total, description=printable(what))

    def _show(self) -> None:
        if self._bar is None:
            if time.monotonic() - self._started <= _MOMENT_S:
                return
            self._bar = _bar()
            self._bar.start()
        if self._task is None:
            self._task = self._bar.add_task("", total=self._total, pace="")
        said = self._name if self._files == 1 else f"{self._files_done:,} of {self._files:,} files"
        done = min(self._done, self._total)
        self._bar.update(self._task, total=self._total, completed=done, description=said, pace=self._pace(done))

    def _pace(self, done: int) -> str:
        """Return the bytes a second since reading began, and the time left at that rate."""
        passed = time.monotonic() - self._began
        if not done or passed <= 0:
            return ""
        left = round((self._total - done) * passed / done)
        return f"{done / passed / 1e6:,.0f} MB/s {left // 60}:{left % 60:02} left"

    def close(self) -> None:
        """Remove the bar from the screen."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()


def _bar_of_passes() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("passes"),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
