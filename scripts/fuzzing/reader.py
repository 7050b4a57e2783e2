"""A reader that is fuzzed, and what an input may come to."""

from __future__ import annotations

import random
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bnstat.errors import BnstatError

# The processor time after which an input counts as a hang.
MOST_SECONDS = 10.0


class WrongNumberError(AssertionError):
    """An answer that is not that of the independent reference."""


@dataclass(frozen=True)
class Reader:
    """A reader that is fuzzed.

    Attributes:
        name: its name on the command line and in the ledger.
        seeds: returns inputs that are read without a complaint, from which fuzzing begins.
        attempt: reads one input. It may return or raise BnstatError; whatever else it raises is a crash. Its second
            argument is a folder for files, which stays the same within a process.
        mutate: changes an input in a way that keeps its structure.
        most: the size of the largest input, in bytes.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    attempt: Callable[[bytes, Path], None]
    mutate: Callable[[bytes, random.Random], bytes]
    most: int = 4096


@dataclass(frozen=True)
class Failure:
    """What an input came to that it may not come to.

    Attributes:
        kind: "crash", "hang", "memory" or "wrong-number".
        place: the exception, and where in bnstat it was raised. Failures with the same place have the same cause.
        trace: the whole trace.
    """

    kind: str
    place: str
    trace: str


def failure_of(reader: Reader, data: bytes, folder: Path) -> Failure | None:
    """Read one input; return what went wrong, None if it was answered or refused with one line."""
    try:
        with warnings.catch_warnings():
            # a warning of numpy from bnstat's own code would reach the user's terminal
            warnings.filterwarnings("error", category=RuntimeWarning, module="bnstat")
            reader.attempt(data, folder)
    except BnstatError:  # refused; its text is always one line
        pass
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        kind = "wrong-number" if isinstance(error, WrongNumberError) else "crash"
        return Failure(kind, _place(error), "".join(traceback.format_exception(error)))
    return None


def _place(error: BaseException) -> str:
    """Return an exception with the deepest function of bnstat that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/bnstat/" in frame.filename]
    frame = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    said = f": {error}" if isinstance(error, WrongNumberError) else ""
    return f"{type(error).__name__} in {Path(frame.filename).name}:{frame.name}{said.partition(' (')[0]}"
