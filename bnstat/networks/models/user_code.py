"""Code of the user that is run to build a network: what it prints goes to stderr, and what it raises becomes one line.

Nothing here is a sandbox. A factory is imported and called as `python -m` would: whoever names one runs its code.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

from bnstat.errors import BnstatError, UsageError

# The packages that an extra of bnstat installs, in a version that it is tested with.
_EXTRAS = ("torch", "keras")
# A longer message of an exception is cut: it is one line on a terminal.
_LONGEST = 300
# The folders of code that the user has not written, which is looked at last for the line that failed.
_INSTALLED = ("site-packages", "dist-packages", f"{os.sep}lib{os.sep}python", "<frozen")


@contextlib.contextmanager
def running(what: str, folders: tuple[str, ...] = ()) -> Iterator[None]:
    """Run a block of the user's code: folders importable, arguments of the command line hidden, prints to stderr.

    Args:
        what: What is run, as the subject of a sentence: "nets:make".
        folders: Folders to import from first; they stay importable, since a network may import later too.

    Raises:
        UsageError: if the code raises or exits; the message has the type, the message, the file and the line.
    """
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    argv, sys.argv = sys.argv, sys.argv[:1]
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except BnstatError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None:  # raised by a library for something else, in words of its own
            raise UsageError(f"{what} {raised(error)}; correct it, or try it in Python first") from error
        raise UsageError(f"{what} needs the package {error.name!r}, {_not_installed(error)}") from error
    except SystemExit as error:
        raise UsageError(
            f"{what} ended the program by sys.exit({error.code!r}){_at(error.__traceback__)}; put what trains or "
            "parses options below if __name__ == '__main__':"
        ) from error
    except Exception as error:  # whatever the user's code raises
        raise UsageError(f"{what} {raised(error)}; correct it, or try it in Python first") from error
    finally:
        sys.argv = argv


def raised(error: BaseException) -> str:
    """Return what an exception of the user's code says: "raises ValueError: too few channels (nets.py:12)"."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"raises {type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    first = error
    while first.__cause__ is not None:  # what a library wraps into an error of its own
        first = first.__cause__
    cause = "" if first is error else f", from {type(first).__name__}{_said(first)}"
    return f"raises {type(error).__name__}{_said(error)}{cause}{_at(first.__traceback__)}"


def _said(error: BaseException) -> str:
    said = " ".join(str(error).split())
    if not said:
        return ""
    return f": {said[:_LONGEST]}…" if len(said) > _LONGEST else f": {said}"


def _not_installed(error: ModuleNotFoundError) -> str:
    top = (error.name or "").partition(".")[0]
    if top in _EXTRAS:
        return f"which is not installed{_at(error.__traceback__)}; pip install 'bnstat[{top}]'"
    there = top != error.name and top in sys.modules
    do = "check the version of " if there else "install it, as in: pip install "
    return f"which is not installed{_at(error.__traceback__)}; {do}{top}"


def _at(trace: TracebackType | None) -> str:
    """Return the place of an exception in brackets: the deepest line of the user's own code, else the deepest."""
    places = [place for place in traceback.extract_tb(trace) if not _is_import_machinery(place.filename)]
    own = [place for place in places if not any(part in place.filename for part in _INSTALLED)]
    if not places:
        return ""
    place = (own or places)[-1]
    return f" ({_short(place.filename)}:{place.lineno})"


def _is_import_machinery(file: str) -> bool:
    return file.startswith("<frozen importlib") or f"{os.sep}bnstat{os.sep}" in file or "importlib" in file


def _short(file: str) -> str:
    """Return a path relative to the current folder, if it is below it."""
    with contextlib.suppress(ValueError, OSError):
        near = os.path.relpath(file)
        return file if near.startswith("..") else near
    return file
