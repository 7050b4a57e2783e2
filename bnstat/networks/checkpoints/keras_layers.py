"""What Keras says of its layers: their classes, ε and momentum in a configuration, and the order of their variables."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnstat.networks.checkpoints.stored import Said
from bnstat.networks.normalization import Kind

# The classes that normalize, as their names begin in files, and what they normalize over.
_KINDS: dict[str, Kind] = {
    "batch_normalization": "batch",
    "sync_batch_normalization": "batch",
    "group_normalization": "group",
    "instance_normalization": "instance",
    "layer_normalization": "layer",
    "rms_normalization": "rms",
}
_NUMBER = re.compile(r"_\d+$")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Names that say nothing of a layer: those of its parts come from PyTorch's names, which all formats share.
SCALE, SHIFT, MEAN, VARIANCE, UNKNOWN = "gamma", "beta", "moving_mean", "moving_variance", "gamma_or_beta"
_DEEPEST = 200


@dataclass(frozen=True)
class Configured:
    """A layer in a configuration.

    Attributes:
        place: Its place among all layers, in the order of the configuration.
        kind: What it normalizes over; None if it does not.
        scale: True if it has γ.
        center: True if it has β.
        said: What the file says of it.
    """

    place: int
    kind: Kind | None
    scale: bool
    center: bool
    said: Said


def configured_layers(config: bytes | str) -> dict[str, Configured]:
    """Return the layers of a configuration by their names; none if it cannot be read, which the weights do without."""
    try:
        root = json.loads(config)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Configured] = {}
    waiting: list[tuple[Any, int]] = [(root, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            continue
        if isinstance(value, dict):
            _note(value, found)
        inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        waiting.extend((child, depth + 1) for child in reversed(inside))
    return found


def _note(value: dict[str, Any], found: dict[str, Configured]) -> None:
    name, config = value.get("class_name"), value.get("config")
    if not isinstance(name, str) or not isinstance(config, dict) or not isinstance(config.get("name"), str):
        return
    kind = kind_of(_WORD.sub("_", name.rpartition(">")[2]).lower().replace("r_m_s", "rms"))
    if kind == "group" and config.get("groups") == -1:
        kind = "instance"
    momentum = _number(config.get("momentum"))
    said = Said(kind, _number(config.get("epsilon")), None if momentum is None else float(f"{1 - momentum:.12g}"))
    found.setdefault(
        config["name"],
        Configured(len(found), kind, config.get("scale") is not False, config.get("center") is not False, said),
    )


def _number(value: object) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        return None
    return float(value)


def kind_of(name: str) -> Kind | None:
    """Return what a layer normalizes over, by the name that Keras gives to its class; None if it does not."""
    return _KINDS.get(_NUMBER.sub("", name))


def parts_of(
    kind: Kind | None, configured: Configured | None, shapes: Sequence[tuple[int, ...] | None]
) -> tuple[str, ...] | None:
    """Return the names of a layer's variables, in order; None if it does not normalize.

    Args:
        kind: What it normalizes over, as far as its name says.
        configured: What the configuration says of it, if there is one.
        shapes: The shapes of its variables.
    """
    count = len(shapes)
    if not count or any(shape is None or len(shape) != 1 or shape != shapes[0] for shape in shapes):
        return None
    if kind == "batch" or (kind is None and configured is None and count == 4):
        return (*_affine(count - 2, configured), MEAN, VARIANCE) if 2 <= count <= 4 else None
    if kind is None or count > 2:
        return None
    return (SCALE,) if kind == "rms" and count == 1 else _affine(count, configured)


def _affine(count: int, configured: Configured | None) -> tuple[str, ...]:
    """Return the names of γ and β, of which a layer may have only one."""
    if count == 1:
        if configured is None or configured.scale == configured.center:
            return (UNKNOWN,)
        return (SCALE,) if configured.scale else (SHIFT,)
    return (SCALE, SHIFT)[:count]
