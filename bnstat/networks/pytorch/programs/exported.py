"""Programs of `torch.export`, `.pt2`: a graph of operators, each of which says which module it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bnstat.errors import InputError
from bnstat.networks.pytorch.calls import FUNCTIONS, Call
from bnstat.networks.pytorch.programs.program import Handler, ProgramCall, first_names, unknown_normalization
from bnstat.text import plural


class ExportedGraph:
    """An exported program, as `Program` has it."""

    frozen = False

    def __init__(self, program: Any) -> None:
        self._program = program
        self._module = program.module()
        self.weights: Mapping[str, torch.Tensor] = program.state_dict
        self.parameters = sum(value.numel() for value in self._module.parameters())
        self.sizes = _sizes(self._module)
        self._first = first_names(self.weights)
        self.missed = _missed(self._module)

    def run(self, batch: torch.Tensor, handler: Handler) -> Any:
        """Run the graph, node by node."""
        handler.begin()
        return _Run(self._module, handler, self._first).run(batch)

    def write(self, path: str) -> None:
        """Write the program with its weights as they are now."""
        torch.export.save(self._program, path)


def exported_program(model: str, device: torch.device) -> ExportedGraph:
    """Read a `.pt2` file.

    Raises:
        InputError: if it cannot be read, or takes another input than one tensor.
    """
    try:
        program = torch.export.load(model)
    except Exception as error:  # of many kinds, by the version that wrote it
        said = " ".join(str(error).split())[:200]
        raise InputError(
            model, f"PyTorch {torch.__version__} cannot read this program ({said}); export it again with this version"
        ) from error
    inputs = len(program.graph_signature.user_inputs)
    if inputs != 1:
        raise InputError(model, f"it takes {inputs} inputs, and a network of volumes takes 1; export it with one input")
    if device.type != "cpu":
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, device)
    return ExportedGraph(program)


class _Run(torch.fx.Interpreter):
    """One run of a graph. An operator that normalizes is handed over."""

    def __init__(self, module: torch.fx.GraphModule, handler: Handler, first: Mapping[str, str]) -> None:
        super().__init__(module)
        self._first = first
        self.extra_traceback = False
        self._handler = handler
        self._node: torch.fx.Node | None = None

    def run_node(self, n: torch.fx.Node) -> Any:
        self._node = n
        return super().run_node(n)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target not in FUNCTIONS or self._node is None:
            return super().call_function(target, args, kwargs)
        call = Call(target, args, kwargs)
        layer, kind = _module_of(self._node)
        returns = len(target._schema.returns)
        return self._handler(ProgramCall(self._first.get(layer, layer), call.kind, call, "Norm" not in kind, returns))


def _module_of(node: torch.fx.Node) -> tuple[str, str]:
    """Return the name and the class of the module that a node comes from."""
    stack = node.meta.get("nn_module_stack") or {"": ("", "")}
    name, kind = next(reversed(stack.values()))
    kind = kind if isinstance(kind, str) else kind.__name__
    return str(name), kind.rpartition(".")[2]


def _sizes(module: torch.fx.GraphModule) -> tuple[int | None, ...] | None:
    """Return the size of each axis of the input; None for one that may differ."""
    for node in module.graph.nodes:
        if node.op == "placeholder":
            value = node.meta.get("val")
            if isinstance(value, torch.Tensor):
                return tuple(size if isinstance(size, int) else None for size in value.shape)
    return None


def _missed(module: torch.fx.GraphModule) -> tuple[str, ...]:
    """Return sentences on normalizations in parts of the graph that run only sometimes, and on unknown operators."""
    found = [node for node in module.graph.nodes if node.op == "call_function" and node.target not in FUNCTIONS]
    unknown = [sentence for node in found if (sentence := unknown_normalization(str(node.target))) is not None]
    inside = [part for part in module.modules() if part is not module and isinstance(part, torch.fx.GraphModule)]
    hidden = [node for part in inside for node in part.graph.nodes if node.op == "call_function"]
    number = sum(node.target in FUNCTIONS for node in hidden)
    branches = (
        [f"{plural(number, 'normalization')} in branches of the program, which are not measured"] if number else []
    )
    return (*dict.fromkeys(unknown), *branches)
