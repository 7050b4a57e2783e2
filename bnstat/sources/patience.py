"""How long a server is waited for, and how often it is asked again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """The limits after which a server counts as one that does not answer.

    Attributes:
        connect_s: the seconds in which a connection must be made.
        silence_s: the seconds in which the next byte must come.
        window_s: the seconds in which `window_bytes` must come: a server that sends a byte now and then never ends.
        window_bytes: the bytes of a server that is slow, and still counts as one that answers.
        tries: how often a request is made in a row that brings nothing new.
        pause_s: the seconds before the second try; each later pause is twice as long.
        longest_pause_s: the seconds of the longest pause, also of one that a server asks for.
    """

    connect_s: float = 10
    silence_s: float = 30
    window_s: float = 60
    window_bytes: int = 60_000
    tries: int = 4
    pause_s: float = 0.5
    longest_pause_s: float = 30

    def pause(self, failures: int, asked_for: float = 0) -> float:
        """Return the seconds to wait after so many failures in a row, at least those that the server asked for."""
        return min(max(self.pause_s * float(2 ** (failures - 1)), asked_for), self.longest_pause_s)


PATIENCE = Patience()
