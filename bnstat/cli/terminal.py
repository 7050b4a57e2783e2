"""Where results go: data to stdout or a file, progress, notes and errors to stderr."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bnstat.cli import exit_codes
from bnstat.cli.messages import complain, note
from bnstat.errors import OutputError
from bnstat.report import Report

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Reading that takes no longer than this shows no progress.
_MOMENT_S = 0.8


@contextmanager
def progress(quiet: bool) -> Iterator[Meter | None]:
    """A progress bar on stderr, at a terminal only; other packages' own messages are held back meanwhile."""
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if quiet or not sys.stderr.isatty():
        yield None
        return
    meter = Meter()
    try:
        yield meter
    finally:
        meter.close()


class Meter:
    """Bytes read of each file, with their rate, once that takes more than a moment."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._source, self._total, self._done = "", 0, 0

    def begin(self, source: str, nbytes: int) -> None:
        """A file is about to be read."""
        with self._lock:
            if self._bar is not None and self._task is not None:
                self._bar.remove_task(self._task)
            self._source, self._total, self._done, self._task = source, nbytes, 0, None

    def advance(self, nbytes: int) -> None:
        """So many bytes more were read."""
        with self._lock:
            self._done += nbytes
            if self._bar is None and time.monotonic() - self._started > _MOMENT_S:
                self._bar = _bar()
                self._bar.start()
            if self._bar is not None:
                if self._task is None:
                    self._task = self._bar.add_task(Path(self._source).name, total=self._total)
                self._bar.update(self._task, completed=self._done)

    def close(self) -> None:
        """Take the bar off the screen."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()


def _bar() -> Progress:
    from rich.console import Console  # noqa: PLC0415  (only where a bar is shown)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def tell(report: Report, quiet: bool) -> None:
    """Errors, and notes unless quiet, to stderr."""
    for failure in report.errors:
        complain(f"{failure.source}: {failure.message}")
    if not quiet:
        for line in report.notes:
            note(line)


def write(report: Report, form: str, output: str | None, color: str, every_row: bool) -> None:
    """Render the report and write it to a file or stdout.

    Raises:
        OutputError: it cannot be written.
    """
    rendered = _rendered(report, form, _colored(color, output), every_row)
    if output is None or output == "-":
        try:
            click.echo(rendered, nl=False)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output: cannot be written: {error.strerror}") from error
        return
    try:
        Path(output).write_text(rendered, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror}; give another file with -o") from error


def _rendered(report: Report, form: str, color: bool, every_row: bool) -> str:
    render: Callable[..., str] = importlib.import_module(f"bnstat.renderers.{form}").render
    return render(report, width=_width(), color=color, every_row=every_row) if form == "table" else render(report)


def _colored(color: str, output: str | None) -> bool:
    if color != "auto":
        return color == "always"
    return (
        output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def _width() -> int:
    """Columns of the terminal, or of COLUMNS, or 80."""
    return max(shutil.get_terminal_size((80, 24)).columns, 40)


def exit_code(report: Report) -> int:
    """3 where an input failed, else 0: `inspect` tells, it does not judge."""
    return exit_codes.FAILED_INPUT if report.errors else exit_codes.CLEAN
