"""The initializers of an ONNX file that its normalization nodes take."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bnstat.errors import InputError
from bnstat.layers.frameworks.onnx import BATCH
from bnstat.networks.checkpoints.elements import bytes_of, decoded, readable
from bnstat.networks.checkpoints.stored import Contents, Said, StoredTensor
from bnstat.networks.normalization import Kind
from bnstat.sources.regular import open_regular
from bnstat.text import plural, printable

# A model begins with its field 1, the version of the format, which is a small number.
_START, _MOST_VERSION = 0x08, 0x7F
# Protocol buffers have no larger messages; larger models have their weights in other files.
_MOST_BYTES = (2 << 30) - 1
# Only vectors are read.
_MOST_VECTOR = 64 << 20
_DEEPEST, _MOST_AXES = 32, 64
# The operators that normalize: what over, the inputs with γ, β, mean and variance, and ε and momentum of the operator.
OPERATORS: dict[str, tuple[Kind, tuple[int, ...]]] = {
    "BatchNormalization": ("batch", (1, 2, 3, 4)),
    "InstanceNormalization": ("instance", (1, 2)),
    "GroupNormalization": ("group", (1, 2)),
    "LayerNormalization": ("layer", (1, 2)),
    "SimplifiedLayerNormalization": ("rms", (1,)),
    "RMSNormalization": ("rms", (1,)),
    "SkipLayerNormalization": ("layer", (2, 3)),
}
PARTS = ("weight", "bias", "running_mean", "running_var")
# What an operator takes for an attribute that is left out, as a float32.
_DEFAULTS = {"epsilon": BATCH.epsilon, "momentum": BATCH.momentum}
# The types of ONNX by the names that all formats have here.
_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
    14: "complex64",
    15: "complex128",
    16: "bfloat16",
    17: "float8_e4m3fn",
    18: "float8_e4m3fnuz",
    19: "float8_e5m2",
    20: "float8_e5m2fnuz",
}
# Where PyTorch's exporter notes in which modules it met a node.
_SCOPES = "pkg.torch.onnx.name_scopes"
# How PyTorch exports a model with its batch norms.
KEEP = 'torch.onnx.export(model.eval(), (x,), "model.onnx", dynamo=False, training=torch.onnx.TrainingMode.PRESERVE)'


@dataclass(frozen=True)
class _Model:
    """What is asked of a model.

    Attributes:
        nodes: Its nodes, also those of inner graphs and functions.
        tensors: Its initializers and constants, by their names; of an Identity under both.
        makers: The operator that makes each value.
    """

    nodes: tuple[Any, ...]
    tensors: Mapping[str, Any]
    makers: Mapping[str, str]


def open_onnx_weights(source: str, file: BinaryIO) -> Contents:
    """Return the tensors of an ONNX file, those of normalizations under the names of their parts.

    Raises:
        InputError: if it is no ONNX file, or damaged, or the package onnx is not installed.
    """
    file.seek(0)
    start = file.read(2)
    if len(start) < 2 or start[0] != _START or start[1] > _MOST_VERSION:
        raise InputError(source, _unknown(source))
    if file.seek(0, 2) > _MOST_BYTES:
        raise InputError(source, "it is larger than an ONNX file can be, or none; check what it is")
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            source, f"{_suspected(source)}, which needs the package onnx; type: pip install 'bnstat[onnx]'"
        ) from error
    file.seek(0)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(file.read())
    except Exception as error:  # a damaged message makes the parser raise anything
        raise InputError(source, _unknown(source)) from error
    understood = _understood(model)
    # The parser gives texts that are not UTF-8 as bytes.
    if not understood.nodes or not all(isinstance(name, str) for name in _names(understood)):
        raise InputError(source, _unknown(source))
    return _contents(source, understood)


def _suspected(source: str) -> str:
    return "it is an ONNX file" if source.lower().endswith(".onnx") else "it may be an ONNX file"


def _unknown(source: str) -> str:
    if source.lower().endswith(".onnx"):
        return "it is not an ONNX model, though its name ends in .onnx, or it is damaged; export it again"
    return (
        "it is no checkpoint in a format that is read (PyTorch, safetensors, .npz, Keras, ONNX), or its start is "
        "damaged; check what it is, or copy it again"
    )


def _understood(model: Any) -> _Model:
    nodes: list[Any] = []
    tensors: dict[str, Any] = {}
    for graph in _graphs(model):
        nodes.extend(graph.node)
        tensors.update((one.name, one) for one in getattr(graph, "initializer", ()))
    for node in nodes:
        if node.op_type == "Constant" and node.output:
            tensors.update((node.output[0], one.t) for one in node.attribute if one.name == "value")
    for node in nodes:
        if node.op_type == "Identity" and node.input and node.input[0] in tensors and node.output:
            tensors[node.output[0]] = tensors[node.input[0]]
    return _Model(tuple(nodes), tensors, {out: node.op_type for node in nodes for out in node.output})


def _names(model: _Model) -> Iterator[object]:
    """Yield every name that is used."""
    for node in model.nodes:
        yield from (node.name, node.op_type, *node.input, *node.output)
    for tensor in model.tensors.values():
        yield from (tensor.name, *(text for entry in tensor.external_data for text in (entry.key, entry.value)))


def _graphs(model: Any) -> Iterator[Any]:
    """Yield the graph of a model, its functions, and the graphs inside of nodes."""
    waiting = [(graph, 0) for graph in (model.graph, *model.functions)]
    while waiting:
        graph, depth = waiting.pop()
        yield graph
        if depth < _DEEPEST:
            waiting.extend(
                (inner, depth + 1)
                for node in graph.node
                for one in node.attribute
                for inner in (*([one.g] if one.HasField("g") else []), *one.graphs)
            )


def _contents(source: str, model: _Model) -> Contents:
    tensors: list[StoredTensor] = []
    said: dict[str, Said] = {}
    taken: set[str] = set()
    regrouped = 0
    for node in model.nodes:
        kind, places = OPERATORS.get(node.op_type, ("layer", ()))
        if not places:
            continue
        if node.op_type == "InstanceNormalization" and model.makers.get(node.input[0]) == "Reshape":
            regrouped += 1
            continue
        names = {
            part: node.input[place]
            for part, place in zip(PARTS, places, strict=False)
            if place < len(node.input) and node.input[place] in model.tensors
        }
        if not names:
            continue
        layer = layer_name(node, names)
        said.setdefault(layer, _said(node, kind))
        tensors += [_tensor(source, f"{layer}.{part}", model.tensors[name]) for part, name in names.items()]
        taken.update(model.tensors[name].name for name in names.values())
    named = {tensor.name for tensor in tensors}
    others = {one.name: one for one in model.tensors.values() if one.name and one.name not in taken}
    tensors += [
        _tensor(source, name if name not in named else f"initializer {name}", one) for name, one in others.items()
    ]
    batch = sum(node.op_type == "BatchNormalization" for node in model.nodes)
    convolutions = sum(node.op_type in {"Conv", "ConvTranspose"} for node in model.nodes)
    folded = folded_away(convolutions) if convolutions and not batch else None
    return Contents("onnx", tensors, said, notes=(*_regrouped(regrouped), *([folded] if folded else [])), absent=folded)


def folded_away(convolutions: int) -> str:
    """Return the sentence on a file with so many convolutions and no batch norm."""
    return (
        f"the file has {plural(convolutions, 'convolution')} and no batch norm: exporters fold batch norm into the "
        f"convolution before it, and its statistics are gone. If the network has batch norm, give its checkpoint, or "
        f"export it so that it stays: `{KEEP}`"
    )


def _regrouped(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    were = "was" if count == 1 else "were"
    return (
        f"{plural(count, 'group norm')} {were} exported as a reshape and an instance norm: γ and β are parts of other "
        "operations, and are listed only if they kept their names",
    )


def layer_name(node: Any, names: Mapping[str, str]) -> str:
    """Return the name of the layer that a node stands for.

    It is what its tensors have in common, as "bn" of "bn.weight"; else the module in which PyTorch's exporter met it;
    else the name of the node.

    Args:
        node: The node.
        names: The names of its tensors, by their parts as PyTorch calls them.
    """
    common = {name.rpartition(".")[0] for part, name in names.items() if name.endswith(f".{part}")}
    if len(common) == 1 and all(name.endswith(f".{part}") for part, name in names.items()):
        return common.pop()
    scopes = next((one.value for one in node.metadata_props if one.key == _SCOPES), "")
    modules = re.findall(r"'([^']*)'", scopes)
    if len(modules) > 1 and modules[-2]:
        return str(modules[-2])
    path = str(node.name or (node.output[0] if node.output else "unnamed"))
    above, _, last = path.strip("/").rpartition("/")
    if not above or not path.startswith("/") or not re.fullmatch(rf"{node.op_type}(_\d+)?", last):
        return path.strip("/")
    kept: list[str] = []
    for part in above.split("/"):
        # A member of a list has the name of the list in its own.
        if kept and part.startswith(f"{kept[-1]}."):
            kept.pop()
        kept.append(part)
    return ".".join(kept)


def _said(node: Any, kind: Kind) -> Said:
    """Return what a node says of its layer; ONNX has defaults for what it does not say."""
    return Said(kind, epsilon_of(node), float(f"{1 - momentum_of(node):.6g}") if kind == "batch" else None)


def epsilon_of(node: Any) -> float:
    """Return the ε of a node that normalizes."""
    return _number(node, "epsilon")


def momentum_of(node: Any) -> float:
    """Return the momentum of a batch norm as ONNX has it: the weight of the old statistics."""
    return _number(node, "momentum")


def _number(node: Any, name: str) -> float:
    """Return an attribute as it was written: the float32 of 1e-05 is 9.99999974e-06 as a float64."""
    value = next((one.f for one in node.attribute if one.name == name), _DEFAULTS[name])
    return float(f"{value:.6g}")


def _tensor(source: str, name: str, stored: Any) -> StoredTensor:
    dtype = _TYPES.get(stored.data_type, "unknown")
    if len(stored.dims) > _MOST_AXES:
        raise InputError(
            source,
            f"the tensor {printable(stored.name)} has {len(stored.dims):,} axes, so the file is damaged; "
            "export the model again",
        )
    shape = tuple(max(int(size), 0) for size in stored.dims)

    def read() -> NDArray[Any]:
        size = math.prod(shape) * (bytes_of(dtype) or 1)
        if not readable(dtype) or size > _MOST_VECTOR:
            raise InputError(source, f"the tensor {printable(stored.name)} of type {dtype} is not read")
        raw = _bytes(source, stored, dtype, size)
        if len(raw) != size:
            raise InputError(
                source, f"the tensor {printable(stored.name)} has another size than declared; export the model again"
            )
        return decoded(raw, dtype).reshape(shape)

    return StoredTensor(name, shape, dtype, read, (stored.name, shape) if stored.name else None)


def _bytes(source: str, stored: Any, dtype: str, size: int) -> bytes:
    """Return the bytes of a tensor, wherever the file has them.

    Raises:
        InputError: if they are in another file that is missing, or that is not beside this one.
    """
    if stored.data_location == 1:
        return _external(source, stored, size)
    if stored.raw_data:
        return bytes(stored.raw_data)
    fields = {"float32": stored.float_data, "float64": stored.double_data, "int64": stored.int64_data}
    if dtype in fields:
        return np.array(fields[dtype], dtype=np.dtype(dtype).newbyteorder("<")).tobytes()
    width = bytes_of(dtype) or 1
    whole = np.array(stored.int32_data, dtype="<i4")
    return whole.astype(f"<i{width}", casting="unsafe").tobytes()


def _external(source: str, stored: Any, size: int) -> bytes:
    """Return the bytes of a tensor in a file beside the model.

    Raises:
        InputError: if the file is missing, or a description leads elsewhere.
    """
    told = {entry.key: entry.value for entry in stored.external_data}
    location = told.get("location", "")
    folder = os.path.realpath(os.path.dirname(os.path.abspath(source)))
    path = os.path.realpath(os.path.join(folder, location))
    if not location or os.path.isabs(location) or os.path.commonpath([folder, path]) != folder or "\0" in location:
        raise InputError(
            source,
            f"its weights are said to be in {printable(location) or 'no file'}, which is not beside it; "
            "export it again",
        )
    try:
        offset = int(told.get("offset", "0"))
        with open_regular(path) as file:
            file.seek(offset)
            return file.read(size)
    except FileNotFoundError as error:
        raise InputError(
            source,
            f"its weights are in a second file, {printable(location)}, which is missing; copy it to the same folder",
        ) from error
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(source, f"its second file, {printable(location)}, cannot be read ({error})") from error
