"""What `check` was given: volumes, and checkpoints beside them."""

from __future__ import annotations

from collections.abc import Iterable

from bnstat.networks.checkpoints.recognized import is_checkpoint
from bnstat.sources.formats.memory import InMemory, Input, named_inputs


def told_apart(paths: Input | Iterable[Input]) -> tuple[list[str | InMemory], list[str]]:
    """Return the inputs that are volumes, and the files that are checkpoints, each once and in order.

    Raises:
        UsageError: if there is no input, or one is something else.
    """
    given = named_inputs(paths)
    checkpoints = [one for one in dict.fromkeys(one for one in given if isinstance(one, str)) if is_checkpoint(one)]
    return [one for one in given if one not in checkpoints], checkpoints
