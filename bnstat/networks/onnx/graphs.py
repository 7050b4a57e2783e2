"""Copies of an ONNX graph: with the inputs of normalizations as further outputs, and with other statistics in them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import onnx
import onnx.inliner

from bnstat.moments.moments import Doubles
from bnstat.networks.checkpoints.onnx_file import epsilon_of

# What names of added values begin with, which no exporter writes.
_OURS = "bnstat:"
# From this version on, axes of a mean are an input and no attribute.
_AXES_ARE_INPUT = 18


def rewritten(
    model: Any,
    outputs: Iterable[str],
    own: Mapping[str, int],
    stored: Mapping[str, tuple[Doubles, Doubles]],
    *,
    pruned: bool = False,
) -> Any:
    """Return a copy of a model.

    Args:
        model: The model; it stays as it is.
        outputs: Values that become outputs, after its own ones.
        own: Batch norms that normalize with the statistics of what enters them, by their outputs, with the number of
            axes of their input.
        stored: Running statistics to set, by the output of the batch norm.
        pruned: True to leave out all outputs but the given ones, and what only the others need.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    opset = next(one.version for one in model.opset_import if one.domain in {"", "ai.onnx"})
    nodes: list[Any] = []
    for node in graph.node:
        output = node.output[0] if node.output else ""
        if output in stored:
            _set_statistics(graph, node, stored[output])
        nodes.extend(_with_own_statistics(graph, node, own[output], opset) if output in own else [node])
    if pruned:
        del graph.output[:]
    there = {one.name for one in graph.output}
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in dict.fromkeys(outputs) if name not in there)
    kept = _needed(nodes, {one.name for one in graph.output}) if pruned else nodes
    held = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(held)
    return copy


def _set_statistics(graph: Any, node: Any, statistics: tuple[Doubles, Doubles]) -> None:
    """Give a batch norm running statistics of its own, in the type of those that it has."""
    types = {one.name: one.data_type for one in graph.initializer}
    for place, part, values in zip((3, 4), ("mean", "variance"), statistics, strict=True):
        name = f"{_OURS}{node.output[0]}:{part}"
        dtype = onnx.helper.tensor_dtype_to_np_dtype(types.get(node.input[place], onnx.TensorProto.FLOAT))
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values).astype(dtype), name))
        node.input[place] = name


def _with_own_statistics(graph: Any, node: Any, axes: int, opset: int) -> list[Any]:
    """Return nodes that normalize with the mean and the variance of the batch, in place of a batch norm."""
    start = f"{_OURS}{node.output[0]}"
    entering, scale, shift = node.input[:3]
    reduced = [axis for axis in range(axes) if axis != 1]
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(reduced, np.int64), f"{start}:axes"))
    types = {one.name: one.data_type for one in graph.initializer}
    dtype = onnx.helper.tensor_dtype_to_np_dtype(types.get(scale, onnx.TensorProto.FLOAT))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(epsilon_of(node), dtype), f"{start}:epsilon"))
    shape = onnx.numpy_helper.from_array(np.array([1, -1, *[1] * (axes - 2)], np.int64), f"{start}:shape")
    graph.initializer.append(shape)

    def node_of(operator: str, inputs: list[str], output: str, **attributes: Any) -> Any:
        name = node.output[0] if output == "" else f"{start}:{output}"
        return onnx.helper.make_node(operator, inputs, [name], f"{start}:{operator}:{output}", **attributes)

    def mean_of(value: str, output: str) -> Any:
        if opset >= _AXES_ARE_INPUT:
            return node_of("ReduceMean", [value, f"{start}:axes"], output, keepdims=1)
        return node_of("ReduceMean", [value], output, keepdims=1, axes=reduced)

    return [
        mean_of(entering, "mean"),
        node_of("Sub", [entering, f"{start}:mean"], "centered"),
        node_of("Mul", [f"{start}:centered", f"{start}:centered"], "squared"),
        mean_of(f"{start}:squared", "variance"),
        node_of("Add", [f"{start}:variance", f"{start}:epsilon"], "raised"),
        node_of("Sqrt", [f"{start}:raised"], "deviation"),
        node_of("Div", [f"{start}:centered", f"{start}:deviation"], "normalized"),
        node_of("Reshape", [scale, f"{start}:shape"], "scale"),
        node_of("Reshape", [shift, f"{start}:shape"], "shift"),
        node_of("Mul", [f"{start}:normalized", f"{start}:scale"], "scaled"),
        node_of("Add", [f"{start}:scaled", f"{start}:shift"], ""),
    ]


def _needed(nodes: list[Any], outputs: Collection[str]) -> list[Any]:
    """Return the nodes that values need, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.output):
            continue
        kept.append(node)
        wanted.update(node.input)
        for one in node.attribute:
            for graph in (*([one.g] if one.HasField("g") else []), *one.graphs):
                wanted.update(name for inner in graph.node for name in inner.input)
    return kept[::-1]


def in_evaluation_mode(model: Any) -> Any:
    """Return a copy of a model whose functions are part of the graph, and whose batch norms have no training mode."""
    copy = onnx.inliner.inline_local_functions(model) if model.functions else model
    for node in copy.graph.node:
        if node.op_type == "BatchNormalization":
            kept = [one for one in node.attribute if one.name != "training_mode"]
            del node.attribute[:]
            node.attribute.extend(kept)
            dropped = set(node.output[1:])
            del node.output[1:]
            outputs = [one for one in copy.graph.output if one.name not in dropped]
            del copy.graph.output[:]
            copy.graph.output.extend(outputs)
    return copy
