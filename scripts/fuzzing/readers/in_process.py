"""The command line, run in this process."""

from __future__ import annotations

import contextlib
import io

from bnstat.cli import exit_codes, run

_EXPECTED = {exit_codes.CLEAN, exit_codes.FINDINGS, exit_codes.USAGE, exit_codes.FAILED_INPUT}


class DefectError(AssertionError):
    """An exit code that means a defect."""


def command(*arguments: str) -> int:
    """Run a command and return its exit code.

    Raises:
        DefectError: if it ends with a code that means a defect, or writes a traceback.
    """
    out, said = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = run([*arguments, "--debug"])  # which raises a defect
    said.flush()
    lines = said.buffer.getvalue().decode()
    if code not in _EXPECTED or "Traceback" in lines:
        raise DefectError(f"exit code {code} ({lines[-2000:]})")
    return code
