"""What rules report, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """What a rule reports.

    `source` is None where it is about several samples; `group` is the place of a group in its batch.
    """

    rule: str
    name: str
    severity: Severity
    message: str
    source: str | None = None
    batch: int | None = None
    channel: int | None = None
    value: float | None = None
    threshold: float | None = None
    group: int | None = None

    @property
    def place(self) -> tuple[int | None, int | None]:
        """The batch, and the channel or group in it, that it is about."""
        return self.batch, self.channel if self.group is None else self.group


@dataclass(frozen=True)
class Failure:
    """An input that could not be read; `missing` are the channels of a case whose files are not there."""

    source: str
    message: str
    missing: tuple[str, ...] = ()
