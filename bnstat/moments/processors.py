"""How many processors this process may use."""

from __future__ import annotations

import os


class _Sharing:
    """How many processes share the processors: those that read beside this one, and this."""

    processes = 1


def share(processes: int) -> None:
    """Say that so many processes of one run share the processors."""
    _Sharing.processes = processes


def processors() -> int:
    """Those that it is allowed on, as in a container or a batch job, its share of them; at least 1."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(there // _Sharing.processes, 1)
