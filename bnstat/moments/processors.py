"""The number of processors that this process may use."""

from __future__ import annotations

import os


class _Sharing:
    """The number of processes that share the processors: this one, and those that read beside it."""

    processes = 1


def share(processes: int) -> None:
    """Set the number of processes of one run that share the processors."""
    _Sharing.processes = processes


def processors() -> int:
    """Return this process's share of the processors that it may run on, as in a container; at least 1."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(there // _Sharing.processes, 1)
