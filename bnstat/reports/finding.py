"""Findings of rules, and inputs that could not be read."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import Literal

from bnstat.text import plural

Severity = Literal["error", "warning", "note"]


SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a rule.

    Attributes:
        rule: The code of the rule.
        name: The name of the rule.
        severity: The severity.
        message: What happened, what that means for the training, and what to do.
        source: The file or case, None if the finding is about several samples.
        batch: The index of the batch, None if the finding is about no single one.
        channel: The index of the channel, None if the finding is about several.
        value: The number that was judged, None if there is none or it is infinite.
        threshold: The limit that it passed, None if there is none.
        group: The index of a group in its batch, None for a channel.
        layer: The name of a layer of a network or a checkpoint, None if the finding is about no single one.
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
    layer: str | None = None

    @property
    def place(self) -> tuple[int | None, int | None]:
        """The batch, and the channel or group in it, that the finding is about."""
        return self.batch, self.channel if self.group is None else self.group


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that could not be read. If it is a case, `missing` names the channels whose files do not exist."""

    source: str
    message: str
    missing: tuple[str, ...] = ()


def counted(samples: Sized, errors: Sized, findings: Sized | None = None) -> str:
    """Return in a few words how many samples and findings a report has, and how many inputs cannot be read."""
    found = [] if findings is None else [plural(len(findings), "finding")]
    unread = [f"{plural(len(errors), 'input')} cannot be read"] if len(errors) else []
    return ", ".join([plural(len(samples), "sample"), *found, *unread])
