"""Lines on stderr: one for each thing that a user should know."""

from __future__ import annotations

import click


def complain(message: str) -> None:
    """An error, as one line."""
    click.echo(f"bnstat: error: {_one_line(message)}", err=True)


def note(message: str) -> None:
    """Something to know, as one line."""
    click.echo(f"bnstat: note: {_one_line(message)}", err=True)


def _one_line(message: str) -> str:
    """Control characters, as a file name may have, are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in message)
