"""Every error that bnstat raises on purpose.

BnstatError
├── UsageError     the request cannot be answered: a setting is wrong, or does not fit these data
├── InputError     an input cannot be read; it says which
└── OutputError    a file cannot be written

A message names parameters as Python has them, between backticks: `batch_size`, or `batch_size=1` with a value. The
command line spells them as options (`cli.messages.spelled`).
"""

from __future__ import annotations


class BnstatError(Exception):
    """The root of the tree. Its text is one line that says what happened and what to do."""


class UsageError(BnstatError):
    """A request that cannot be answered: a batch size of 0, an axis that does not exist, too few samples.

    Attributes:
        failures: the inputs that cannot be read either.
    """

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

    def __init__(self, source: str, message: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = message
        self.missing = missing

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, tuple[str, ...]]]:
        """Return the arguments of the constructor, from which another process makes the error again."""
        return type(self), (self.source, self.message, self.missing)


class OutputError(BnstatError):
    """A file that cannot be written."""


def require_least(name: str, number: int, least: int) -> None:
    """Refuse a number that is too small.

    Raises:
        UsageError: if it is below the least; the message names the parameter.
    """
    if number < least:
        raise UsageError(f"`{name}` must be at least {least}, and is {number}")
