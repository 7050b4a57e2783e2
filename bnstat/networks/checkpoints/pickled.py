"""Pickle streams as data: what a stream describes is noted, and nothing that it names is imported or called.

Python's own unpickler builds what a stream asks for. Even with all globals replaced it allocates memory that the stream
names (a memo of a given size, a byte array of a given length), and it hashes keys of any depth. This machine knows the
same instructions. It keeps numbers and texts, lists, tuples, and `Made` values for everything else. Each instruction
takes memory in proportion to the bytes that it consists of, and there are at most `MOST_INSTRUCTIONS` of them.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Two million take about a second. A state dict of 1,000 tensors has 30,000, with its optimizer 100,000.
MOST_INSTRUCTIONS = 2_000_000
# A whole number of more bytes is no count, size or seed.
_MOST_INTEGER_BYTES = 256
# What people put beside their weights, as arrays of a few hundred megabytes, is walked past.
_MOST_TEXT = 256 << 20


class NotAPickleError(Exception):
    """A stream that is no pickle, is damaged, or asks for more than a description of tensors needs."""


@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """The name of a class or function. It is not looked up."""

    module: str
    name: str


@dataclass(frozen=True, eq=False, slots=True)
class Persistent:
    """What a stream says of something that is stored beside it, as a storage of numbers."""

    said: Any


@dataclass(eq=False, slots=True)
class Made:
    """A mapping, or the result of a call, which is noted and not made.

    Attributes:
        what: What is called: a `Global`, or anything else that a stream says; None for a mapping.
        arguments: What it is called with.
        pairs: What is set in it afterwards, keys and values in order.
        state: What its state is set to; None if it is not.
    """

    what: Any = None
    arguments: Any = ()
    pairs: list[tuple[Any, Any]] = field(default_factory=list)
    state: Any = None


class _Mark:
    """The place on the stack where the parts of a tuple, list or mapping begin."""


_MARK = _Mark()


class Stream:
    """A pickle stream in memory.

    Attributes:
        place: The place of the next instruction; after `load`, the place behind the pickle.
    """

    def __init__(self, raw: bytes | mmap.mmap, place: int = 0) -> None:
        self._raw = raw
        self.place = place
        self._left = MOST_INSTRUCTIONS
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """Return what the next pickle of the stream describes.

        Raises:
            NotAPickleError: if it is damaged, no pickle, or has too many instructions.
        """
        self._stack, self._memo = [], {}
        try:
            return self._run()
        except (IndexError, KeyError, ValueError, TypeError, AttributeError, struct.error, OverflowError) as error:
            raise NotAPickleError(f"instruction {MOST_INSTRUCTIONS - self._left:,} is damaged") from error

    def _run(self) -> Any:
        raw, instructions = self._raw, _INSTRUCTIONS
        while True:
            if not self._left:
                raise NotAPickleError(f"it has more than {MOST_INSTRUCTIONS:,} instructions")
            self._left -= 1
            code = raw[self.place]
            self.place += 1
            if code == _STOP:
                (result,) = self._stack
                return result
            instructions[code](self)

    # Reading arguments -------------------------------------------------------------------------------------------

    def _take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            NotAPickleError: if the stream ends before.
        """
        end = self.place + size
        if end > len(self._raw):
            raise NotAPickleError("it ends early")
        if size > _MOST_TEXT:
            raise NotAPickleError("a text is too long")
        taken = self._raw[self.place : end]
        self.place = end
        return taken

    def _line(self, encoding: str = "utf-8") -> str:
        end = self._raw.find(b"\n", self.place, self.place + _MOST_TEXT)
        if end < 0:
            raise NotAPickleError("it ends early")
        line = self._raw[self.place : end]
        self.place = end + 1
        return line.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")

    def _size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "little")

    def _text(self, width: int) -> str:
        return self._take(self._size(width)).decode("utf-8", "surrogatepass")

    # The stack ---------------------------------------------------------------------------------------------------

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise NotAPickleError("a value is missing")
        return value

    def _since_mark(self) -> list[Any]:
        stack = self._stack
        place = len(stack) - 1
        while stack[place] is not _MARK:
            if not place:
                raise NotAPickleError("the start of a list is missing")
            place -= 1
        values = stack[place + 1 :]
        del stack[place:]
        return values

    # Instructions that do more than push one value ---------------------------------------------------------------

    def _integer(self, size: int) -> None:
        if size > _MOST_INTEGER_BYTES:
            raise NotAPickleError("a whole number is too large")
        self._push(int.from_bytes(self._take(size), "little", signed=True))

    def _old_integer(self) -> None:
        line = self._line()
        if len(line) > 2 * _MOST_INTEGER_BYTES:
            raise NotAPickleError("a whole number is too large")
        self._push({"00": False, "01": True}[line] if line in {"00", "01"} else int(line.removesuffix("L")))

    def _tuple(self, length: int) -> None:
        parts = tuple(self._pop() for _ in range(length))
        self._push(parts[::-1])

    def _mapping(self) -> None:
        values = self._since_mark()
        self._push(Made(pairs=_pairs(values)))

    def _append(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Made):
            target.pairs.extend((None, value) for value in values)
        elif not isinstance(target, (Global, Persistent)):
            raise NotAPickleError("something is appended to what is no list")

    def _set(self, pairs: list[tuple[Any, Any]]) -> None:
        target = self._stack[-1]
        if isinstance(target, Made):
            target.pairs.extend(pairs)
        elif not isinstance(target, (Global, Persistent)):
            raise NotAPickleError("an item is set in what has none")

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set([(key, value)])

    def _call(self) -> None:
        arguments, what = self._pop(), self._pop()
        self._push(Made(what, arguments))

    def _call_with_names(self) -> None:
        _, arguments, what = self._pop(), self._pop(), self._pop()
        self._push(Made(what, arguments))

    def _make(self, named: bool) -> None:
        if named:
            what: Any = Global(self._line(), self._line())
            self._push(Made(what, tuple(self._since_mark())))
            return
        values = self._since_mark()
        self._push(Made(values[0], tuple(values[1:])))

    def _build(self) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Made):
            target.state = state
        elif not isinstance(target, (Global, Persistent)):
            raise NotAPickleError("a state is set on what has none")

    def _named(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise NotAPickleError("a name is no text")
        self._push(Global(module, name))

    def _remember(self, place: int) -> None:
        value = self._stack[-1]
        if value is _MARK:
            raise NotAPickleError("a value is missing")
        self._memo[place] = value

    def _duplicate(self) -> None:
        value = self._pop()
        self._push(value)
        self._push(value)

    def _drop(self) -> None:
        self._stack.pop()


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise NotAPickleError("a key has no value")
    return list(zip(values[::2], values[1::2], strict=True))


_STOP = ord(".")
# What each instruction of protocols 0 to 5 does, by its byte. `pickletools` of the standard library describes them.
_INSTRUCTIONS: dict[int, Callable[[Stream], object]] = {
    ord(code): act
    for code, act in {
        # the stack and the memo
        "(": lambda s: s._push(_MARK),
        "0": lambda s: s._drop(),
        "1": lambda s: s._since_mark(),
        "2": lambda s: s._duplicate(),
        "p": lambda s: s._remember(int(s._line()[:20])),
        "q": lambda s: s._remember(s._size(1)),
        "r": lambda s: s._remember(s._size(4)),
        "\x94": lambda s: s._remember(len(s._memo)),
        "g": lambda s: s._push(s._memo[int(s._line()[:20])]),
        "h": lambda s: s._push(s._memo[s._size(1)]),
        "j": lambda s: s._push(s._memo[s._size(4)]),
        # constants and numbers
        "N": lambda s: s._push(None),
        "\x88": lambda s: s._push(True),
        "\x89": lambda s: s._push(False),
        "I": lambda s: s._old_integer(),
        "L": lambda s: s._old_integer(),
        "J": lambda s: s._integer(4),
        "K": lambda s: s._push(s._size(1)),
        "M": lambda s: s._push(s._size(2)),
        "\x8a": lambda s: s._integer(s._size(1)),
        "\x8b": lambda s: s._integer(s._size(4)),
        "F": lambda s: s._push(float(s._line()[:64])),
        "G": lambda s: s._push(struct.unpack(">d", s._take(8))[0]),
        # texts and bytes
        "V": lambda s: s._push(s._line("raw_unicode_escape")),
        "X": lambda s: s._push(s._text(4)),
        "\x8c": lambda s: s._push(s._text(1)),
        "\x8d": lambda s: s._push(s._text(8)),
        "S": lambda s: s._push(s._line().strip("'\"")),
        "T": lambda s: s._push(s._take(s._size(4)).decode("latin-1")),
        "U": lambda s: s._push(s._take(s._size(1)).decode("latin-1")),
        "B": lambda s: s._push(s._take(s._size(4))),
        "C": lambda s: s._push(s._take(s._size(1))),
        "\x8e": lambda s: s._push(s._take(s._size(8))),
        "\x96": lambda s: s._push(s._take(s._size(8))),
        "\x97": lambda s: s._push(Made()),
        "\x98": lambda s: s._take(0),
        # tuples, lists, sets and mappings
        ")": lambda s: s._push(()),
        "t": lambda s: s._push(tuple(s._since_mark())),
        "\x85": lambda s: s._tuple(1),
        "\x86": lambda s: s._tuple(2),
        "\x87": lambda s: s._tuple(3),
        "]": lambda s: s._push([]),
        "l": lambda s: s._push(s._since_mark()),
        "a": lambda s: s._append([s._pop()]),
        "e": lambda s: s._append(s._since_mark()),
        "}": lambda s: s._push(Made()),
        "d": lambda s: s._mapping(),
        "s": lambda s: s._set_item(),
        "u": lambda s: s._set(_pairs(s._since_mark())),
        "\x8f": lambda s: s._push([]),
        "\x90": lambda s: s._append(s._since_mark()),
        "\x91": lambda s: s._push(s._since_mark()),
        # names, calls and states
        "c": lambda s: s._push(Global(s._line(), s._line())),
        "\x93": lambda s: s._named(),
        "\x82": lambda s: s._push(Global("copyreg", f"extension {s._size(1)}")),
        "\x83": lambda s: s._push(Global("copyreg", f"extension {s._size(2)}")),
        "\x84": lambda s: s._push(Global("copyreg", f"extension {s._size(4)}")),
        "R": lambda s: s._call(),
        "\x81": lambda s: s._call(),
        "\x92": lambda s: s._call_with_names(),
        "i": lambda s: s._make(named=True),
        "o": lambda s: s._make(named=False),
        "b": lambda s: s._build(),
        "P": lambda s: s._push(Persistent(s._line())),
        "Q": lambda s: s._push(Persistent(s._pop())),
        # protocol and frames
        "\x80": lambda s: s._take(1),
        "\x95": lambda s: s._take(8),
    }.items()
}
