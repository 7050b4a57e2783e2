"""Which values of a room can be changed by whoever gets them."""

from __future__ import annotations

import dataclasses
import pkgutil
from importlib import import_module
from types import ModuleType


def changeable(room: ModuleType) -> set[str]:
    """Return the names of the room's dataclasses of which a field can be set."""
    found = set()
    for one in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        for own in vars(import_module(one.name)).values():
            if isinstance(own, type) and dataclasses.is_dataclass(own) and own.__module__ == one.name:
                found |= {own.__name__ for field in dataclasses.fields(own) if _can_be_set(own, field.name)}
    return found


def _can_be_set(kind: type, name: str) -> bool:
    try:
        setattr(object.__new__(kind), name, None)
    except dataclasses.FrozenInstanceError:
        return False
    return True
