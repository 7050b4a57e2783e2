"""The plans file of nnU-Net: patch, strides and batch size of a configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from bnstat.errors import InputError, UsageError

# The configuration that is read if none is named and the file has it.
USUAL = "3d_fullres"


@dataclass(frozen=True)
class Configuration:
    """One network of a plans file. Axes are in the order of an image file (x, y, z); nnU-Net's own is z, y, x."""

    name: str
    patch: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    batch_size: int
    norm: str | None


def read_plans(path: str, name: str | None = None) -> Configuration:
    """Read one configuration of a plans file of version 2 (`arch_kwargs`), or with the older keys.

    Raises:
        InputError: if the file cannot be read, or is not a plans file.
        UsageError: if there is no configuration of this name; the message lists them.
    """
    try:
        configurations = json.loads(Path(path).read_text(encoding="utf-8"))["configurations"]
        named = {key: _inherited(configurations, key) for key in configurations}
        usable = [key for key, values in named.items() if "patch_size" in values]
    except OSError as error:
        raise InputError(path, f"the file cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(path, "it is not a plans file of nnU-Net; give a nnUNetPlans.json") from error
    chosen = name or (USUAL if USUAL in usable else next(iter(usable), ""))
    if chosen not in usable:
        raise UsageError(f"{path} has no configuration {chosen!r}; it has {', '.join(usable) or 'none'}")
    try:
        found = _configuration(chosen, named[chosen])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(
            path,
            f"its configuration {chosen!r} lacks the patch, the batch size or the strides ({error}); plan it again",
        ) from error
    if min((found.batch_size, *found.patch, *chain(*found.strides))) < 1:
        raise InputError(
            path,
            f"its configuration {chosen!r} has a patch, a batch size or a stride below 1; plan it again",
        )
    return found


def _inherited(configurations: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a configuration together with the values that it inherits."""
    own = configurations[key]
    parent = own.get("inherits_from")
    return {**_inherited(configurations, parent), **own} if parent else dict(own)


def _configuration(name: str, values: dict[str, Any]) -> Configuration:
    """Return a configuration from its values in the file."""
    network = values.get("architecture", {}).get("arch_kwargs", {})
    strides = network["strides"] if "strides" in network else values["pool_op_kernel_sizes"]
    patch = _reversed(values["patch_size"])
    steps = [_reversed([step] * len(patch) if isinstance(step, int) else step) for step in strides]
    if steps and all(step == 1 for step in steps[0]):  # the first stage keeps the patch as it is
        steps = steps[1:]
    norm = network.get("norm_op")
    return Configuration(
        name=name,
        patch=patch,
        strides=tuple(steps),
        batch_size=int(values["batch_size"]),
        norm=str(norm).rsplit(".", 1)[-1] if norm else None,
    )


def _reversed(sizes: list[Any]) -> tuple[int, ...]:
    """Return sizes in the order of an image file."""
    return tuple(int(size) for size in reversed(sizes))
