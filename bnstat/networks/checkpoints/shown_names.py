"""The names of layers as they are shown: without the parts that wrappers add, and safe for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnstat.networks.layer_names import WRAPPERS
from bnstat.text import printable

# What wrappers add: data parallelism has "module", a name that others may have too.
_ADDED = ("module", *WRAPPERS)


def shown_names(paths: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Return the names of layers without what wrappers add, safe for a terminal.

    A part is left out only where everything beside it has it too, so that no two names become one.

    Args:
        paths: The paths of layers.
        names: The names of all tensors.
    """
    # Each part of a name, with what lies below it: names that are joined anew at each part would take quadratic time.
    below: dict[str, Any] = {}
    if any(part in _ADDED for path in paths for part in path.split(".")):
        for name in names:
            node = below
            for part in name.split("."):
                node = node.setdefault(part, {})
    shown: dict[str, str] = {}
    for path in paths:
        parts, kept, node = path.split("."), [], below
        for part in parts:
            if part not in _ADDED or len(node) > 1 or len(parts) == 1:
                kept.append(part)
            node = node.get(part, {})
        shown[path] = _shown(".".join(kept) or path)
    return shown if len(set(shown.values())) == len(shown) else {path: _shown(path) for path in paths}


def _shown(path: str) -> str:
    return printable(path) or "(top)"
