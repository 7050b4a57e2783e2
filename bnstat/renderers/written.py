"""Answers as files: written whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bnstat.errors import OutputError, UsageError

# Endings of files that are no text, which programs would try to open as something else.
_NO_TEXT = (".pdf", ".png", ".jpg", ".jpeg", ".svg", ".docx", ".gz", ".zip", ".nii", ".npy")


def refuse_ending(file: str | Path) -> None:
    """Raise an error if the name of a page says that it is something else than text.

    Raises:
        UsageError: if its ending is that of a PDF, a picture, an archive or a volume.
    """
    ending = Path(file).suffix.lower()
    if ending not in _NO_TEXT:
        return
    then = ", and print that to PDF in a browser" if ending == ".pdf" else ""
    raise UsageError(f"{file}: a report is HTML, Markdown or JSON, and no {ending} file; end its name with .html{then}")


def write_text(content: str, file: str | Path, instead: str = "") -> None:
    """Write a text to a file. If that fails half-way, as on a full disk, remove the file: a part of a page misleads.

    Args:
        content: the text; what UTF-8 cannot say, such as an undecodable byte of a name, is escaped.
        file: where to.
        instead: what to do if the file cannot be written, as the end of the message.

    Raises:
        OutputError: if it cannot be written.
    """
    if not str(file):
        raise OutputError(f"the name of the file to write is empty{instead}")
    begun = False
    try:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace") as page:
            begun = True
            page.write(content)
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        if begun:
            with suppress(OSError):
                _remove(Path(file))
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"{file}: cannot be written: {reason}{instead}") from error


def _remove(file: Path) -> None:
    """Remove a file, but no device and no pipe."""
    if file.is_file():
        file.unlink()
