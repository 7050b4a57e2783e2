"""Files beside the answer, such as pictures: refused before anything is read, and written at the end."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bnstat.errors import UsageError
from bnstat.renderers.written import write_bytes


def refuse_plot(file: str) -> None:
    """Refuse a picture that cannot be drawn, before anything is read.

    Raises:
        UsageError: if it is of another kind, or matplotlib is missing.
    """
    from bnstat.renderers.pictures import ENDINGS

    if ending(file) not in ENDINGS:
        raise UsageError(f"{file}: a plot is one of {', '.join(f'.{one}' for one in ENDINGS)}; end its name so")
    if find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib; pip install 'bnstat[plot]'")


def save(content: bytes, file: str, option: str) -> None:
    """Write a file that an option names.

    Raises:
        OutputError: if it cannot be written.
    """
    write_bytes(content, file, f"; give another file with {option}")


def ending(file: str) -> str:
    """Return the ending of a file's name in lower case, without its dot."""
    return Path(file).suffix.removeprefix(".").lower()
