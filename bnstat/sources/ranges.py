"""A remote file, read from its start to its end in ranges of bytes, of which every answer is verified.

A server may answer with other bytes than those asked for, stop half-way, or exchange the file between two requests.
None of this may become a number: an answer is used only if it says that it is what was asked for, and a connection
that was cut goes on at the byte where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bnstat.sources.patience import Patience

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")

# The bytes after which a server that failed before has shown that it answers.
_PROGRESS_BYTES = 1 << 16


class PassingError(Exception):
    """A failure that another try may not have: a connection that was cut, a server that is busy or silent.

    Attributes:
        after_s: the seconds that the server asks to wait.
        answered: True if the server has said that it cannot, rather than nothing.
    """

    def __init__(self, message: str, after_s: float = 0, *, answered: bool = False) -> None:
        super().__init__(message)
        self.after_s, self.answered = after_s, answered


class WrongAnswerError(Exception):
    """An answer that is not what was asked for: asking again does not help."""


@dataclass(frozen=True)
class Version:
    """What a server tells about a file, which is the same for all its answers unless the file was exchanged.

    Attributes:
        size: its bytes; None if not told.
        tag: its ETag; None if not told.
        changed: when it was changed the last time, in the words of the server; None if not told.
    """

    size: int | None = None
    tag: str | None = None
    changed: str | None = None

    def differs(self, other: Version) -> bool:
        """Return True if both tell something, and not the same."""
        pairs = ((self.size, other.size), (self.tag, other.tag), (self.changed, other.changed))
        return any(one != two for one, two in pairs if one is not None and two is not None)

    @property
    def is_telling(self) -> bool:
        """True if another file of this size would have another version."""
        return self.tag is not None or self.changed is not None


@dataclass
class Seen:
    """What the answers about one file have told so far; streams that share it must read the same version.

    Attributes:
        version: the version of all answers.
        coding: the Content-Encoding of the file, in lower case; an empty text if it has none.
    """

    version: Version = field(default_factory=Version)
    coding: str = ""

    def hold(self, told: Version) -> None:
        """Add what another answer tells.

        Raises:
            WrongAnswerError: if it contradicts those before.
        """
        if told.differs(self.version):
            raise WrongAnswerError("it was changed on its server while it was read; run the command again")
        known = {name: value for name, value in vars(told).items() if value is not None}
        self.version = replace(self.version, **known)


@dataclass(frozen=True)
class Answer:
    """The answer to a request for bytes of a file.

    Attributes:
        start: the place of its first byte in the file.
        end: the place after its last byte; None if the end of the body tells it.
        whole: True if it is the whole file, since the server sends no ranges.
        version: what it tells about the file.
        coding: the Content-Encoding, in lower case.
        read: reads at most so many bytes; none at the end.
        close: gives the connection back.
    """

    start: int
    end: int | None
    whole: bool
    version: Version
    coding: str
    read: Callable[[int], Awaitable[bytes]]
    close: Callable[[], None]


# Asks for the bytes from a place up to another. Raises PassingError, WrongAnswerError, or the errors of its protocol.
Ask = Callable[[int, int], Awaitable[Answer]]


def wait_for(work: Coroutine[Any, Any, Result], loop: asyncio.AbstractEventLoop) -> Result:
    """Run a coroutine on the loop of another thread, and return its result."""
    import asyncio

    running = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return running.result()
    except BaseException:
        running.cancel()  # Ctrl-C ends the request, too
        raise


async def tried(call: Callable[[], Awaitable[Result]], patience: Patience) -> Result:
    """Return the result of a request, which is made again after a passing failure.

    Raises:
        PassingError: of the last try.
    """
    import asyncio

    failures = 0
    while True:
        try:
            return await call()
        except PassingError as error:
            failures += 1
            if failures >= patience.tries:
                raise
            await asyncio.sleep(patience.pause(failures, error.after_s))


class RangedFile:
    """A remote file that is read forward.

    Args:
        ask: asks the server for bytes.
        loop: the loop on which requests are made.
        block: the bytes of a request.
        seen: what other streams of the file have been told.
        patience: how long to wait, and how often to try again.
    """

    def __init__(self, ask: Ask, loop: asyncio.AbstractEventLoop, block: int, seen: Seen, patience: Patience) -> None:
        self._ask, self._loop, self._block, self._seen, self._patience = ask, loop, block, seen, patience
        self._answer: Answer | None = None
        self._held = memoryview(b"")
        self._at = 0
        self._ended = False
        # since the last byte that came after a failure
        self._failures, self._progress = 0, 0
        # since the speed was looked at the last time
        self._waited_s, self._came = 0.0, 0

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, none at the end.

        Raises:
            PassingError: if the server did not answer, however often it was asked.
            WrongAnswerError: if it answered with other bytes.
        """
        self.fetch()
        data, self._held = bytes(self._held[:size]), self._held[size:]
        return data

    def fetch(self) -> None:
        """Fetch the next bytes unless there are some; raise the errors of `read`."""
        if not self._held and not self._ended:
            self._held = memoryview(wait_for(self._block_of_bytes(), self._loop))

    def close(self) -> None:
        """Give the connection back."""
        if self._answer is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._answer.close)
        self._answer, self._ended = None, True

    async def _block_of_bytes(self) -> bytes:
        """Return the next bytes: those of a range, or of a part of the whole file."""
        found = bytearray()
        while len(found) < self._block:
            try:
                if self._answer is None and (found or not await self._open(self._block)):
                    break
                data = await self._some(self._block - len(found))
            except PassingError as error:
                self._drop()
                await self._after(error)
                continue
            found += data
            self._at += len(data)
        self._ended = self._ended or not found
        return bytes(found)

    async def _open(self, size: int) -> bool:
        """Ask for the next bytes; return False if the file ends here."""
        if self._ended or self._at == self._seen.version.size:
            return False
        answer = await self._ask(self._at, self._at + size)
        try:
            self._verify(answer, size)
        except WrongAnswerError:
            answer.close()
            raise
        self._answer = answer
        if answer.whole and self._at:
            await self._skip_what_was_read(answer)
        return answer.start != answer.end

    def _verify(self, answer: Answer, size: int) -> None:
        """Raise WrongAnswerError unless an answer has the bytes that were asked for."""
        self._seen.hold(answer.version)
        self._seen.coding = answer.coding
        start = 0 if answer.whole else self._at
        if answer.start != start:
            raise WrongAnswerError(
                f"its server sent the bytes from {answer.start:,} on, but those from {start:,} on were asked for; "
                "copy the file here by another program and give the copy"
            )
        if not answer.whole and answer.end is not None and answer.end - start > size:
            raise WrongAnswerError(
                f"its server sent {answer.end - start:,} bytes, but {size:,} were asked for; "
                "copy the file here by another program and give the copy"
            )
        if answer.start == answer.end and self._seen.version.size not in (None, self._at):
            raise WrongAnswerError(
                f"its server says that the file ends at byte {self._at:,}, but also that it has "
                f"{self._seen.version.size:,} bytes; copy the file here by another program and give the copy"
            )

    async def _skip_what_was_read(self, answer: Answer) -> None:
        """Read over the bytes that came before the connection was cut."""
        if not (answer.version.is_telling and self._seen.version.is_telling):
            raise WrongAnswerError(
                f"the connection was cut after {self._at:,} bytes, and its server can neither go on there nor tell "
                "whether the file is still the same; copy the file here by another program and give the copy"
            )
        left = self._at
        while left:
            skipped = len(await self._timed(answer, min(left, self._block)))
            if not skipped:
                raise PassingError("the connection was cut")
            left -= skipped

    async def _some(self, size: int) -> bytes:
        """Return the next bytes of the answer; at its end forget the answer, and return none."""
        answer = self._answer
        assert answer is not None
        left = size if answer.end is None else answer.end - self._at
        # at the end of a range, one more byte would be one too many
        data = await self._timed(answer, min(size, left) or 1)
        if data and not left:
            raise WrongAnswerError(
                "its server sent more bytes than it announced; copy the file here by another program and give the copy"
            )
        if not data and left and answer.end is not None:
            raise PassingError("the connection was cut")
        if not data:
            self._ended = self._ended or answer.whole
            self._drop()
        self._progress += len(data)
        if self._progress >= min(_PROGRESS_BYTES, self._block):
            self._failures = 0
        return data

    async def _timed(self, answer: Answer, size: int) -> bytes:
        """Return bytes of an answer.

        Raises:
            PassingError: if too few of them have come for too long.
        """
        import asyncio

        limit = self._patience.window_s
        before = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                data = await answer.read(size)
        except TimeoutError as error:
            raise PassingError(f"no byte came for {limit:g} s") from error
        self._waited_s += time.monotonic() - before
        self._came += len(data)
        if self._waited_s >= limit:
            came, waited = self._came, self._waited_s
            self._waited_s, self._came = 0.0, 0
            if came < self._patience.window_bytes:
                raise PassingError(f"only {came:,} bytes came in {waited:.0f} s")
        return data

    async def _after(self, error: PassingError) -> None:
        """Wait after a failure; raise it if it was one too many."""
        import asyncio

        self._failures, self._progress = self._failures + 1, 0
        if self._failures >= self._patience.tries:
            raise error
        await asyncio.sleep(self._patience.pause(self._failures, error.after_s))

    def _drop(self) -> None:
        if self._answer is not None:
            self._answer.close()
        self._answer = None
