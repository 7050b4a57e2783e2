"""The normalizations of an ONNX graph, and those that cannot be seen in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.onnx_file import OPERATORS, PARTS, epsilon_of, folded_away, layer_name, momentum_of
from bnstat.networks.layer_names import CallNames
from bnstat.networks.normalization import Kind, Normalization
from bnstat.text import plural

_AXIS = -1
# A sum and its normalization in one operator of ONNX Runtime: what enters the normalization is no value of the graph.
_FUSED = "SkipLayerNormalization"


@dataclass(frozen=True, eq=False)
class Normalizer:
    """A node that normalizes.

    Attributes:
        normalization: What it is.
        output: The name of its output, by which it is found again in a copy of the graph.
        entering: The name of its input.
        whole: For a group norm that was exported as a reshape and an instance norm: the input of the reshape; else the
            same as `entering`.
        axis: For a layer or RMS norm, the first axis that it normalizes over, which may count from the end.
    """

    normalization: Normalization
    output: str
    entering: str
    whole: str
    axis: int


def normalizers(graph: Any) -> tuple[Normalizer, ...]:
    """Return the normalizations of a graph, in the order in which they run."""
    tensors = constants(graph)
    makers = {out: node for node in graph.node for out in node.output if out}
    calls = CallNames()
    found = []
    for node in graph.node:
        if node.op_type in OPERATORS and node.op_type != _FUSED:
            found.append(_normalizer(node, tensors, makers, calls))
    return tuple(found)


def constants(graph: Any) -> dict[str, Any]:
    """Return initializers and constants by their names."""
    tensors = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors.update((node.output[0], one.t) for one in node.attribute if one.name == "value")
        elif node.op_type == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
    return tensors


def values_of(tensor: Any) -> Doubles:
    """Return the numbers of a tensor as float64."""
    return np.asarray(onnx.numpy_helper.to_array(tensor), dtype=np.float64)


def _normalizer(node: Any, tensors: dict[str, Any], makers: dict[str, Any], calls: CallNames) -> Normalizer:
    kind, places = OPERATORS[node.op_type]
    inputs = {
        part: node.input[place]
        for part, place in zip(PARTS, places, strict=False)
        if place < len(node.input) and node.input[place] in tensors
    }
    entering = whole = node.input[0]
    maker = makers.get(entering)
    if kind == "instance" and maker is not None and maker.op_type == "Reshape":
        kind, whole, inputs = "group", maker.input[0], {}
    values = {part: values_of(tensors[name]) for part, name in inputs.items()}
    said = {one.name: one for one in node.attribute}
    layer = layer_name(node, inputs)
    normalization = Normalization(
        layer=calls.next(layer),
        kind=kind,
        epsilon=epsilon_of(node),
        groups=said["num_groups"].i if "num_groups" in said else None,
        momentum=momentum_of(node) if kind == "batch" else None,
        running_mean=values.get("running_mean"),
        running_variance=values.get("running_var"),
        scale=values.get("weight", _beside(f"{layer}.weight", kind, tensors)),
        shift=values.get("bias", _beside(f"{layer}.bias", kind, tensors)),
    )
    return Normalizer(normalization, node.output[0], entering, whole, said["axis"].i if "axis" in said else _AXIS)


def _beside(name: str, kind: Kind, tensors: dict[str, Any]) -> Doubles | None:
    """Return γ or β of a group norm, which an exporter multiplies and adds in further nodes."""
    stored = tensors.get(name) if kind == "group" else None
    return None if stored is None or len(stored.dims) != 1 else values_of(stored)


def unseen(graph: Any) -> tuple[str, ...]:
    """Return sentences on normalizations that cannot be seen in a graph."""
    return tuple(_unseen(graph))


def _unseen(graph: Any) -> Iterator[str]:
    operators = Counter(node.op_type for node in graph.node)
    convolutions = operators["Conv"] + operators["ConvTranspose"]
    if convolutions and not operators["BatchNormalization"]:
        yield folded_away(convolutions)
    makers = {out: node for node in graph.node for out in node.output if out}
    single = sum(_is_root_of_variance(node, makers) for node in graph.node)
    if single:
        have = "has" if single == 1 else "have"
        yield (
            f"{plural(single, 'normalization')} {have} been exported as single operations (mean, root, division), and "
            "cannot be seen; export with opset_version=20 or later, which has operators for group and layer norm"
        )
    inside = sum(
        inner.op_type in OPERATORS
        for node in graph.node
        for one in node.attribute
        for held in (*([one.g] if one.HasField("g") else []), *one.graphs)
        for inner in held.node
    )
    if operators[_FUSED]:
        yield (
            f"{plural(operators[_FUSED], 'layer norm')} that ONNX Runtime fused with a sum cannot be seen; give the "
            "file from before it was optimized"
        )
    if inside:
        yield f"{plural(inside, 'normalization')} inside of branches or loops of the graph cannot be seen"


def _is_root_of_variance(node: Any, makers: dict[str, Any]) -> bool:
    """Return True for the root of the sum of ε and a mean, which is how a normalization is written out."""
    summed = makers.get(node.input[0]) if node.op_type == "Sqrt" else None
    if summed is None or summed.op_type != "Add":
        return False
    return any(name in makers and makers[name].op_type == "ReduceMean" for name in summed.input)
