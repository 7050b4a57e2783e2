"""When Python looks for objects that nothing but each other refers to. Where all objects stay, it would find none.

It looks at every object after so many new ones, and at all of them again when the program ends. That took a seventh of
`bnstat inspect` on a small file, since almost all objects are those of imports.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# So many new objects until it looks: those of all imports are fewer, and a program that goes on has an end of them.
_START = (1_000_000, 10, 10)
# While files are read: a large cohort is many objects that all stay, so the oldest ones are looked at seldom.
_WORK = (700, 10, 100)


def not_at_start() -> None:
    """Look for none while the program starts."""
    gc.set_threshold(*_START)


@contextmanager
def among_new_objects() -> Iterator[None]:
    """Look for them in this block, and only among the objects that are made in it."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_WORK)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def not_at_end() -> None:
    """Look for none when the program ends: the system takes all memory back."""
    gc.freeze()
