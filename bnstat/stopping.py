"""What SIGINT (Ctrl-C), SIGTERM and SIGHUP do to the program: one line, the code 128 + the signal, nothing left behind.

While the program starts, a signal ends it at once, since nothing is begun yet that could be kept. From then on a signal
raises `Stopped`, so that whoever has begun something ends it well: temporary files are removed, and workers stopped.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import NoReturn

# The signals that ask a program to end, each with what is said of it. Windows has no SIGHUP.
_SAID = {
    "SIGINT": "interrupted",
    "SIGTERM": "stopped by SIGTERM",
    "SIGHUP": "stopped by SIGHUP, as when a terminal is closed",
}
_SIGNALS = {signal.Signals[name]: said for name, said in _SAID.items() if name in signal.Signals.__members__}


class Stopped(KeyboardInterrupt):
    """A signal has asked the program to end. Ctrl-C is one of these, so that whoever expects it expects all.

    Attributes:
        code: the exit code.
        said: what to say of it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.said = _SIGNALS[signal.Signals(number)]


class _Program:
    """The process of the program, and the signal that has stopped it."""

    process = 0
    stopped: Stopped | None = None


def leave_at_once() -> None:
    """Let a signal end this process at once, with its line and its code."""
    _Program.process = os.getpid()
    _handle(_leave)


def raise_stopped() -> None:
    """Let a signal raise `Stopped`, wherever the program is; a second one of the same kind ends it at once."""
    _Program.process = os.getpid()
    _handle(_raise)
    sys.unraisablehook = _unraisable
    sys.excepthook = _uncaught


def stopped() -> Stopped | None:
    """Return what has stopped the program, also where other code has caught it or made another error of it."""
    return _Program.stopped


def leave_to_others() -> None:
    """Let a worker end as its parent says: it ignores what reaches all processes of a terminal, and SIGTERM ends it."""
    _Program.process = 0
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    """Set the handler of all these signals, but for those that whoever started the program ignores, as nohup does."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None = None) -> NoReturn:
    if os.getpid() == _Program.process:
        _write(f"bnstat: error: {_SIGNALS[signal.Signals(number)]}\n")
    os._exit(128 + number)


def _raise(number: int, _: FrameType | None) -> None:
    if os.getpid() != _Program.process:  # a worker that has just been forked
        os._exit(128 + number)
    before = _Program.stopped
    if before is None:
        _Program.stopped = Stopped(number)
        raise _Program.stopped
    if before.code == 128 + number:
        _leave(number)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """End the program where Python swallows an exception: in a finalizer or a callback."""
    if _Program.stopped is None:
        sys.__unraisablehook__(found)
    elif found.exc_value is _Program.stopped:
        _leave(_Program.stopped.code - 128)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a trace as Python does, but none of what a signal has cut short, as of an import."""
    if _Program.stopped is None:
        sys.__excepthook__(kind, error, trace)


def _write(line: str) -> None:
    with suppress(OSError):  # nobody can be told
        os.write(2, line.encode())
