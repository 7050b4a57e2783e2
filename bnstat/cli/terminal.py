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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bnstat.cli import exit_codes
from bnstat.cli.messages import complain, note
from bnstat.cli.options import Output
from bnstat.errors import OutputError, UsageError
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
    if quiet or not _is_terminal(sys.stderr):
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


def write(report: Report, to: Output) -> None:
    """Render the report and write it to a file or stdout.

    Raises:
        UsageError: the file is one of the inputs.
        OutputError: it cannot be written.
    """
    rendered = _rendered(report, to)
    if to.file is None or to.file == "-":
        _write_stdout(rendered, "utf-8" if to.format == "json" else None)
        return
    _refuse_input(to.file, report)
    try:
        Path(to.file).write_text(rendered, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"{to.file}: cannot be written: {error.strerror}; give another file with -o") from error


def _refuse_input(file: str, report: Report) -> None:
    sources = {sample.source for sample in report.samples} | {failure.source for failure in report.errors}
    for source in sources:
        for path in (source, source.rpartition("[")[0]):
            with suppress(OSError, ValueError):  # what is not there is not the same
                if os.path.samefile(path, file):  # noqa: PTH121
                    raise UsageError(f"{file} is one of the inputs and stays as it is; give another file with -o")


def _write_stdout(rendered: str, encoding: str | None) -> None:
    """All of it, in this encoding or that of stdout: an unbuffered stdout may take a part of what it is given."""
    if sys.stdout is None:
        raise OutputError("standard output is closed; give a file with -o")
    try:
        sys.stdout.flush()
        left = memoryview(rendered.encode(encoding or sys.stdout.encoding or "utf-8", "backslashreplace"))
        while left:
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: cannot be written: {error.strerror}") from error


def _rendered(report: Report, to: Output) -> str:
    render: Callable[..., str] = importlib.import_module(f"bnstat.renderers.{to.format}").render
    if to.format != "table":
        return render(report)
    return render(report, width=_width(), color=_colored(to), every_row=to.every_row)


def _colored(to: Output) -> bool:
    if to.color != "auto":
        return to.color == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return to.file is None and _is_terminal(sys.stdout) and not plain


def _is_terminal(stream: TextIO | None) -> bool:
    """A stream that whoever started us has closed is None."""
    return stream is not None and stream.isatty()


def _width() -> int:
    """Columns of the terminal, or of COLUMNS, or 80."""
    return max(shutil.get_terminal_size((80, 24)).columns, 40)


def exit_code(report: Report) -> int:
    """3 where an input failed, else 0: `inspect` tells, it does not judge."""
    return exit_codes.FAILED_INPUT if report.errors else exit_codes.CLEAN
