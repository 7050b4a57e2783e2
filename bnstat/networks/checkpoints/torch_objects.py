"""The tensors in what a pickle of PyTorch describes: state dicts, whole modules, TorchScript, anything around them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from bnstat.networks.checkpoints.pickled import Global, Made, Persistent
from bnstat.networks.checkpoints.stored import Said, StoredTensor
from bnstat.networks.normalization import Kind

# The names of typed storages, and the type of their elements.
_STORAGES = {
    "HalfStorage": "float16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "BFloat16Storage": "bfloat16",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "uint8",
}
# Functions that make a tensor of a storage, and those that hand on the tensor that is their first argument.
_TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
_WRAPPERS = ("_rebuild_parameter", "_rebuild_parameter_with_state")
# Members of a module that hold what a state dict has directly below the module's name.
_INSIDE = ("_parameters", "_buffers", "_modules")
# Classes that normalize, by their beginning, and what they normalize over.
_KINDS: dict[str, Kind] = {
    "BatchNorm": "batch",
    "SyncBatchNorm": "batch",
    "LazyBatchNorm": "batch",
    "FrozenBatchNorm": "batch",
    "InstanceNorm": "instance",
    "LazyInstanceNorm": "instance",
    "GroupNorm": "group",
    "LayerNorm": "layer",
    "RMSNorm": "rms",
}
# The deepest nesting and the longest name that is followed: no network comes near, and a hostile file goes no further.
_DEEPEST, _LONGEST_NAME = 400, 500
_MOST_SIZE = 1 << 62
# The most axes that a tensor of PyTorch has.
_MOST_AXES = 64


@dataclass(frozen=True)
class Storage:
    """Numbers that lie beside a pickle.

    Attributes:
        key: Their name in the archive.
        dtype: The type of an element.
        count: The number of elements that the pickle declares.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class View:
    """A tensor: a storage, and which of its elements it has.

    Attributes:
        storage: The storage.
        dtype: The type of an element.
        offset: The first element.
        shape: The sizes of the axes.
        strides: The elements between neighbours along each axis.
    """

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def end(self) -> int:
        """The element after the last one."""
        if 0 in self.shape:
            return self.offset
        return self.offset + 1 + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))


@dataclass
class Found:
    """What was found in an object.

    Attributes:
        tensors: The tensors, in order.
        said: What modules say of themselves, by their paths.
        bare: The number of normalizing modules without a tensor, by their classes.
        skipped: The number of tensors that are stored in another way: sparse, quantized, without values.
    """

    tensors: list[StoredTensor] = field(default_factory=list)
    said: dict[str, Said] = field(default_factory=dict)
    bare: dict[str, int] = field(default_factory=dict)
    skipped: int = 0


def storage_of(said: object) -> Storage | None:
    """Return the storage that a persistent name of a pickle stands for; None if it is none."""
    if not isinstance(said, tuple) or len(said) < 5 or said[0] != "storage":
        return None
    _, kind, key, _, count = said[:5]
    if not isinstance(kind, Global) or not isinstance(key, str) or not _is_size(count):
        return None
    dtype = _STORAGES.get(kind.name)
    return None if dtype is None else Storage(key, dtype, count)


def found_in(root: object, read: Callable[[View], NDArray[Any]], prefix: str = "") -> Found:
    """Return the tensors in an object, by their paths as a state dict has them.

    A list or mapping that is named twice is looked into once, so that the time grows as the file does.

    Args:
        root: The object.
        read: Returns the values of a tensor.
        prefix: What all paths begin with.
    """
    found = Found()
    names: dict[str, int] = {}
    states = _States()
    for path, value, view in _walked(root, prefix):
        if view is not None:
            place = names.setdefault(path, len(found.tensors))
            tensor = _stored(path, view, read)
            if place == len(found.tensors):
                found.tensors.append(tensor)
            else:  # a key that is set twice has its last value
                found.tensors[place] = tensor
        elif _is_other_tensor(value):
            found.skipped += 1
        elif isinstance(value, Made):
            _note_module(path, value, found, states)
    return found


def _stored(path: str, view: View, read: Callable[[View], NDArray[Any]]) -> StoredTensor:
    shared = (view.storage.key, view.dtype, view.offset, view.shape, view.strides)
    return StoredTensor(path, view.shape, view.dtype, lambda: read(view), shared if 0 not in view.shape else None)


def _walked(root: object, prefix: str) -> Iterator[tuple[str, object, View | None]]:
    """Yield each call and collection with its path and the tensor that it is, in the order of the pickle."""
    seen: set[int] = set()
    waiting: list[Iterator[tuple[str, object]]] = [iter([(prefix, root)])]
    while waiting:
        path, value = next(waiting[-1], ("", waiting))
        if value is waiting:
            waiting.pop()
            continue
        if not isinstance(value, (Made, list, tuple)):
            continue
        view = view_of(value)
        if view is None:
            if id(value) in seen:
                continue
            seen.add(id(value))
        yield path, value, view
        if view is None and len(waiting) < _DEEPEST:
            waiting.append(_below(path, value, seen))


