"""The report of `bnstat inspect` if nothing can be read. In Python, `bnstat.diagnose` raises an error then."""

from __future__ import annotations

from typing import Any

from bnstat.layers.settings import Settings
from bnstat.reading.settings import FILES_AS_THEY_ARE, Reading
from bnstat.reports.inspect import Report
from bnstat.workflows.inspect import inspect


def inspected(paths: Any, *, reading: Reading = FILES_AS_THEY_ARE, **settings: Any) -> Report:
    """Return the report on these inputs, without samples if none can be read."""
    return inspect(paths, Settings.of(**settings), reading)
