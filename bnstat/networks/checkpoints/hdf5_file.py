"""Weights in HDF5: `.keras`, `.weights.h5` and `.h5`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.elements import BFLOAT16, decoded
from bnstat.networks.checkpoints.hdf5_heaps import is_sound
from bnstat.networks.checkpoints.keras_layers import UNKNOWN, Configured, configured_layers, kind_of, parts_of
from bnstat.networks.checkpoints.stored import Contents, Said, StoredTensor
from bnstat.networks.checkpoints.zip_file import Archive
from bnstat.networks.normalization import Kind
from bnstat.sources.streams import first_line
from bnstat.text import plural

WEIGHTS = "model.weights.h5"
_CONFIG = "config.json"
_MOST_WEIGHTS, _MOST_CONFIG = 16 << 30, 32 << 20
# Parts of paths that name no layer: the variables of one, and the list of a model's layers.
_VARIABLES, _LAYERS = "vars", "layers"
# What belongs to the optimizer has the names of layers too.
_OPTIMIZERS = ("optimizer", "optimizer_weights", "_optimizer")
# The groups in which the older format has the weights.
_OLD_ROOT = "model_weights"
_DIGITS = re.compile(r"(\d+)")
_MOST_NODES, _DEEPEST = 1_000_000, 100


@dataclass(frozen=True)
class _Dataset:
    """An array of a file.

    Attributes:
        path: The groups that lead to it, and its name.
        values: The array of h5py.
    """

    path: tuple[str, ...]
    values: Any


def open_keras_archive(source: str, archive: Archive) -> Contents:
    """Return the tensors of a `.keras` file.

    Raises:
        InputError: if it is damaged, or h5py is not installed.
    """
    config = archive.read(_CONFIG, _MOST_CONFIG) if _CONFIG in archive else b""
    return _opened(source, archive.opened(WEIGHTS, _MOST_WEIGHTS), "keras", config)


def open_hdf5(source: str, file: BinaryIO) -> Contents:
    """Return the tensors of a `.weights.h5` or `.h5` file.

    Raises:
        InputError: if it is damaged, or h5py is not installed.
    """
    return _opened(source, file, "h5", b"")


def _opened(source: str, file: BinaryIO, format_name: str, config: bytes) -> Contents:
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            source, "reading weights of Keras needs the package h5py; type: pip install 'bnstat[hdf5]'"
        ) from error
    try:
        # The file stays open as long as its tensors are read: they hold it.
        return _contents(source, h5py.File(file, "r"), file, format_name, config)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes HDF5 raise anything
        raise _damaged(source, error) from error


def _damaged(source: str, error: Exception) -> InputError:
    return InputError(source, f"HDF5 cannot read it ({first_line(error)}): the file is damaged; copy it again")


def _contents(source: str, file: Any, opened: BinaryIO, format_name: str, config: bytes) -> Contents:
    datasets, variables = _datasets(source, file)
    for dataset in datasets:
        if dataset.values.external or dataset.values.is_virtual:
            raise InputError(source, "its values are in other files, which are not read; write them into one file")
    if not is_sound(opened, [_span(dataset.values) for dataset in datasets]):
        raise InputError(source, "HDF5 cannot read its texts: the file is damaged; copy it again")
    texts = {path: _text(group.attrs.get("name")) for path, group in variables.items()}
    names = {path: text for path, text in texts.items() if text is not None}
    layers = configured_layers(config or _text(file.attrs.get("model_config")) or "{}")
    tensors: list[tuple[tuple[object, ...], StoredTensor]] = []
    said: dict[str, Said] = {}
    used: set[str] = set()
    unclear = 0
    for group in _grouped(datasets):
        parts, layer, kind, configured = _understood(group, names, layers)
        layer = layer if layer not in used else "/".join(group[0].path[:-1])
        used.add(layer)
        unclear += UNKNOWN in parts
        if configured is not None:
            said[layer] = configured.said
        elif kind is not None:
            said[layer] = Said(kind)
        order = (len(layers) if configured is None else configured.place, _natural(group[0].path))
        tensors += [(order, _tensor(source, f"{layer}/{part}", one)) for part, one in zip(parts, group, strict=True)]
    note = (
        f"the file does not say of {plural(unclear, 'vector')} whether it is γ or β, so each is left out; a .keras "
        "file of a functional or sequential model says it"
    )
    tensors.sort(key=lambda entry: entry[0])
    return Contents(format_name, [tensor for _, tensor in tensors], said, notes=(note,) if unclear else ())


def _datasets(source: str, file: Any) -> tuple[list[_Dataset], dict[tuple[str, ...], Any]]:
    """Return the arrays of a file, and the groups of the variables of layers, by the paths of the layers.

    What belongs to an optimizer is left out. Links into other files are not followed.

    Raises:
        InputError: if there are too many.
    """
    found: list[_Dataset] = []
    variables: dict[tuple[str, ...], Any] = {}
    nodes = 0

    def take(name: str, node: Any) -> None:
        nonlocal nodes
        nodes += 1
        path = tuple(name.split("/"))
        if nodes > _MOST_NODES or len(path) > _DEEPEST:  # groups of a damaged file may contain each other
            raise InputError(source, "it has more arrays than a network, or is damaged; check what it is")
        if path[0] in _OPTIMIZERS:
            return
        if hasattr(node, "shape"):
            found.append(_Dataset(path, node))
        elif path[-1] == _VARIABLES:
            variables[path[:-1]] = node

    file.visititems(take)
    return found, variables


def _span(values: Any) -> tuple[int, int]:
    """Return where the numbers of an array begin and end in the file; nowhere if they do not lie in one piece."""
    start = values.id.get_offset()
    return (0, 0) if start is None else (int(start), int(start) + int(values.id.get_storage_size()))


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


def _grouped(datasets: Sequence[_Dataset]) -> list[list[_Dataset]]:
    """Return the arrays that lie in one group, in the order of their numbers."""
    groups: dict[tuple[str, ...], list[_Dataset]] = {}
    for dataset in datasets:
        groups.setdefault(dataset.path[:-1], []).append(dataset)
    for group in groups.values():
        group.sort(key=lambda dataset: _natural(dataset.path))
    return list(groups.values())


def _natural(path: Sequence[str]) -> tuple[tuple[tuple[bool, int | str], ...], ...]:
    """Return a key that sorts numbers in names by their size."""
    return tuple(
        tuple((part.isdigit(), int(part) if part.isdigit() else part) for part in _DIGITS.split(name) if part)
        for name in path
    )


def _understood(
    group: Sequence[_Dataset], names: dict[tuple[str, ...], str], layers: dict[str, Configured]
) -> tuple[tuple[str, ...], str, Kind | None, Configured | None]:
    """Return the names of the arrays of one group, and the name, the kind and the configuration of their layer."""
    *above, last = group[0].path[:-1] or ("",)
    if last != _VARIABLES:
        path = (*above, last)
        path = path[1:] if path[0] == _OLD_ROOT else path
        # The older format has the layer of the model first, and last the layer itself, which is often the same.
        path = tuple(dict.fromkeys((path[0], path[-1])))
        return tuple(dataset.path[-1] for dataset in group), "/".join(path), kind_of(last), layers.get(last)
    named = names.get(tuple(above), above[-1] if above else "")
    configured = layers.get(named)
    kind = configured.kind if configured is not None else kind_of(named) or kind_of(above[-1] if above else "")
    shapes = [dataset.values.shape for dataset in group]
    parts = parts_of(kind, configured, shapes) or tuple(f"{_VARIABLES}/{dataset.path[-1]}" for dataset in group)
    return parts, _layer(above, names), kind, configured


def _layer(path: Sequence[str], names: dict[tuple[str, ...], str]) -> str:
    """Return the name of a layer: in the list of a model's layers its own name, elsewhere that of the attribute."""
    told = [
        names.get(tuple(path[: place + 1]), part) if place and path[place - 1] == _LAYERS else part
        for place, part in enumerate(path)
        if part != _LAYERS
    ]
    return "/".join(told)


def _tensor(source: str, name: str, dataset: _Dataset) -> StoredTensor:
    values = dataset.values
    stored_type = values.dtype
    # Keras writes types that HDF5 does not have as bytes, and their names beside them.
    dtype = (_text(values.attrs.get("dtype")) if stored_type.kind == "V" else None) or stored_type.name

    def read() -> NDArray[Any]:
        try:
            stored = np.asarray(values[()])
        except Exception as error:  # a damaged file makes HDF5 raise anything
            raise _damaged(source, error) from error
        if dtype == BFLOAT16:
            return decoded(stored.tobytes(), BFLOAT16).reshape(stored.shape)
        return stored.astype(stored.dtype.newbyteorder("="))

    return StoredTensor(name, values.shape or (), dtype, read)
