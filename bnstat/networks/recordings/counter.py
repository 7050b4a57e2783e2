"""Which training steps are recorded: counted by themselves, or named by the training loop."""

from __future__ import annotations

from bnstat.errors import require_least, whole


class StepCounter:
    """The number of the training step that runs.

    By itself it counts calls of the network. A loop that calls the network several times a step, as with gradient
    accumulation, names each step with `name`; of the calls in one step, the first is recorded.

    Attributes:
        done: The number of steps so far, or the one after the greatest that was named.
    """

    def __init__(self, every: int, done: int = 0) -> None:
        require_least("every", every, 1)
        self._every, self.done = every, done
        self._named: int | None = None
        self._due: int | None = None

    def name(self, step: int) -> None:
        """Take the calls that follow as one step of this number.

        Raises:
            UsageError: if the number is negative.
            TypeError: if it is no whole number.
        """
        require_least("step", step, 0)
        number = whole("step", step)
        if number != self._named:
            self._named, self._due = number, number if number % self._every == 0 else None
            self.done = number + 1

    def begin(self) -> int | None:
        """Count a call of the network, and return the number of its step if it is to be recorded."""
        if self._named is None:
            step, self.done = self.done, self.done + 1
            if step % self._every == 0:
                self._due = step
            return None if self._due is None else step
        return self._due

    def recorded(self) -> None:
        """Note that the step is recorded. Until then, a step that should be is followed by another try."""
        self._due = None
