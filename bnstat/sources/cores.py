"""The processor cores that one file may use: all that are idle, or one if files are read at the same time elsewhere."""

from __future__ import annotations

import os
import sys
from threading import Event

# More threads than these wait for the disk, and hold more memory.
_MOST = 4

# set once this process is one of several
_shared = Event()


def share() -> None:
    """Leave the other cores to other files: this process is one of several that read."""
    _shared.set()


def idle() -> int:
    """Return the number of threads that may read one file."""
    process = sys.modules.get("multiprocessing.process")
    if _shared.is_set() or (process is not None and process.parent_process() is not None):
        return 1
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, _MOST)
