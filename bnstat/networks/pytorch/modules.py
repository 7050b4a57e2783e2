"""The modules of a network: their names without wrappers, and which of them normalize."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from bnstat.networks.layer_names import WRAPPERS

# Wrappers that hold what they wrap as "module", which is a name that others may have too.
_HOLDERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, torch.optim.swa_utils.AveragedModel)

# What PyTorch itself normalizes with. Their `forward` calls a function that is seen.
_OF_TORCH = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)

# Words of class names that normalize weights, not what a layer gets.
_OF_WEIGHTS = ("weight", "spectral", "parametri")

# What the network's own `forward` is called, since the network itself has no name.
ROOT = "forward"


def unwrapped(module: nn.Module) -> nn.Module:
    """Return what wrappers of torch.compile, DataParallel and DistributedDataParallel hold, or the module itself."""
    while True:
        held = module.module if isinstance(module, _HOLDERS) else getattr(module, "_orig_mod", None)
        if not isinstance(held, nn.Module):
            return module
        module = held


def named(module: nn.Module) -> dict[nn.Module, str]:
    """Return every module with its name, which has no part that only a wrapper adds. Shared modules have the first."""
    names: dict[nn.Module, str] = {}

    def walk(parent: nn.Module, name: str) -> None:
        if parent in names:
            return
        names[parent] = name
        for part, child in parent.named_children():
            wrapped = part in WRAPPERS or (part == "module" and isinstance(parent, _HOLDERS))
            walk(child, name if wrapped else f"{name}.{part}" if name else part)

    walk(module, "")
    return {part: name or ROOT for part, name in names.items()}


def is_scripted(module: nn.Module) -> bool:
    """Return True if the module is compiled TorchScript, into which no hook reaches."""
    return isinstance(module, torch.jit.ScriptModule)


def stores_statistics(module: nn.Module) -> bool:
    """Return True if the module itself stores a running mean and variance, whatever class it is of."""
    return not is_scripted(module) and all(_held(module, name) is not None for name in ("running_mean", "running_var"))


def _held(module: nn.Module, name: str) -> torch.Tensor | None:
    held = module._buffers.get(name)
    return held if held is not None else module._parameters.get(name)


def calls_a_function(module: nn.Module) -> bool:
    """Return True if the module normalizes with a function of PyTorch that is seen when it is called."""
    if isinstance(module, nn.SyncBatchNorm) and torch.distributed.is_available() and torch.distributed.is_initialized():
        return False
    return isinstance(module, _OF_TORCH) and type(module).forward.__module__.startswith("torch.nn.modules.")


def normalizes(module: nn.Module) -> bool:
    """Return True if the module stands for a normalization: by its class, what it stores, or its name."""
    return isinstance(module, _OF_TORCH) or stores_statistics(module) or is_called_norm(module)


def is_called_norm(module: nn.Module) -> bool:
    """Return True if the module has no parts and is called a norm, and not one of weights."""
    name = str(module.original_name if is_scripted(module) else type(module).__name__).lower()
    return "norm" in name and not any(True for _ in module.children()) and not any(w in name for w in _OF_WEIGHTS)
