"""Lines on stderr: one for each thing that a user should know."""

from __future__ import annotations

from contextlib import suppress

import click


def complain(message: str) -> None:
    """An error, as one line."""
    _say(f"bnstat: error: {message}")


def note(message: str) -> None:
    """Something to know, as one line."""
    _say(f"bnstat: note: {message}")


def _say(message: str) -> None:
    """One line, control characters in it escaped, as a file name may have them."""
    line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in message)
    with suppress(OSError):  # stderr is full or closed: there is nobody to tell
        click.echo(line, err=True)
