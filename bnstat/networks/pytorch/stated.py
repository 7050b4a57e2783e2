"""What a call or a module states of its normalization: ε, momentum, stored statistics, γ and β."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from bnstat.networks.normalization import Normalization
from bnstat.networks.pytorch.calls import Call
from bnstat.networks.pytorch.modules import normalizes
from bnstat.networks.pytorch.reduction import doubles


def of_call(
    layer: str,
    call: Call,
    module: nn.Module,
    channels: int,
    mean: torch.Tensor | None,
    variance: torch.Tensor | None,
    *,
    training: bool,
) -> Normalization:
    """Return what the arguments of a call say.

    Args:
        layer: The name of the layer.
        call: The call.
        module: The module whose `forward` it is in.
        channels: The number of channels.
        mean: The running mean, None without one.
        variance: The running variance, likewise.
        training: True in training mode, where a call that takes stored statistics is frozen.
    """
    epsilon = call["eps"]
    stores = variance is not None
    return Normalization(
        layer=layer,
        kind=call.kind,
        epsilon=float(torch.finfo(call.input.dtype).eps if epsilon is None else epsilon),
        groups=call["groups"] if call.kind == "group" else None,
        momentum=_momentum(call, module) if stores else None,
        running_mean=doubles(mean, channels),
        running_variance=doubles(variance, channels),
        scale=doubles(call["weight"], channels),
        shift=doubles(call["bias"], channels),
        functional=not normalizes(module),
        frozen=stores and (_is_frozen(module) or (training and not call.takes_own_statistics)),
    )


def of_module(layer: str, module: Any, channels: int, own: Callable[[torch.Tensor], torch.Tensor]) -> Normalization:
    """Return what the buffers and attributes of a module with arithmetic of its own say: a batch norm.

    Args:
        layer: The name of the layer.
        module: The module, which stores a running mean and variance.
        channels: The number of channels.
        own: Returns the module's own tensor for one that it was lent for the pass.
    """
    return Normalization(
        layer=layer,
        kind="batch",
        epsilon=epsilon_of(module),
        momentum=getattr(module, "momentum", None),
        running_mean=doubles(own(module.running_mean), channels),
        running_variance=doubles(own(module.running_var), channels),
        scale=doubles(getattr(module, "weight", None), channels),
        shift=doubles(getattr(module, "bias", None), channels),
        frozen=_is_frozen(module),
    )


def epsilon_of(module: Any) -> float:
    """Return the ε of a module under the names that it has; 0 without one."""
    return float(getattr(module, "eps", getattr(module, "epsilon", 0.0)))


def _momentum(call: Call, module: nn.Module) -> float | None:
    """Return the momentum that a module has; that of the call for a function, where cumulative ones look alike."""
    momentum = module.momentum if isinstance(module, _NormBase) else call["momentum"]
    return None if momentum is None else float(momentum)


def _is_frozen(module: nn.Module) -> bool:
    """Return True if the class of a module says that its statistics are fixed, as FrozenBatchNorm2d does."""
    return "frozen" in type(module).__name__.lower()
