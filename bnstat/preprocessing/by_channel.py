"""A list of steps for each channel, as in 'CT=ct:FILE;PET=zscore;*=none'.

A key is the name of a channel, its number from 0, or `*` for all that no other key names; a list without a key means
the same as `*`. So 'zscore' is one list for all channels. Each channel of a case goes through exactly one list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnstat.errors import UsageError
from bnstat.preprocessing.steps import Step, parsed
from bnstat.text import closest, plural

# The key of the list for all channels that are not named.
REST = "*"
_BETWEEN = ";"
# More digits than the number of any channel has.
_MOST_DIGITS = 10


@dataclass(frozen=True)
class StepLists:
    """The steps of each channel.

    Attributes:
        lists: pairs of a key and its steps, in the order in which they were written. A key is the name of a channel,
            its number as text, or "*" for the rest; no key occurs twice.
    """

    lists: tuple[tuple[str, tuple[Step, ...]], ...] = ()

    @property
    def every(self) -> tuple[Step, ...]:
        """The steps of all lists, one list after the other."""
        return tuple(step for _, taken in self.lists for step in taken)

    @property
    def by_channel(self) -> bool:
        """True if a channel is named, so that the lists have to fit the channels of a case."""
        return any(key != REST for key, _ in self.lists)

    def of(self, case: str, channels: int, names: Sequence[str]) -> tuple[tuple[Step, ...], ...]:
        """Return the steps of each channel of a case.

        Args:
            case: the name of the case.
            channels: the number of its channels.
            names: their names; empty if they are not known.

        Raises:
            UsageError: if a key is no channel of the case, or a channel has no list, or two.
        """
        found: dict[int, tuple[Step, ...]] = {}
        rest: tuple[Step, ...] | None = None if self.lists else ()
        for key, taken in self.lists:
            if key == REST:
                rest = taken
                continue
            channel = self._channel(key, case, channels, names)
            if channel in found:
                raise UsageError(f"`intensity` has two lists of steps for channel {key} of {case}; leave out one")
            found[channel] = taken
        if rest is None:
            missing = [channel for channel in range(channels) if channel not in found]
            if missing:
                first = names[missing[0]] if names else str(missing[0])
                more = f" (nor for {plural(len(missing) - 1, 'other')})" if len(missing) > 1 else ""
                raise UsageError(
                    f"`intensity` has no steps for channel {first}{more} of {case}; add '{first}=…' with its steps, "
                    f"or '{REST}=none' to leave all other channels as they are"
                )
            rest = ()
        return tuple(found.get(channel, rest) for channel in range(channels))

    @staticmethod
    def _channel(key: str, case: str, channels: int, names: Sequence[str]) -> int:
        """Return the place of a channel; a name is looked for before a number."""
        if key in names:
            return names.index(key)
        if key.isdecimal() and len(key) < _MOST_DIGITS and int(key) < channels:
            return int(key)
        numbers = f"0 to {channels - 1}" if channels > 1 else "0"
        if not names:
            known = (
                f"its {plural(channels, 'channel')} {'have no names' if channels > 1 else 'has no name'}; use {numbers}"
            )
        else:
            near = closest(key, names) or [one for one in names if one.casefold() == key.casefold()]
            hint = f"did you mean {near[0]!r}? Its" if near else "its"
            known = f"{hint} channels are {', '.join(names)} ({numbers})"
        raise UsageError(f"`intensity` has steps for channel {key!r}, which {case} does not have; {known}")


def step_lists(text: str | None) -> StepLists:
    """Return the lists of steps that a text stands for.

    Raises:
        UsageError: if a step is not known, or a key occurs twice; the message names it.
    """
    if text is None:
        return StepLists()
    found: dict[str, tuple[Step, ...]] = {}
    for part in text.split(_BETWEEN):
        key, steps = keyed(part)
        if key in found:
            of = "all other channels" if key == REST else f"channel {key!r}"
            raise UsageError(f"`intensity`: there are two lists of steps for {of} in {text!r}; leave out one")
        found[key] = parsed(steps)
    return StepLists(tuple(found.items()))


def keyed(part: str) -> tuple[str, str]:
    """Return the key and the steps of one part of a text: those before and after its "=", if no step is before it.

    Raises:
        UsageError: if nothing is before the "=".
    """
    key, equals, steps = part.partition("=")
    if not equals or ":" in key or "|" in key:
        return REST, part.strip()
    if not key.strip():
        raise UsageError(
            f"`intensity`: {part.strip()!r} has no channel before the equals sign; name one, as in 'CT=zscore'"
        )
    return key.strip(), steps.strip()
