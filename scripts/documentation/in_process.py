"""Run `bnstat` in this process, as a program would: a command line in, an exit code and the written bytes out."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bnstat.cli import run

STDOUT, STDERR = 1, 2


class _Recorder(io.RawIOBase):
    """A stream that notes what is written to it, in one list for both streams, so that their order is kept."""

    def __init__(self, chunks: list[tuple[int, bytes]], number: int) -> None:
        self._chunks, self._number = chunks, number

    def writable(self) -> bool:
        """Return True: this stream is for writing."""
        return True

    def write(self, data: object) -> int:
        """Note the bytes under the number of the stream."""
        given = bytes(data)  # type: ignore[call-overload]
        self._chunks.append((self._number, given))
        return len(given)


@contextmanager
def _as_in(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Work in a folder with these variables, and in the old ones afterwards."""
    old_folder, old_environment = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        os.environ.clear()
        os.environ.update(old_environment)
        os.chdir(old_folder)


def program(
    arguments: list[str], *, folder: Path, environment: Mapping[str, str], stdin: bytes = b""
) -> tuple[int, list[tuple[int, bytes]]]:
    """Run one command line.

    Args:
        arguments: The words after `bnstat`.
        folder: The current folder of the program.
        environment: All environment variables of the program.
        stdin: The bytes of its standard input.

    Returns:
        The exit code, and what was written: pairs of the number of the stream and bytes, in order.
    """
    chunks: list[tuple[int, bytes]] = []
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    streams = [
        io.TextIOWrapper(io.BufferedWriter(_Recorder(chunks, number)), encoding="utf-8", write_through=True)
        for number in (STDOUT, STDERR)
    ]
    sys.stdout, sys.stderr = streams
    try:
        with _as_in(folder, environment):
            code = run(arguments)
    finally:
        for stream in streams:
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before
    return code, chunks


def printed(arguments: list[str]) -> str:
    """Return what a command line prints on its standard output.

    Raises:
        ValueError: If it does not end with 0.
    """
    code, chunks = program(arguments, folder=Path.cwd(), environment={**os.environ, "COLUMNS": "80"})
    if code:
        raise ValueError(f"bnstat {' '.join(arguments)} ended with {code}: {chunks}")
    return b"".join(data for number, data in chunks if number == STDOUT).decode("utf-8")
