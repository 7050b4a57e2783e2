"""What `bnstat frameworks` tells."""

from __future__ import annotations

from dataclasses import dataclass

from bnstat.layers.frameworks.framework import Framework


@dataclass(frozen=True)
class Presets:
    """Presets in their order; `in_full` where one was asked for by name, and all of it is to be said."""

    rows: tuple[Framework, ...]
    in_full: bool = False