def _below(path: str, value: object, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Yield the members of a value with their paths. Keys without a name, as tensors, lead nowhere."""
    for key, child in _members_of(value, seen):
        if key is None or (isinstance(key, str) and key in _INSIDE):
            yield path, child
        elif _is_name(key):
            below = f"{path}.{key}" if path else str(key)
            if len(below) <= _LONGEST_NAME:
                yield below, child


def _is_name(key: object) -> bool:
    """Return True for a key of which a path can be made; a text that is shared by many keys may be very long."""
    return len(key) <= _LONGEST_NAME if isinstance(key, str) else isinstance(key, int) and abs(key) < _MOST_SIZE


def _members_of(value: object, seen: set[int]) -> Iterator[tuple[object, object]]:
    """Yield the members of a value with their keys; None for one that is part of the value itself."""
    if isinstance(value, (list, tuple)):
        yield from enumerate(value)
    elif isinstance(value, Made) and not _is_other_tensor(value):
        yield from value.pairs
        yield from _listed_pairs(value, seen)
        yield None, value.state


def _listed_pairs(value: Made, seen: set[int]) -> Iterator[tuple[object, object]]:
    """Yield what an object is made of: pairs of a list, as Python 2 wrote an ordered mapping, or its arguments.

    A list of which several mappings are made is looked into once.
    """
    first = value.arguments[0] if isinstance(value.arguments, tuple) and len(value.arguments) == 1 else None
    if isinstance(first, list) and isinstance(value.what, Global) and value.what.name == "OrderedDict":
        if id(first) not in seen:
            seen.add(id(first))
            yield from (tuple(pair) for pair in first if isinstance(pair, (list, tuple)) and len(pair) == 2)
    elif value.what is not None:
        yield None, value.arguments


def view_of(value: object) -> View | None:
    """Return the tensor that a call stands for; None if it stands for something else."""
    for _ in range(8):  # a parameter of a tensor of a class of its own is three deep
        if not isinstance(value, Made) or not isinstance(value.what, Global) or not isinstance(value.arguments, tuple):
            return None
        name, arguments = value.what.name, value.arguments
        if name in _TENSORS:
            return _view(name, arguments)
        if name in _WRAPPERS and arguments:
            value = arguments[0]
        elif name == "_rebuild_from_type_v2" and len(arguments) >= 3:
            value = Made(arguments[0], arguments[2])
        else:
            return None
    return None


def _view(name: str, arguments: tuple[Any, ...]) -> View | None:
    if len(arguments) < 4 or not isinstance(arguments[0], Persistent):
        return None
    storage = storage_of(arguments[0].said)
    offset, shape, strides = arguments[1:4]
    if storage is None or not _is_size(offset) or not _are_sizes(shape) or not _are_sizes(strides):
        return None
    dtype = storage.dtype
    if name == "_rebuild_tensor_v3":
        if len(arguments) < 7 or not isinstance(arguments[6], Global):
            return None
        dtype = arguments[6].name
    if len(shape) != len(strides) or _has_bits(name, arguments):
        return None
    return View(storage, dtype, offset, shape, strides)


def _has_bits(name: str, arguments: tuple[Any, ...]) -> bool:
    """Return True if a tensor stands for the negative or the conjugate of what is stored."""
    place = 7 if name == "_rebuild_tensor_v3" else 6
    return len(arguments) > place and isinstance(arguments[place], Made) and bool(arguments[place].pairs)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_SIZE


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= _MOST_AXES
        and all(map(_is_size, values))
        and math.prod(values) < _MOST_SIZE**2
    )


def _is_other_tensor(value: object) -> bool:
    """Return True for a tensor that is not a view of a storage."""
    return (
        isinstance(value, Made)
        and isinstance(value.what, Global)
        and value.what.name.startswith("_rebuild_")
        and view_of(value) is None
    )


class _States:
    """What the states of modules hold. Each is looked into once, however many modules share it."""

    def __init__(self) -> None:
        self._members: dict[int, dict[str, object]] = {}
        self._hold_tensors: dict[int, bool] = {}

    def members(self, state: object) -> dict[str, object]:
        """Return what a state holds, by its names; nothing if it is no mapping."""
        if id(state) not in self._members:
            pairs = state.pairs if isinstance(state, Made) else ()
            self._members[id(state)] = {key: child for key, child in pairs if isinstance(key, str)}
        return self._members[id(state)]

    def holds_tensor(self, state: object) -> bool:
        """Return True if a tensor lies directly in a state."""
        if id(state) not in self._hold_tensors:
            own = (child for key, child in self.members(state).items() if key not in _INSIDE)
            self._hold_tensors[id(state)] = any(view_of(child) is not None for child in own)
        return self._hold_tensors[id(state)]


def _note_module(path: str, module: Made, found: Found, states: _States) -> None:
    """Note what a module says of itself, and whether it normalizes without a tensor."""
    name = _class_of(module.what)
    kind = next((_KINDS[start] for start in _KINDS if name.startswith(start)), None)
    if kind is None:
        return
    state = states.members(module.state)
    if not any(map(states.holds_tensor, (module.state, *(state.get(inside) for inside in _INSIDE)))):
        found.bare[name] = found.bare.get(name, 0) + 1
        return
    found.said[path] = Said(kind, _number(state.get("eps")), _number(state.get("momentum")))


def _class_of(what: object) -> str:
    """Return the name of a class, which files before PyTorch 1.6 give with its source; empty for anything else."""
    if (
        isinstance(what, Persistent)
        and isinstance(what.said, tuple)
        and len(what.said) > 1
        and what.said[0] == "module"
    ):
        what = what.said[1]
    return what.name if isinstance(what, Global) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, float) and 0 <= value < math.inf else None
