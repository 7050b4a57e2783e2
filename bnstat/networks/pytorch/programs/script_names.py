"""The names of the normalizations of a TorchScript program, in the order in which they can run.

While a program runs, an operator does not say which module called it. The program's own graphs do: calls of methods
lead from module to module, down to the operators. Branches make more than one order possible, and the operators that
did run choose among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from bnstat.networks.normalization import Kind

# Operators, and functions of torch.nn.functional, by their names in graphs.
_KINDS: dict[str, Kind] = {
    "aten::batch_norm": "batch",
    "aten::instance_norm": "instance",
    "aten::group_norm": "group",
    "aten::layer_norm": "layer",
    "aten::rms_norm": "rms",
    "batch_norm": "batch",
    "instance_norm": "instance",
    "group_norm": "group",
    "layer_norm": "layer",
    "rms_norm": "rms",
}
_DEEPEST = 100
# What PyTorch runs as arithmetic on some devices, so that no operator stands for it.
_UNSEEN: Kind = "rms"


@dataclass(frozen=True)
class Named:
    """A normalization of the program.

    Attributes:
        layer: The name of the module whose method has it.
        kind: What it normalizes over.
        functional: True if no module of its own stands for it.
    """

    layer: str
    kind: Kind
    functional: bool


@dataclass(frozen=True)
class _Choice:
    """Branches of which one runs."""

    branches: tuple[tuple[Any, ...], ...]


_Steps: TypeAlias = tuple["Named | _Choice", ...]


@dataclass(frozen=True)
class _Scope:
    """A method that is looked through.

    Attributes:
        module: The module whose method it is.
        path: Its name.
        given: The modules that the method gets, itself first, each with its name, by the names of its inputs.
        depth: The number of methods around it.
    """

    module: Any
    path: str
    given: dict[str, tuple[Any, str]]
    depth: int


def steps_of(module: Any) -> _Steps:
    """Return the normalizations of a scripted module in the order of its graphs."""
    graph = module.graph
    own = next(iter(graph.inputs())).debugName()
    return tuple(_of_block(graph, _Scope(module, "", {own: (module, "")}, 0)))


def assigned(steps: _Steps, fits: Sequence[Callable[[Named], bool]]) -> list[Named] | None:
    """Return which normalization each operator that ran is; None if the graphs do not tell.

    Args:
        steps: The normalizations in the order of the graphs.
        fits: For each operator that ran a function that is True if it can be the one with this name.
    """
    for found in _matches(steps, 0, fits):
        if len(found) == len(fits):
            return list(found)
    return None


def beginning(steps: _Steps, fits: Sequence[Callable[[Named], bool]], kind: Kind | None) -> list[Named]:
    """Return the normalizations of a pass that stopped after some operators, and what can follow; none if unknown.

    Args:
        steps: The normalizations in the order of the graphs.
        fits: For each operator that ran a function, as in `assigned`.
        kind: What the next one normalizes over, which did not run; None if that is not known.
    """

    def follows(named: Named) -> bool:
        return kind in (None, named.kind)

    def anything(_: Named) -> bool:
        return True

    most = sum(1 for _ in all_named(steps))
    return list(next(_matches(steps, 0, [*fits, follows, *[anything] * most]), ()))


def unseen(steps: _Steps, names: Sequence[Named]) -> tuple[str, ...]:
    """Return sentences on the normalizations in the graphs that run as arithmetic, and not as an operator."""
    layers = dict.fromkeys(one.layer for one in all_named(steps) if one.kind == _UNSEEN and one not in names)
    return tuple(
        f"{layer or 'the program'} has an RMS norm, which TorchScript runs as arithmetic that cannot be seen; write "
        "the network with torch.export"
        for layer in layers
    )


def all_named(steps: _Steps) -> Iterator[Named]:
    """Yield every normalization of the graphs, of all branches."""
    for step in steps:
        if isinstance(step, _Choice):
            for branch in step.branches:
                yield from all_named(branch)
        else:
            yield step


def _matches(steps: _Steps, at: int, fits: Sequence[Callable[[Named], bool]]) -> Iterator[tuple[Named, ...]]:
    """Yield the ways in which these steps can be the operators from one place on."""
    head: list[Named] = []
    for place, step in enumerate(steps):
        if isinstance(step, _Choice):
            for branch in step.branches:
                for inner in _matches(branch, at, fits):
                    for tail in _matches(steps[place + 1 :], at + len(inner), fits):
                        yield (*head, *inner, *tail)
            return
        if at >= len(fits) or not fits[at](step):
            if step.kind == _UNSEEN:
                continue
            return
        head.append(step)
        at += 1
    yield tuple(head)


def _of_block(block: Any, scope: _Scope) -> Iterator[Named | _Choice]:
    for node in block.nodes():
        kind = node.kind()
        name = _function_name(node) if kind == "prim::CallFunction" else kind
        if name in _KINDS:
            yield Named(scope.path, _KINDS[name], "Norm" not in _class_of(scope.module))
        elif kind == "prim::CallMethod":
            yield from _of_method(node, scope)
        elif kind == "prim::If":
            yield from _of_branches(node, scope)
        else:
            for inner in node.blocks():  # a loop, of which one round is taken
                yield from _of_block(inner, scope)


def _of_branches(node: Any, scope: _Scope) -> Iterator[Named | _Choice]:
    branches = [tuple(_of_block(inner, scope)) for inner in node.blocks()]
    different = tuple(dict.fromkeys(branches))
    if len(different) == 1:
        yield from different[0]
    else:
        yield _Choice(different)


def _of_method(node: Any, scope: _Scope) -> Iterator[Named | _Choice]:
    """Yield what a method of a module normalizes."""
    values = list(node.inputs())
    receiver = _module_of(values[0], scope)
    if receiver is None or scope.depth > _DEEPEST:
        return
    called, path = receiver
    name = node.s("name")
    graph = called.graph if name == "forward" else getattr(getattr(called, name, None), "graph", None)
    if graph is None:
        return
    # a traced module may be handed over to a method of another one
    given = {
        inside.debugName(): found
        for inside, value in zip(graph.inputs(), values, strict=False)
        if (found := _module_of(value, scope)) is not None
    }
    yield from _of_block(graph, _Scope(called, path, given, scope.depth + 1))


def _module_of(value: Any, scope: _Scope) -> tuple[Any, str] | None:
    """Return the module that a value of a graph is, and its name; None if it is none."""
    names = []
    node = value.node()
    while node.kind() == "prim::GetAttr":
        names.append(node.s("name"))
        value = next(iter(node.inputs()))
        node = value.node()
    found = scope.given.get(value.debugName())
    for name in reversed(names):
        if found is None:
            return None
        module, path = getattr(found[0], name, None), f"{found[1]}.{name}".lstrip(".")
        found = None if module is None or not hasattr(module, "original_name") else (module, path)
    return found


def _function_name(node: Any) -> str:
    constant = next(iter(node.inputs())).node()
    return str(constant.s("name")) if constant.hasAttribute("name") else ""


def _class_of(module: Any) -> str:
    return str(getattr(module, "original_name", ""))
