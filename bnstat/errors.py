"""Every error that bnstat raises on purpose.

BnstatError
├── UsageError     the request cannot be answered: a setting is wrong, or does not fit these data
│   └── UnfitError the settings do not fit one input; others may still be read
├── InputError     an input cannot be read; it says which
└── OutputError    a file cannot be written

A message names parameters as Python has them, between backticks: `batch_size`, or `batch_size=1` with a value. The
command line spells them as options (`cli.messages.spelled`).
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import TypeVar

from bnstat.escapes import in_one_line
from bnstat.redaction import redacted

Text = TypeVar("Text", bound=str)

# The most that is quoted of what another package says.
_LONGEST_LINE = 200


class BnstatError(Exception):
    """The root of the tree. Its text is one line that says what happened and what to do, without secrets of URLs."""

    __slots__ = ()

    def __init__(self, message: str = "") -> None:
        super().__init__(in_one_line(redacted(message)))


class UsageError(BnstatError):
    """A request that cannot be answered: a batch size of 0, an axis that does not exist, too few samples.

    Attributes:
        failures: the inputs that cannot be read either.
    """

    __slots__ = ("failures",)

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.failures: tuple[InputError, ...] = ()


class InputError(BnstatError):
    """An input that cannot be read: missing, damaged, or without real numbers.

    Attributes:
        source: the input, as the user named it, or "array 1" in memory.
        message: what is wrong with it and what to do, without the name.
        missing: the channels of a case whose files do not exist; empty if it failed for another reason.
    """

    __slots__ = ("message", "missing", "source")

    def __init__(self, source: str, message: str, missing: tuple[str, ...] = ()) -> None:
        Exception.__init__(self)
        self.source = redacted(source)
        self.message = in_one_line(redacted(message))
        self.missing = missing

    def __str__(self) -> str:
        """Return the line: the input, and what is wrong with it."""
        return f"{in_one_line(self.source)}: {self.message}"

    def alone(self) -> InputError:
        """Return the error without the calls that raised it, which keep alive what they had in memory.

        Of a million files that are missing there is an error each.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, tuple[str, ...]]]:
        """Return the arguments of the constructor, from which another process makes the error again."""
        return type(self), (self.source, self.message, self.missing)


class UnfitError(UsageError):
    """Settings that do not fit the shape of one input: the request fails only if they fit no other input.

    Attributes:
        source: the input.
        message: what does not fit and what to do, without the name.
    """

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = in_one_line(message)

    def __reduce__(self) -> tuple[type[UnfitError], tuple[str, str]]:
        """Return the arguments of the constructor, from which another process makes the error again."""
        return type(self), (self.source, self.message)

    @property
    def of_input(self) -> InputError:
        """The failure of the input, where others are read."""
        return InputError(self.source, self.message)


class OutputError(BnstatError):
    """A file that cannot be written."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says, or the name of its class if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST_LINE]


def whole(name: str, value: object) -> int:
    """Return a whole number, also one of numpy, as Python's, which JSON has.

    Raises:
        TypeError: if it is none; the message names the parameter.
    """
    try:
        return index(value)  # type: ignore[arg-type]  # what is no integer is refused
    except TypeError:
        raise TypeError(f"`{name}` must be a whole number, and is {_described(value)}") from None


def whole_or_text(name: str, value: Text | int | None) -> Text | int | None:
    """Return a whole number as `whole` does, and a text or None as it is.

    Raises:
        TypeError: if it is none of these; the message names the parameter.
    """
    return value if value is None or isinstance(value, str) else whole(name, value)


def wholes(name: str, values: object) -> tuple[int, ...]:
    """Return whole numbers, as `whole` does.

    Raises:
        TypeError: if they are not several, or one is no whole number; the message names the parameter.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"`{name}` must be several whole numbers, and is {_described(values)}")
    return tuple(whole(name, value) for value in values)


def number(name: str, value: object) -> float:
    """Return a number as a float.

    Raises:
        TypeError: if it is none, as a text is; the message names the parameter.
    """
    kind = type(value)
    if isinstance(value, (str, bytes)) or not (hasattr(kind, "__float__") or hasattr(kind, "__index__")):
        raise TypeError(f"`{name}` must be a number, and is {_described(value)}")
    return float(value)  # type: ignore[arg-type]  # the condition above


def text(name: str, value: object) -> str:
    """Return a text.

    Raises:
        TypeError: if it is none; the message names the parameter.
    """
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a text, and is {_described(value)}")
    return value


def texts(name: str, values: object) -> tuple[str, ...]:
    """Return several texts; a text alone is one of them.

    Raises:
        TypeError: if they are not several, or one is no text; the message names the parameter.
    """
    if isinstance(values, str):
        return (values,)
    if not isinstance(values, Iterable):
        raise TypeError(f"`{name}` must be texts, and is {_described(values)}")
    return tuple(text(name, value) for value in values)


def _described(value: object) -> str:
    return f"{value!r}, of type {type(value).__name__}"


def require_least(name: str, number: int, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        UsageError: if it is below the least; the message names the parameter.
        TypeError: if it is no whole number.
    """
    if whole(name, number) < least:
        raise UsageError(f"`{name}` must be at least {least}, and is {number}")
