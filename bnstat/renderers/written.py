"""Answers as files: written whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from bnstat.errors import OutputError, UsageError
from bnstat.writing import write_whole

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
    """Write a text to a file whole, or leave what is there as it is: a part of a page misleads.

    Args:
        content: the text; what UTF-8 cannot say, such as an undecodable byte of a name, is escaped.
        file: where to.
        instead: what to do if the file cannot be written, as the end of the message.

    Raises:
        OutputError: if it cannot be written.
    """
    write_bytes(content.replace("\n", os.linesep).encode("utf-8", "backslashreplace"), file, instead)


def write_bytes(content: bytes, file: str | Path, instead: str = "") -> None:
    """Write a file whole, or leave what is there as it is. The arguments are those of `write_text`.

    Raises:
        OutputError: if it cannot be written.
    """
    if not str(file):
        raise OutputError(f"the name of the file to write is empty{instead}")
    try:
        write_whole(file, content)
    except (OSError, ValueError) as error:  # ValueError: a name with NUL
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"{file}: cannot be written: {reason}{instead}") from error
