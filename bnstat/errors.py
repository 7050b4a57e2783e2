"""Every error that bnstat raises on purpose.

BnstatError
├── UsageError     the request cannot be: a wrong option value, or a setting that these data do not admit
├── InputError     one input could not be read; carries which
└── OutputError    a result could not be written

A message names parameters as Python has them, between backticks: `batch_size`, or `batch_size=1` with a value. The
command line spells them as options (`cli.messages.spelled`).
"""

from __future__ import annotations


class BnstatError(Exception):
    """Root of the tree. Its text is one line that says what happened and what to do."""


class UsageError(BnstatError):
    """The request cannot be answered as it was put: batch size 0, axis out of range, too few samples.

    Attributes:
        failures: the inputs that could not be read before this was found.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.failures: tuple[InputError, ...] = ()


class InputError(BnstatError):
    """An input could not be read: missing, damaged, or of a kind that batch norm is not defined on.

    Attributes:
        source: the input, as the user named it.
        message: what is wrong with it and what to do, without the name.
        missing: channels of a case whose files are not there; empty where it failed for another reason.
    """

    def __init__(self, source: str, message: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source
        self.message = message
        self.missing = missing

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, tuple[str, ...]]]:
        """Workers send it to the process that asked."""
        return type(self), (self.source, self.message, self.missing)


class OutputError(BnstatError):
    """A result could not be written to where it was asked for."""
