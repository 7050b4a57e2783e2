"""Which layers are reported: those whose names match a pattern."""

from __future__ import annotations

from collections.abc import Sequence

from bnstat.errors import UsageError
from bnstat.networks.layer_names import layer_of, matches
from bnstat.text import closest, first_ones


def selected(layers: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """Return the layers that match a pattern, as in a shell, or have its very name; all of them without a pattern.

    A pattern that matches a module selects all of its calls.

    Raises:
        UsageError: if a pattern matches none; the message has the nearest name.
    """
    if not patterns:
        return set(layers)
    found: set[str] = set()
    for pattern in patterns:
        mine = {one for one in layers if pattern in (one, layer_of(one)) or matches(one, pattern)}
        if not mine:
            near = closest(pattern, layers) or [one for one in layers if pattern.strip("*").lower() in one.lower()][:1]
            hint = f"did you mean {near[0]}?" if near else first_ones("its normalizations are", layers)
            raise UsageError(f"no normalization of the network matches `layers={pattern}`; {hint}")
        found |= mine
    return found
