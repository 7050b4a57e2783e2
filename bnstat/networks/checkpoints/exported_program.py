"""Programs of `torch.export`, `.pt2`: weights as plain files, described in JSON, and the calls that use them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.networks.checkpoints.storages import values_of
from bnstat.networks.checkpoints.stored import Contents, Said, StoredTensor
from bnstat.networks.checkpoints.torch_archive import open_torch_archive
from bnstat.networks.checkpoints.torch_objects import Storage, View
from bnstat.networks.checkpoints.zip_file import Archive
from bnstat.networks.normalization import Kind

# Members that only such an archive has, below its top folder: of PyTorch from 2.9 on, of 2.8, and of those before.
_WEIGHTS = "data/weights/model_weights_config.json"
_PICKLED = ("data/weights/model.pt", "serialized_state_dict.pt")
MARKS = frozenset({_WEIGHTS, *_PICKLED, "archive_format"})
_PROGRAMS = "models/"
# JSON takes up to 25 times its size in memory; the programs of large networks have a few megabytes.
_MOST_JSON = 32 << 20
_MOST_PICKLED = 2 << 30
# The most axes that a tensor of PyTorch has.
_MOST_AXES = 64
# The numbers that `torch._export.serde.schema.ScalarType` gives to types.
_TYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}
# The operators that normalize, by a part of their name.
_KINDS: dict[str, Kind] = {
    "batch_norm": "batch",
    "instance_norm": "instance",
    "group_norm": "group",
    "layer_norm": "layer",
    "rms_norm": "rms",
}


def open_exported_program(source: str, archive: Archive) -> Contents:
    """Return the tensors of an exported program.

    Raises:
        InputError: if it is damaged, or stores its weights in another way.
    """
    roots = {name.split("/", 1)[1]: name for name in archive.names if "/" in name}
    members = {**roots, **{name: name for name in archive.names}}
    if _WEIGHTS in members:
        tensors = _described(source, archive, members[_WEIGHTS])
        programs = [members[name] for name in members if name.startswith(_PROGRAMS) and name.endswith(".json")]
        if not programs:
            raise InputError(source, "the archive is damaged (its program is missing); copy it again")
        return Contents("pt2", tensors, _said(source, archive, programs[0]))
    for name in _PICKLED:
        if name in members:
            inside = io.BytesIO(archive.read(members[name], _MOST_PICKLED))
            found = open_torch_archive(source, Archive(source, inside))
            return Contents("pt2", found.tensors, found.said, found.bare, found.notes)
    raise InputError(
        source,
        "the exported program stores no weights that are read; save it with torch.export.save of a newer PyTorch",
    )


def _described(source: str, archive: Archive, name: str) -> list[StoredTensor]:
    """Return the tensors that a description lists.

    Raises:
        InputError: if it is damaged.
    """
    folder = name.rpartition("/")[0]
    found = []
    try:
        listed = _json(source, archive, name)["config"].items()
        for path, entry in listed:
            if entry["tensor_meta"] is None:
                continue
            found.append(_tensor(source, archive, path, f"{folder}/{entry['path_name']}", entry))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(source, "the description of its weights is damaged; copy the file again") from error
    return found


def _tensor(source: str, archive: Archive, path: str, member: str, entry: dict[str, Any]) -> StoredTensor:
    """Return one tensor.

    Raises:
        KeyError, TypeError, ValueError: if its description is damaged.
    """
    meta = entry["tensor_meta"]
    shape, strides = (tuple(_size(size["as_int"]) for size in meta[axes]) for axes in ("sizes", "strides"))
    if len(shape) != len(strides) or len(shape) > _MOST_AXES:
        raise ValueError("an axis has no stride, or there are more than a tensor has")
    dtype = _TYPES.get(meta["dtype"], "unknown")
    view = View(Storage(member, dtype, 0), dtype, _size(meta["storage_offset"]["as_int"]), shape, strides)
    if entry["use_pickle"]:
        return StoredTensor(path, shape, "object", lambda: _unread(source, path))

    def read() -> NDArray[Any]:
        return values_of(source, view, lambda start, end: archive.part(member, start, end), big=False)

    return StoredTensor(path, shape, dtype, read, (member, view.offset, shape, strides))


def _unread(source: str, path: str) -> NDArray[Any]:
    raise InputError(source, f"the tensor {path} has a class of its own, which is not read; save it as a plain tensor")


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise ValueError("a size is no whole number")
    return value


def _json(source: str, archive: Archive, name: str) -> Any:
    try:
        return json.loads(archive.read(name, _MOST_JSON))
    except (ValueError, RecursionError) as error:
        raise InputError(source, f"its member {name} is damaged; copy the file again") from error


def _said(source: str, archive: Archive, name: str) -> dict[str, Said]:
    """Return what the calls of the program say of the layers whose weights they take; nothing if that is not clear."""
    found: dict[str, Said] = {}
    try:
        graph = _json(source, archive, name)["graph_module"]
        names = dict(_parameters(graph["signature"]["input_specs"]))
        for node in graph["graph"]["nodes"]:
            kind = next((_KINDS[part] for part in _KINDS if part in node["target"]), None)
            if kind is not None:
                values = {one["name"]: one["arg"] for one in node["inputs"]}
                layer = next((names[one] for one in _tensors_in(values) if one in names), None)
                if layer is not None:
                    found[layer] = Said(kind, _float(values.get("eps")), _float(values.get("momentum")))
    except (KeyError, TypeError, AttributeError):  # another version of the schema: the weights are read without it
        return {}
    return found


def _parameters(specs: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the name of each parameter and buffer in the graph, with the path of its layer."""
    for spec in specs:
        for what in ("parameter", "buffer"):
            if what in spec:
                yield spec[what]["arg"]["name"], spec[what][f"{what}_name"].rpartition(".")[0]


def _tensors_in(values: dict[str, Any]) -> Iterator[str]:
    for name in ("running_var", "weight"):
        tensor = values.get(name)
        if isinstance(tensor, dict) and "as_tensor" in tensor:
            yield tensor["as_tensor"]["name"]


def _float(value: object) -> float | None:
    number = value.get("as_float") if isinstance(value, dict) else None
    return float(number) if isinstance(number, float) and number >= 0 else None
