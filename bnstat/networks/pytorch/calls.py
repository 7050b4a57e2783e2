"""The functions of PyTorch that normalize, and one call of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from bnstat.layers.frameworks.pytorch import TORCH
from bnstat.networks.normalization import Kind

# A function of PyTorch: of `torch.nn.functional`, of `torch`, or an operator of `torch.ops.aten`.
Function = Callable[..., Any]


@dataclass(frozen=True)
class Signature:
    """What a function normalizes over, and the names of its arguments in order."""

    kind: Kind
    arguments: tuple[str, ...]


def _signature(kind: Kind, arguments: str) -> Signature:
    return Signature(kind, tuple(arguments.split()))


# torch.nn.functional has running statistics before γ and β; `torch` and the operators have them after.
_IN_FUNCTIONAL: dict[Function, Signature] = {
    functional.batch_norm: _signature("batch", "input running_mean running_var weight bias training momentum eps"),
    functional.instance_norm: _signature(
        "instance", "input running_mean running_var weight bias use_input_stats momentum eps"
    ),
    functional.group_norm: _signature("group", "input num_groups weight bias eps"),
    functional.layer_norm: _signature("layer", "input normalized_shape weight bias eps"),
    functional.rms_norm: _signature("rms", "input normalized_shape weight eps"),
}
_WITH_STATISTICS = "input weight bias running_mean running_var training momentum eps"
OPERATORS = {
    "batch_norm": _signature("batch", f"{_WITH_STATISTICS} cudnn_enabled"),
    "native_batch_norm": _signature("batch", _WITH_STATISTICS),
    "_native_batch_norm_legit": _signature("batch", _WITH_STATISTICS),
    "_native_batch_norm_legit_no_training": _signature(
        "batch", "input weight bias running_mean running_var momentum eps"
    ),
    "_batch_norm_with_update": _signature("batch", "input weight bias running_mean running_var momentum eps"),
    "_batch_norm_no_update": _signature("batch", "input weight bias running_mean running_var momentum eps"),
    "cudnn_batch_norm": _signature(
        "batch", "input weight bias running_mean running_var training exponential_average_factor epsilon"
    ),
    "miopen_batch_norm": _signature(
        "batch", "input weight bias running_mean running_var training exponential_average_factor epsilon"
    ),
    "instance_norm": _signature(
        "instance", "input weight bias running_mean running_var use_input_stats momentum eps cudnn_enabled"
    ),
    "group_norm": _signature("group", "input num_groups weight bias eps cudnn_enabled"),
    "native_group_norm": _signature("group", "input weight bias N C HxW group eps"),
    "layer_norm": _signature("layer", "input normalized_shape weight bias eps cudnn_enable"),
    "native_layer_norm": _signature("layer", "input normalized_shape weight bias eps"),
    "rms_norm": _signature("rms", "input normalized_shape weight eps"),
    "_fused_rms_norm": _signature("rms", "input normalized_shape weight eps"),
}
# The operators that take batch statistics and have no argument that says so.
_ALWAYS_OWN = ("_batch_norm_with_update",)

# What arguments mean under the names that only some functions have.
_ROLES = {
    "use_input_stats": "training",
    "num_groups": "groups",
    "group": "groups",
    "exponential_average_factor": "momentum",
    "epsilon": "eps",
}
# What PyTorch takes for an argument that is left out.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "instance": {"training": True, "eps": TORCH.epsilon, "momentum": TORCH.momentum},
    "rms": {"eps": None},
}
_OTHER_DEFAULTS = {"training": False, "eps": TORCH.epsilon, "momentum": TORCH.momentum}


def _functions() -> Iterator[tuple[Function, Signature]]:
    """Yield every function that normalizes, under each name by which it can be called."""
    yield from _IN_FUNCTIONAL.items()
    for name, signature in OPERATORS.items():
        if hasattr(torch, name):
            yield getattr(torch, name), signature
        packet = getattr(torch.ops.aten, name, None)
        if packet is None:  # of another release
            continue
        yield packet, signature
        for overload in packet.overloads():
            operator = getattr(packet, overload)
            named = tuple(argument.name for argument in operator._schema.arguments)
            yield operator, Signature(signature.kind, named)


FUNCTIONS: dict[Function, Signature] = dict(_functions())


class Call:
    """One call of a function that normalizes.

    Attributes:
        kind: What it normalizes over.
        input: The tensor that is normalized.
    """

    def __init__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        signature = FUNCTIONS[function]
        self.kind = signature.kind
        self._function, self._args, self._kwargs = function, args, kwargs
        named = dict(zip(signature.arguments, args, strict=False)) | kwargs
        self._values = {_ROLES.get(name, name): value for name, value in named.items()}
        self.input: torch.Tensor = self._values["input"]

    def __getitem__(self, role: str) -> Any:
        """Return an argument by what it means, or its default."""
        defaults = _DEFAULTS.get(self.kind, _OTHER_DEFAULTS)
        return self._values.get(role, defaults.get(role))

    @property
    def takes_own_statistics(self) -> bool:
        """True if it normalizes with the statistics of its input and not with stored ones."""
        if self.kind not in ("batch", "instance") or self["running_var"] is None:
            return True
        return bool(self["training"]) or getattr(self._function, "__name__", "") in _ALWAYS_OWN

    def run(self) -> Any:
        """Return what the function returns."""
        return self._function(*self._args, **self._kwargs)

    def run_with_own_statistics(self) -> Any:
        """Return what the function returns with the statistics of its input, which alters no stored ones."""
        if self.takes_own_statistics and self["running_var"] is None:
            return self.run()
        affine = (self["weight"], self["bias"])
        if self.kind == "instance":
            return functional.instance_norm(self.input, None, None, *affine, True, 0.0, self["eps"])
        output = functional.batch_norm(self.input, None, None, *affine, True, 0.0, self["eps"])
        if self._function in (functional.batch_norm, torch.batch_norm) or "native" not in _name(self._function):
            return output
        return torch.native_batch_norm(self.input, *affine, None, None, True, 0.0, self["eps"])


def _name(function: Function) -> str:
    return str(getattr(function, "__name__", function))
