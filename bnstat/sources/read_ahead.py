"""Read ahead in a second thread: the next blocks are read while the last one is used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

Buffer = TypeVar("Buffer")
Block = TypeVar("Block")


def read_ahead(
    read: Callable[[Iterator[Buffer]], Iterator[tuple[Buffer, Block]]], buffers: list[Buffer]
) -> Generator[Block]:
    """Yield what `read` reads in a thread of its own, in the same order.

    Args:
        read: fills the buffers that it takes from an iterator, and yields each buffer with the block that is in it.
            It runs in the second thread. What it raises is raised here.
        buffers: the memory that blocks are read into. A buffer is filled again after the next block was asked for.
    """
    shelf = _Shelf[Buffer, Block](buffers)
    threading.Thread(target=shelf.fill, args=(read,), daemon=True).start()
    try:
        yield from shelf.blocks()
    finally:
        shelf.stop()


class _Shelf(Generic[Buffer, Block]):
    """What two threads hand to each other: free buffers in one direction, full ones in the other."""

    def __init__(self, buffers: list[Buffer]) -> None:
        self._free: queue.SimpleQueue[Buffer | None] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[tuple[Buffer, Block] | BaseException | None] = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)

    def fill(self, read: Callable[[Iterator[Buffer]], Iterator[tuple[Buffer, Block]]]) -> None:
        """Read until the end, a failure, or `stop`."""
        try:
            for item in read(self._buffers()):
                self._full.put(item)
            self._full.put(None)
        except BaseException as error:
            self._full.put(error)

    def _buffers(self) -> Iterator[Buffer]:
        while (buffer := self._free.get()) is not None:
            yield buffer

    def blocks(self) -> Iterator[Block]:
        """Yield each block; put its buffer back after the next one was asked for."""
        while (item := self._full.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            buffer, block = item
            yield block
            self._free.put(buffer)

    def stop(self) -> None:
        """End the thread, which may be waiting for a free buffer."""
        self._free.put(None)
