"""The entries of a list that are not taken: the first ones each with its reason, and the number of the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnstat.errors import InputError
from bnstat.text import plural

# The entries of which each has an error of its own. A list of a million may be wrong in each.
_MOST = 1000


@dataclass
class Refusals:
    """The errors of one list, of which so many are kept as a person may want to see.

    Attributes:
        failures: the first errors.
        others: the number of all others.
    """

    failures: list[InputError] = field(default_factory=list)
    others: int = 0

    @property
    def number(self) -> int:
        """The number of all of them."""
        return len(self.failures) + self.others

    def add(self, error: InputError) -> None:
        """Keep an error, or count it if there are many."""
        if len(self.failures) < _MOST:
            self.failures.append(error.alone())
        else:
            self.others += 1

    def told(self, path: str) -> list[InputError]:
        """Return the errors; the last one counts those that were not kept.

        Args:
            path: the list.
        """
        if not self.others:
            return self.failures
        message = f"{plural(self.others, 'more entry', 'more entries')} of it cannot be taken; correct the first ones"
        return [*self.failures, InputError(path, message)]
